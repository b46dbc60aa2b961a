// A device's pages: who it is, its keys, what is sent to it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import {
  HOSTILE, HOSTILE_ID, allowTrouble, assertAccessible, assertInert, checkLooks, connectDevice,
  eventually, identityString, openPage, screenshot, startHub, within,
} from './support/portal.mjs';

const hub = await startHub();
const main = (page) => page.getByRole('main');
const button = (page, name) => main(page).getByRole('button', { name, exact: true });
const link = (page, name) => main(page).getByRole('link', { name, exact: true });
const field = (page, name) => main(page).getByLabel(name, { exact: true });
const device = (id) => hub.call('GET', `/devices/${encodeURIComponent(id)}`);

const address = (deviceId, name) =>
  `/portal/${name.replaceAll('-', '/')}?${new URLSearchParams({ id: deviceId })}`;

/** A page of a new device. */
async function openDevice(t, deviceId, name, options = {}) {
  const { fields, ...how } = options;
  const document = await hub.createDevice(deviceId, fields);
  const page = await openPage(t, hub, how);
  await page.goto(address(deviceId, name));
  return { page, document };
}

for (const name of ['device', 'device-messages', 'device-method', 'device-modules', 'device-modules-new']) {
  test(`${name} can be looked at everywhere`, async (t) => {
    await hub.createDevice(`look-${name}`, { statusReason: 'a reason' });
    await checkLooks(t, hub, name, address(`look-${name}`, name));
  });
}

test('a device shows how it stands, and goes on showing it', async (t) => {
  const { page, document } = await openDevice(t, 'stands', 'device');
  await main(page).getByText('Disconnected', { exact: true }).waitFor();

  await connectDevice(t, hub, identityString(hub, document));

  await main(page).getByText('Connected', { exact: true }).waitFor();
  const text = await main(page).innerText();
  assert.ok(text.includes(document.generationId) && text.includes(document.etag), text);
});

test('keys are shown when they are asked for, and not before', async (t) => {
  const { page, document } = await openDevice(t, 'keys', 'device', { script: false });
  const { primaryKey, secondaryKey } = document.authentication.symmetricKey;
  const before = await page.content();

  await button(page, 'Show keys').click();

  assert.ok(!before.includes(primaryKey) && !before.includes(secondaryKey), 'no key at first');
  const text = await main(page).innerText();
  assert.ok(text.includes(identityString(hub, document)), 'the primary connection string');
  assert.ok(text.includes(secondaryKey), 'the secondary key');
  assert.ok(!page.url().includes('Key'), 'the address has no key');
});

test('a connection string is copied without being shown', async (t) => {
  const { page, document } = await openDevice(t, 'copied', 'device');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);

  await button(page, 'Copy primary connection string').click();

  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await eventually('copy', async () => (await copied()) === identityString(hub, document));
  const { primaryKey } = document.authentication.symmetricKey;
  assert.ok(!(await page.content()).includes(primaryKey), 'no key in the page');
});

test('shown keys are accessible, in the dark, too', async (t) => {
  const { page } = await openDevice(t, 'keys-look', 'device', { dark: true, narrow: true });

  await button(page, 'Show keys').click();
  await link(page, 'Hide keys').waitFor();

  await screenshot(page, 'device-keys');
  await assertAccessible(page);
});

test('rolling a key leaves the other, and swapping makes them change places', async (t) => {
  const { page, document } = await openDevice(t, 'rolled', 'device');
  const keys = async () => (await device('rolled')).authentication.symmetricKey;
  const before = document.authentication.symmetricKey;

  await link(page, 'Roll primary key').click();
  await screenshot(page, 'device-roll');
  await assertAccessible(page);
  await button(page, 'Roll primary key').click();
  await main(page).getByText('There is a new primary key.').waitFor();
  const rolled = await keys();
  await link(page, 'Swap keys').click();
  await button(page, 'Swap keys').click();
  await main(page).getByText('The keys are swapped.').waitFor();

  assert.notEqual(rolled.primaryKey, before.primaryKey);
  assert.equal(rolled.secondaryKey, before.secondaryKey);
  assert.deepEqual(await keys(),
    { primaryKey: rolled.secondaryKey, secondaryKey: rolled.primaryKey });
});

