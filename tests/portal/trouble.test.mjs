// A hub in trouble, and at work: what its overview and its settings say then.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  Message, allowTrouble, assertAccessible, assertFits, connectDevice, identityString, openPage,
  screenshot, sendAll, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const state = (page) => page.locator('#figures dd').first();

/** An event that the hub refuses is not acknowledged: its sending is given up. */
function trySend(client) {
  client.sendEvent(new Message('{}')).catch(() => {});
}

test('a hub that can\'t write its events says so, and when it can again', async (t) => {
  const device = await hub.createDevice('sender');
  const client = await connectDevice(t, hub, identityString(hub, device));
  const page = await openPage(t, hub);
  await page.goto('/portal');
  await state(page).filter({ hasText: 'Ready' }).waitFor();

  // As on a full disk: nothing is written from here on.
  hub.stopWrites();
  t.after(() => hub.allowWrites());
  trySend(client);
  await state(page).filter({ hasText: 'Refuses events' }).waitFor({ timeout: 30_000 });
  await page.getByText('The hub takes no events: there is no room').waitFor();

  await screenshot(page, 'overview-refusing');
  await assertAccessible(page);
  const narrow = await openPage(t, hub, { narrow: true, dark: true });
  await narrow.goto('/portal');
  await state(narrow).filter({ hasText: 'Refuses events' }).waitFor();
  await screenshot(narrow, 'overview-refusing-narrow');
  await assertFits(narrow);
  await assertAccessible(narrow);
  hub.allowWrites();
  await state(page).filter({ hasText: 'Ready' }).waitFor({ timeout: 30_000 });
});

test('what can\'t be stored is refused in a sentence, and stays in the form', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of (400|5\d\d)/);
  await page.goto('/portal/devices/new');
  await page.getByLabel('Device ID').fill('unstored');

  hub.stopWrites();
  t.after(() => hub.allowWrites());
  await page.getByRole('button', { name: 'Add', exact: false }).first().click();
  await page.getByRole('alert').first().waitFor();
  hub.allowWrites();

  await screenshot(page, 'trouble-unstored');
  assert.match(await page.getByRole('alert').first().innerText(), /\w+ \w+.*\./);
  assert.equal(await page.getByLabel('Device ID').inputValue(), 'unstored');
  await assertAccessible(page);
});

/** Starts a backup on a page whose state of backups is not refreshed meanwhile. */
async function startBackup(page, folder) {
  await page.route('**/portal/settings/backup', (route) => {
    if (route.request().method() !== 'GET') route.continue();
  });
  await page.goto('/portal/settings');
  await page.getByLabel("Folder on the hub's machine").fill(folder);
  await page.getByRole('button', { name: 'Start backup', exact: true }).click();
  await page.getByText('has begun').waitFor();
  return page.locator('#backup').innerText();
}

test('a backup that is under way shows how far it is, and can be given up', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, await hub.createDevice('writer')));
  // Enough that a copy of it takes a while.
  await sendAll(client, Array.from({ length: 300 }, () => ({ ballast: 'x'.repeat(200_000) })));
  const page = await openPage(t, hub);
  allowTrouble(page, /ERR_ABORTED/);

  let shown = '';
  for (let number = 0; number < 5 && !/running/.test(shown); number += 1) {
    shown = await startBackup(page, join(hub.folder, `backup-${number}`));
  }

  assert.match(shown, /running/);
  await page.getByLabel('Progress of the backup').waitFor();
  await screenshot(page, 'settings-backup-running');
  await assertAccessible(page);
  await page.getByRole('link', { name: 'Cancel backup' }).click();
  await page.getByRole('button', { name: 'Cancel backup' }).waitFor();
  await assertAccessible(page);
});

test('a backup that fails says why', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal/settings');
  await page.getByLabel("Folder on the hub's machine").fill(join(hub.folder, 'no-room'));

  hub.stopWrites();
  t.after(() => hub.allowWrites());
  await page.getByRole('button', { name: 'Start backup', exact: true }).click();
  await page.locator('#backup').filter({ hasText: 'failed' }).waitFor();
  hub.allowWrites();

  assert.match(await page.locator('#backup .field-error').innerText(), /\w+ \w+/);
  await screenshot(page, 'settings-backup-failed');
  await assertAccessible(page);
});
