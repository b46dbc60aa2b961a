// A module's pages, and the list of a device's modules.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  allowTrouble, checkLooks, connectDevice, identityString, openPage, pages, startHub,
} from './support/portal.mjs';

const hub = await startHub();
await hub.createDevice('pump-7');
const main = (page) => page.getByRole('main');
const button = (page, name) => main(page).getByRole('button', { name, exact: true });
const link = (page, name) => main(page).getByRole('link', { name, exact: true });
const field = (page, name) => main(page).getByLabel(name, { exact: true });
const modulePath = (moduleId) => `/devices/pump-7/modules/${encodeURIComponent(moduleId)}`;
const module = (moduleId) => hub.call('GET', modulePath(moduleId));

for (const name of ['module', 'module/twin', 'module/messages', 'module/method']) {
  test(`${name} can be looked at everywhere`, async (t) => {
    const moduleId = `look-${name.replace('/', '-')}`;
    await hub.createModule('pump-7', moduleId, { managedBy: 'somebody' });
    await checkLooks(t, hub, name.replace('/', '-'), `/portal/${name}?id=pump-7&module=${moduleId}`);
  });
}

test('a module is added with keys of one\'s own, and opened from the list', async (t) => {
  const page = await openPage(t, hub, { script: false });
  const key = Buffer.alloc(32, 'k').toString('base64');

  await page.goto('/portal/device/modules/new?id=pump-7');
  await field(page, 'Module ID').fill('sensor');
  await field(page, 'Managed by').fill('IotEdge');
  await field(page, 'Primary key').fill(key);
  await field(page, 'Secondary key').fill(key);
  await button(page, 'Add module').click();
  await page.waitForURL(/module=sensor/);
  await page.goto(pages('pump-7')['device-modules']);
  await link(page, 'sensor').click();
  await page.waitForURL(/module=sensor/);

  const added = await module('sensor');
  assert.equal(added.authentication.symmetricKey.primaryKey, key);
  assert.equal(added.managedBy, 'IotEdge');
});

test('a module that the hub refuses stays in the form', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 4/);
  await page.goto('/portal/device/modules/new?id=pump-7');

  await field(page, 'Module ID').fill('$edgeAgent');
  await field(page, 'Managed by').fill('kept');
  await button(page, 'Add module').click();

  await main(page).getByRole('alert').waitFor();
  assert.equal(await field(page, 'Module ID').getAttribute('aria-invalid'), 'true');
  assert.equal(await field(page, 'Managed by').inputValue(), 'kept');
});

test('a module\'s connection string lets its program in, and its method answers', async (t) => {
  const document = await hub.createModule('pump-7', 'controller');
  const page = await openPage(t, hub, { script: false });
  await page.goto(pages('pump-7', 'controller').module);
  await button(page, 'Show keys').click();
  const shown = await page.locator('#primary-connection-string').innerText();
  assert.equal(shown, identityString(hub, document));
  const client = await connectDevice(t, hub, shown);
  client.onMethod('beep', (request, response) => response.send(200, request.payload));

  await link(page, 'Method').click();
  await field(page, 'Method name').fill('beep');
  await field(page, 'Payload').fill('"twice"');
  await field(page, 'Connect timeout, in seconds').fill('20');
  await button(page, 'Call method').click();

  const answer = main(page).getByRole('region', { name: 'Answer of beep' });
  await answer.getByText('200').waitFor();
  assert.match(await answer.innerText(), /"twice"/);
});

test('a message waits for a module', async (t) => {
  await hub.createModule('pump-7', 'receiver');
  const page = await openPage(t, hub);
  await page.goto(pages('pump-7', 'receiver').module);

  await link(page, 'Messages').click();
  await field(page, 'Body').fill('hello');
  await button(page, 'Send message').click();
  await main(page).getByText('waits for the module pump-7/receiver').waitFor();

  assert.equal((await module('receiver')).cloudToDeviceMessageCount, 1);
});

test('a module\'s key is rolled, and the module deleted once it is confirmed', async (t) => {
  const document = await hub.createModule('pump-7', 'short-lived');
  const page = await openPage(t, hub);
  await page.goto(pages('pump-7', 'short-lived').module);

  await link(page, 'Roll secondary key').click();
  await button(page, 'Roll secondary key').click();
  await main(page).getByText('There is a new secondary key.').waitFor();
  const rolled = (await module('short-lived')).authentication.symmetricKey;
  await link(page, 'Delete this module').click();
  await button(page, 'Delete').click();
  await page.waitForURL(/\/portal\/device\/modules/);

  assert.equal(rolled.primaryKey, document.authentication.symmetricKey.primaryKey);
  assert.notEqual(rolled.secondaryKey, document.authentication.symmetricKey.secondaryKey);
  await assert.rejects(module('short-lived'), /404/);
});

test('nobody is offered to change a module of the edge runtime', async (t) => {
  await hub.createDevice('hall', { capabilities: { iotEdge: true } });
  const page = await openPage(t, hub);

  await page.goto(pages('hall')['device-modules']);
  await link(page, '$edgeAgent').click();
  await page.waitForURL(/edgeAgent/);

  assert.match(await main(page).innerText(), /edge runtime's/);
  assert.equal(await button(page, 'Save').count(), 0);
  assert.equal(await link(page, 'Delete this module').count(), 0);
});