test('a device is disabled for a reason, and its keys stay', async (t) => {
  const { page, document } = await openDevice(t, 'disabled', 'device', { script: false });

  await field(page, 'Status').selectOption('disabled');
  await field(page, 'Status reason').fill('leaks');
  await button(page, 'Save').click();
  await main(page).getByText('Disabled', { exact: true }).waitFor();

  const now = await device('disabled');
  assert.equal(now.status, 'disabled');
  assert.equal(now.statusReason, 'leaks');
  assert.deepEqual(now.authentication, document.authentication);
});

test('thumbprints are taken as tools print them', async (t) => {
  const { page } = await openDevice(t, 'certificate', 'device');
  const bytes = Array.from({ length: 20 }, (_, at) => (16 + at).toString(16).toUpperCase());

  await field(page, 'X.509 self-signed').check();
  await field(page, 'Primary thumbprint').fill(bytes.join(':'));
  await button(page, 'Save').click();
  await main(page).getByText('The device certificate is saved.').waitFor();

  const { authentication } = await device('certificate');
  assert.equal(authentication.type, 'selfSigned');
  assert.equal(authentication.x509Thumbprint.primaryThumbprint, bytes.join(''));
  assert.match(await main(page).innerText(), /x509=true/);
});

test('what the hub refuses stays in the form', async (t) => {
  const { page } = await openDevice(t, 'refused', 'device', { script: false });
  allowTrouble(page, /status of 400/);

  await field(page, 'X.509 self-signed').check();
  await field(page, 'Primary thumbprint').fill('no thumbprint');
  await field(page, 'Status reason').fill('kept');
  await button(page, 'Save').click();

  assert.match(await main(page).getByRole('alert').innerText(), /thumbprint/i);
  assert.equal(await field(page, 'Primary thumbprint').inputValue(), 'nothumbprint');
  assert.equal(await field(page, 'Status reason').inputValue(), 'kept');
});

test('a parent is an edge device, by its ID', async (t) => {
  await hub.createDevice('hall', { capabilities: { iotEdge: true } });
  const { page } = await openDevice(t, 'child', 'device');
  allowTrouble(page, /status of 400/);

  await field(page, 'Parent device').fill('certificate');
  await button(page, 'Save').click();
  const refused = await main(page).getByRole('alert').innerText();
  await field(page, 'Parent device').fill('hall');
  await button(page, 'Save').click();
  await main(page).getByText('The device child is saved.').waitFor();

  assert.match(refused, /not an IoT Edge device/);
  const [parent] = (await device('child')).parentScopes;
  assert.equal(parent, (await device('hall')).deviceScope);
  await link(page, 'hall').click();
  await page.waitForURL(/id=hall/);
});

test('of two who change an identity, the second is told', async (t) => {
  const { page } = await openDevice(t, 'twice', 'device');
  allowTrouble(page, /status of 412/);
  await field(page, 'Status reason').fill('mine');
  await hub.call('PUT', '/devices/twice',
    { ...(await device('twice')), statusReason: 'theirs' }, { headers: { 'if-match': '*' } });

  await button(page, 'Save').click();
  await main(page).getByRole('alert').waitFor();
  const between = (await device('twice')).statusReason;
  assert.equal(await field(page, 'Status reason').inputValue(), 'mine');
  await button(page, 'Save').click();
  await main(page).getByText('The device twice is saved.').waitFor();

  assert.equal(between, 'theirs');
  assert.equal((await device('twice')).statusReason, 'mine');
});

test('a device is deleted once it is confirmed', async (t) => {
  const { page } = await openDevice(t, 'deleted', 'device');
  await hub.createModule('deleted', 'sensor');

  await link(page, 'Delete this device').click();
  assert.match(await main(page).innerText(), /1 module/);
  await screenshot(page, 'device-delete');
  await assertAccessible(page);
  await button(page, 'Delete').click();
  await page.waitForURL(/\/portal\/devices$/);

  await assert.rejects(device('deleted'), /404/);
});

