// Settings: what the hub is set to, and backups.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { allowTrouble, checkLooks, eventually, openPage, startHub } from './support/portal.mjs';

const hub = await startHub();

const button = (page, name) => page.getByRole('button', { name, exact: true });
const alert = (page) => page.getByRole('alert');
const setting = (page, name) => page.getByRole('row', { name });

test('the page can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'settings', '/portal/settings'));

test('settings stand with the keys that change them', async (t) => {
  const page = await openPage(t, hub);

  await page.goto('/portal/settings');

  assert.match(await setting(page, /^Retention/).innerText(), /1\s+day\s+hub\.retention_days/);
  assert.match(await setting(page, /^Host names/).innerText(), new RegExp(hub.host));
  assert.match(await setting(page, /^Modules per device/).innerText(), /20/);
  assert.match(await setting(page, /^Devices and modules/).innerText(), /1,000,000/);
  await page.getByText(join(hub.dataFolder, 'twinhub.toml')).waitFor();
  assert.equal(await page.getByRole('region', { name: 'Others' }).count(), 0,
    'each setting has its place');
});

test('numbers are in the reader\'s format', async (t) => {
  const page = await openPage(t, hub, { locale: 'de-DE' });

  await page.goto('/portal/settings');

  assert.match(await setting(page, /^Devices and modules/).innerText(), /1\.000\.000/);
});

for (const script of [true, false]) {
  test(`a backup is made, ${script ? 'with' : 'without'} script`, async (t) => {
    const folder = join(hub.folder, `backup-${script}`);
    const page = await openPage(t, hub, { script });

    await page.goto('/portal/settings');
    await page.getByLabel("Folder on the hub's machine").fill(folder);
    await button(page, 'Start backup').click();
    await page.getByText(`A backup into ${folder} has begun.`).waitFor();

    await eventually('backup', async () => {
      if (!script) await page.reload();
      const text = await page.locator('#backup').innerText();
      return text.includes(folder) && /completed/.test(text);
    });
    assert.ok(existsSync(join(folder, 'backup.json')));
  });
}

test('a folder that won\'t do is refused and stays in the field', async (t) => {
  const folder = join(hub.folder, 'full');
  await mkdir(folder);
  await writeFile(join(folder, 'file'), '');
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);
  await page.goto('/portal/settings');

  await page.getByLabel("Folder on the hub's machine").fill(folder);
  await button(page, 'Start backup').click();

  await alert(page).filter({ hasText: 'is not empty' }).waitFor();
  assert.equal(await page.getByLabel("Folder on the hub's machine").inputValue(), folder);
});

test('giving up a backup is confirmed, and says so when it was there before', async (t) => {
  const page = await openPage(t, hub);

  await page.goto('/portal/settings/backup/cancel');
  await button(page, 'Cancel backup').click();

  await page.getByText('The backup was there before it could be cancelled.').waitFor();
});

test('who is no operator is told how to become one', async (t) => {
  const page = await openPage(t, hub, { as: 'iothubowner' });
  allowTrouble(page, /status of 403/);

  const response = await page.goto('/portal/settings');

  assert.equal(response.status(), 403);
  await alert(page).filter({ hasText: 'twinhub portal-link' }).waitFor();
});
