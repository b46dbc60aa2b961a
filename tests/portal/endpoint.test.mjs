// The built-in endpoint: connection strings, partitions, readers, consumer groups.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Message, allowTrouble, assertAccessible, checkLooks, connectDevice, identityString, openPage,
  screenshot, sendAll, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const device = await hub.createDevice('sensor-1');

const button = (page, name) => page.getByRole('button', { name, exact: true });
const link = (page, name) => page.getByRole('link', { name, exact: true });
const alert = (page) => page.getByRole('alert');
const table = (page, name) => page.getByRole('region', { name }).getByRole('table');

test('the page can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'endpoint', '/portal/endpoint'));

test('name and endpoint are there to copy', async (t) => {
  const page = await openPage(t, hub);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/portal/endpoint');

  await button(page, 'Copy endpoint').click();

  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `sb://${hub.host}/`);
  assert.equal(await page.locator('#name').innerText(), 'localhost');
});

test('a connection string is shown when it is asked for, without script, too', async (t) => {
  const key = await hub.policyKey('service');
  const page = await openPage(t, hub, { script: false });
  await page.goto('/portal/endpoint');
  assert.ok(!(await page.content()).includes(key));

  await page.getByLabel('Policy').selectOption('service');
  await button(page, 'Show connection string').click();

  assert.equal(await page.locator('#string').innerText(),
    `Endpoint=sb://${hub.host}/;SharedAccessKeyName=service;SharedAccessKey=${key};` +
    'EntityPath=localhost');
  const options = await page.getByLabel('Policy').locator('option').allInnerTexts();
  assert.deepEqual(options, ['iothubowner', 'service'], 'those that may read');
});

test('events that come are counted without loading the page anew', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal/endpoint');
  const before = await table(page, 'Partitions').innerText();
  assert.match(before, /never/);
  const client = await connectDevice(t, hub, identityString(hub, device));

  await sendAll(client, [1, 2, 3].map((n) => new Message(`${n}`)));

  await table(page, 'Partitions').locator('data[value="3"]').first().waitFor();
  await page.getByText('3 events are kept').waitFor();
});

test('who reads is shown, with how far behind they are', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal/endpoint');
  await page.getByText('Nobody.').waitFor();
  const client = await connectDevice(t, hub, identityString(hub, device));

  const following = hub.cli('monitor-events', '--consumer-group', '$Default',
    '--message-count', '1', '--timeout', '60');
  const reader = table(page, 'Readers').getByRole('row', { name: /^\$Default/ }).first();
  await reader.waitFor();

  assert.match(await reader.innerText(), /Event stream\s+0/);
  await screenshot(page, 'endpoint-readers');
  await assertAccessible(page);
  await sendAll(client, [new Message('the end')]);
  await following;
  await page.getByText('Nobody.').waitFor();
});

test('a consumer group is added, and deleted after it was confirmed', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal/endpoint');

  await page.getByLabel('New consumer group').fill('dashboard');
  await button(page, 'Add').click();
  await page.getByText('Consumer group dashboard is added.').waitFor();
  await table(page, 'Consumer groups').getByRole('rowheader', { name: 'dashboard' }).waitFor();
  assert.equal(await link(page, 'Delete $Default').count(), 0);

  await link(page, 'Delete dashboard').click();
  await button(page, 'Delete').click();
  await page.getByText('Consumer group dashboard is deleted.').waitFor();
  assert.equal(await link(page, 'Delete dashboard').count(), 0);
});

test('a group that there is already is not added', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 409/);
  await page.goto('/portal/endpoint');

  await page.getByLabel('New consumer group').fill('$default');
  await button(page, 'Add').click();

  await alert(page).filter({ hasText: 'There is a consumer group $default already.' }).waitFor();
  assert.equal(await page.getByLabel('New consumer group').inputValue(), '$default');
});

test('a group that the hub refuses stays in the field', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);
  await page.goto('/portal/endpoint');

  await page.getByLabel('New consumer group').fill('not a name');
  await button(page, 'Add').click();

  await alert(page).waitFor();
  assert.equal(await page.getByLabel('New consumer group').inputValue(), 'not a name');
});

test('a back end sees partitions and readers, and nothing that only operators may', async (t) => {
  const page = await openPage(t, hub, { as: 'service' });

  await page.goto('/portal/endpoint');

  await table(page, 'Partitions').waitFor();
  assert.equal(await button(page, 'Show connection string').count(), 0);
  assert.equal(await page.getByLabel('New consumer group').count(), 0);
});

test('who may not read events is told so', async (t) => {
  const page = await openPage(t, hub, { as: 'registryRead' });
  allowTrouble(page, /status of 40[13]/);

  await page.goto('/portal/endpoint');

  await alert(page).waitFor();
});