test('who only uses the service sees the device, and no keys', async (t) => {
  const { page, document } = await openDevice(t, 'seen', 'device', { as: 'service' });

  const text = await main(page).innerText();

  assert.match(text, /Symmetric key/);
  assert.equal(await button(page, 'Show keys').count(), 0);
  assert.equal(await button(page, 'Save').count(), 0);
  assert.ok(!(await page.content()).includes(document.authentication.symmetricKey.primaryKey));
  await link(page, 'Twin').click();
  await page.waitForURL(/\/twin/);
});

test('a message reaches its device with all of its properties', async (t) => {
  const { page, document } = await openDevice(t, 'receiver', 'device-messages', { script: false });
  const client = await connectDevice(t, hub, identityString(hub, document));

  await field(page, 'JSON, told by content type and encoding').check();
  await field(page, 'Body').fill('{\n  "speed": 1.50\n}');
  await field(page, 'Properties').fill('MaxTemp=21\nnote = ü & <b>');
  await field(page, 'Message ID').fill('m-1');
  await field(page, 'Correlation ID').fill('c-1');
  await field(page, 'Expires in, in minutes').fill('60');
  await field(page, 'Feedback').selectOption('full');
  await button(page, 'Send message').click();
  await main(page).getByText('waits for the device receiver').waitFor();

  const message = await within(20, 'message',
    new Promise((resolve) => { client.on('message', resolve); }));
  assert.equal(message.data.toString(), '{\n  "speed": 1.50\n}');
  assert.equal(message.messageId, 'm-1');
  assert.equal(message.correlationId, 'c-1');
  assert.equal(message.contentType, 'application/json');
  assert.equal(message.properties.getValue('MaxTemp'), '21');
  assert.equal(message.properties.getValue('note'), 'ü & <b>');
  await client.complete(message);
});

test('a message that does not fit stays in the form', async (t) => {
  const { page } = await openDevice(t, 'unfit', 'device-messages', { script: false });
  allowTrouble(page, /status of 4/);

  await field(page, 'JSON, told by content type and encoding').check();
  await field(page, 'Body').fill('{\n  "a": 1,\n  b\n}');
  await field(page, 'Expires in, in minutes').fill('9000');
  await button(page, 'Send message').click();
  const problem = await main(page).getByRole('alert').innerText();
  await field(page, 'Body').fill('{}');
  await button(page, 'Send message').click();
  const refusal = await main(page).getByRole('alert').innerText();

  assert.match(problem, /line 3, column 3/);
  assert.match(refusal, /InvalidMessageExpiryTime/);
  assert.equal(await field(page, 'Body').inputValue(), '{}');
  assert.equal((await device('unfit')).cloudToDeviceMessageCount, 0);
});

test('a queue is purged once it is confirmed', async (t) => {
  const { page } = await openDevice(t, 'queue', 'device-messages');
  for (const body of ['one', 'two']) {
    await field(page, 'Body').fill(body);
    await button(page, 'Send message').click();
    await main(page).getByText('waits for the device queue').waitFor();
  }
  assert.match(await main(page).innerText(), /2 of 50 messages wait/);

  await link(page, 'Purge').click();
  await screenshot(page, 'device-purge');
  await assertAccessible(page);
  await button(page, 'Purge').click();
  await main(page).getByText('2 messages are purged.').waitFor();

  assert.equal((await device('queue')).cloudToDeviceMessageCount, 0);
});

test('a method is called, and its answer is shown as it came', async (t) => {
  const { page, document } = await openDevice(t, 'listens', 'device-method', { script: false });
  const client = await connectDevice(t, hub, identityString(hub, document));
  await within(20, 'handler', new Promise((resolve) => {
    client.onDeviceMethod('reboot', (request, response) => {
      response.send(207, { was: request.payload, said: HOSTILE });
    });
    setTimeout(resolve, 500);
  }));

  await field(page, 'Method name').fill('reboot');
  await field(page, 'Payload').fill('{ "delay": 5 }');
  await field(page, 'Connect timeout, in seconds').fill('10');
  await button(page, 'Call method').click();

  const answer = main(page).getByRole('region', { name: 'Answer of reboot' });
  await answer.getByText('207').waitFor();
  assert.match(await answer.innerText(), /"delay": 5/);
  assert.ok((await answer.innerText()).includes('<script>window.hostile = 1</script>'));
  assert.equal(await field(page, 'Payload').inputValue(), '{ "delay": 5 }');
  await screenshot(page, 'device-method-answer');
  const downloading = page.waitForEvent('download');
  await answer.getByRole('link', { name: 'Download answer' }).click();
  const file = await readFile(await (await downloading).path(), 'utf8');
  assert.deepEqual(JSON.parse(file), { was: { delay: 5 }, said: HOSTILE });
});

test('a long answer is shown in part, and a file has all of it', async (t) => {
  const { page, document } = await openDevice(t, 'talks', 'device-method');
  const client = await connectDevice(t, hub, identityString(hub, document));
  const long = { text: '<'.repeat(100_000) };
  client.onDeviceMethod('tell', (request, response) => {
    response.send(200, request.payload?.brief ? 'brief' : long);
  });
  const call = async (payload) => {
    await field(page, 'Method name').fill('tell');
    await field(page, 'Payload').fill(payload);
    await field(page, 'Connect timeout, in seconds').fill('10');
    await button(page, 'Call method').click();
    const answer = main(page).getByRole('region', { name: 'Answer of tell' });
    await answer.waitFor();
    return answer;
  };

  const short = await call('{ "brief": true }');
  await button(page, 'Copy answer').waitFor();
  assert.equal(await short.getByText('Only the beginning').count(), 0);
  // The test fails by itself if the page weighs too much.
  const cut = await call(JSON.stringify({ sent: '<'.repeat(120_000) }));
  await cut.getByText('Only the beginning').waitFor();
  assert.equal(await button(page, 'Copy answer').count(), 0);
  assert.equal(await field(page, 'Payload').inputValue(), '');
  const downloading = page.waitForEvent('download');
  await cut.getByRole('link', { name: 'Download answer' }).click();

  const file = await readFile(await (await downloading).path(), 'utf8');
  assert.deepEqual(JSON.parse(file), long);
});

test('an absent device is explained, and the call stays in the form', async (t) => {
  const { page } = await openDevice(t, 'absent', 'device-method');
  allowTrouble(page, /status of 404/);

  await field(page, 'Method name').fill('reboot');
  await field(page, 'Payload').fill('[1]');
  await button(page, 'Call method').click();

  assert.match(await main(page).getByRole('alert').innerText(), /not online.*connect timeout/s);
  assert.equal(await field(page, 'Method name').inputValue(), 'reboot');
  assert.equal(await field(page, 'Payload').inputValue(), '[1]');
  await screenshot(page, 'device-method-absent');
  await assertAccessible(page);
});

test('a payload that is no JSON is not sent', async (t) => {
  const { page } = await openDevice(t, 'unsent', 'device-method');
  let sent = 0;
  page.on('request', (request) => { sent += Number(request.method() === 'POST'); });

  await field(page, 'Method name').fill('reboot');
  await field(page, 'Payload').fill('{\n  "a": yes\n}');
  await button(page, 'Call method').click();

  await main(page).getByText('line 2, column 8').waitFor();
  assert.equal(await field(page, 'Payload').getAttribute('aria-invalid'), 'true');
  await assertAccessible(page);
  assert.equal(sent, 0);
});

test('a device that there is not is told of in a sentence', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 404/);

  const response = await page.goto(address('nobody', 'device'));

  assert.equal(response.status(), 404);
  assert.match(await main(page).getByRole('alert').innerText(), /There is no device nobody/);
});

test('hostile texts of a device are inert', async (t) => {
  const reason = HOSTILE.slice(0, 128);
  const { page } = await openDevice(t, HOSTILE_ID, 'device', { fields: { statusReason: reason } });

  await button(page, 'Show keys').click();
  await link(page, 'Hide keys').waitFor();

  assert.equal(await field(page, 'Status reason').inputValue(), reason);
  await assertInert(page);
});
