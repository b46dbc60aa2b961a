// The list of devices, changes of several at once, and new devices.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  HOSTILE, HOSTILE_ID, allowTrouble, assertAccessible, assertFits, assertInert, checkLooks,
  connectDevice, eventually, forge, identityString, openPage, screenshot, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const NORTH = ['north-1', 'north-2', 'north-3'];
const SOUTH = ['south-1', 'south-2'];
await hub.createDevices([...NORTH, ...SOUTH]);
await Promise.all(NORTH.map((id) => hub.patchTwin({ tags: { site: 'north' } }, id)));
await hub.createDevice('north-off', { status: 'disabled', statusReason: HOSTILE.slice(0, 128) });
await hub.patchTwin({ tags: { site: 'north' } }, 'north-off');
await hub.createDevice('gateway', { capabilities: { iotEdge: true } });
await hub.createDevice(HOSTILE_ID, {
  authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'a'.repeat(40) } },
});

const main = (page) => page.getByRole('main');
const rowOf = (page, id) => main(page).getByRole('row').filter({
  has: page.getByRole('link', { name: id, exact: true }) });
const shown = (page) => main(page).locator('tbody th a').allInnerTexts();
const field = (page, name) => main(page).getByLabel(name, { exact: true });
const button = (page, name) => main(page).getByRole('button', { name, exact: true });
const select = (page, id) => page.getByLabel(`Select ${id}`, { exact: true }).check();
const device = (id) => hub.call('GET', `/devices/${encodeURIComponent(id)}`);

async function refusedPage(t, options) {
  const page = await openPage(t, hub, options);
  allowTrouble(page, /status of 4\d\d/);
  return page;
}

test('the list of devices can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'devices', '/portal/devices'));

test('the form of a new device can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'devices-new', '/portal/devices/new'));

test('a row tells how a device stands', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, await device('north-1')));
  const page = await openPage(t, hub, { locale: 'en-GB' });
  await client.getTwin();

  await page.goto('/portal/devices');

  assert.match(await rowOf(page, 'north-1').innerText(), /Enabled\s+Connected\s+\d{1,2} \w+ 20\d\d.*Symmetric key\s+No/);
  assert.match(await rowOf(page, 'north-off').innerText(), /Disabled\s+Disconnected\s+Never\s+Symmetric key/);
  assert.match(await rowOf(page, 'gateway').innerText(), /Yes$/);
  assert.match(await rowOf(page, HOSTILE_ID).innerText(), /X\.509 self-signed/);
  assert.match(await main(page).innerText(), /8 devices: 7 enabled, 1 disabled, 1 connected/);
  await assertInert(page);
  await rowOf(page, HOSTILE_ID).getByRole('link').click();
  await page.waitForURL((url) => url.searchParams.get('id') === HOSTILE_ID);
});

for (const script of [true, false]) {
  test(`a condition and a search narrow the list down, ${script ? 'with' : 'without'} script`, async (t) => {
    const page = await openPage(t, hub, { script });
    await page.goto('/portal/devices');

    await field(page, 'Filter').fill("tags.site = 'north' AND status = 'enabled'");
    await field(page, 'Search').fill('north');
    await button(page, 'Apply').click();

    await page.waitForURL(/tags\.site/);
    assert.deepEqual(await shown(page), NORTH);
  });
}

test('a condition keeps to the devices that are searched for', async (t) => {
  const page = await openPage(t, hub);

  await page.goto(`/portal/devices?${new URLSearchParams({
    search: 'south', filter: "deviceId = 'north-1' OR deviceId = 'south-1'" })}`);

  assert.deepEqual(await shown(page), ['south-1']);
});

for (const search of ['', 'north']) {
  test(`a wrong condition is told its place${search && ' beside a search'}`, async (t) => {
    const page = await refusedPage(t);

    const response = await page.goto(`/portal/devices?${new URLSearchParams({
      search, filter: "status == 'enabled'" })}`);

    assert.equal(response.status(), 400);
    const alert = main(page).getByRole('alert');
    assert.match(await alert.innerText(), /^At character 9: .*\n+status == 'enabled'\n {8}\^/);
    assert.equal(await field(page, 'Filter').getAttribute('aria-invalid'), 'true');
    assert.equal(await field(page, 'Filter').inputValue(), "status == 'enabled'");
    assert.equal(await field(page, 'Search').inputValue(), search);
    await assertAccessible(page);
    await screenshot(page, 'devices-wrong-filter');
  });
}

test('hostile texts in search and filter are shown as they are', async (t) => {
  const page = await refusedPage(t, { narrow: true, dark: true });

  await page.goto(`/portal/devices?${new URLSearchParams({ search: HOSTILE })}`);
  assert.equal(await field(page, 'Search').inputValue(), HOSTILE);
  assert.match(await main(page).innerText(), /No device matches/);
  await assertInert(page);

  await page.goto(`/portal/devices?${new URLSearchParams({ filter: HOSTILE, from: HOSTILE, past: HOSTILE })}`);
  assert.equal(await field(page, 'Filter').inputValue(), HOSTILE);
  await assertInert(page);
  await assertFits(page);
});

test('a page that never was says so', async (t) => {
  const page = await refusedPage(t);

  const response = await page.goto('/portal/devices?from=AAAA');

  assert.equal(response.status(), 400);
  assert.match(await main(page).getByRole('alert').innerText(), /continuation token/);
  await page.getByRole('link', { name: 'First' }).click();
  await page.waitForURL('/portal/devices');
});

test('pages are turned on, back, and to the first', async (t) => {
  const ids = Array.from({ length: 60 }, (_, number) => `turn-${String(number).padStart(2, '0')}`);
  await hub.createDevices(ids);
  const page = await openPage(t, hub, { script: false });
  const turn = (name) => page.getByRole('navigation', { name: 'Pages of the list' })
    .getByRole('link', { name }).click();

  await page.goto('/portal/devices?search=turn-&size=25');
  const [first, second, third] = [ids.slice(0, 25), ids.slice(25, 50), ids.slice(50)];
  assert.deepEqual(await shown(page), first);
  await turn('Next');
  assert.deepEqual(await shown(page), second);
  await turn('Next');
  assert.deepEqual(await shown(page), third);
  assert.equal(await page.getByRole('link', { name: 'Next' }).count(), 0);
  await turn('Back');
  assert.deepEqual(await shown(page), second);
  await turn('Back');
  assert.deepEqual(await shown(page), first);
  await turn('Next');
  await turn('First');
  assert.deepEqual(await shown(page), first);
});

test('who may not query sees the first devices and is told so', async (t) => {
  const page = await openPage(t, hub, { as: 'registryRead' });

  await page.goto('/portal/devices');
  assert.match(await main(page).innerText(), /right ServiceConnect/);
  assert.ok((await shown(page)).includes('gateway'));
  assert.equal(await page.getByLabel('Filter').count(), 0);
  await assertAccessible(page);

  await field(page, 'Search').fill('north-2');
  await page.keyboard.press('Enter');
  await page.waitForURL(/north-2/);
  assert.deepEqual(await shown(page), ['north-2']);
  await page.goto(`/portal/devices?search=${encodeURIComponent('no such one')}`);
  assert.match(await main(page).innerText(), /No device matches/);
});

test('who may not write is offered no form for it, and refused', async (t) => {
  const page = await refusedPage(t, { as: 'service' });

  await page.goto('/portal/devices');
  assert.equal(await page.getByRole('checkbox').count(), 0);
  assert.equal(await page.getByRole('link', { name: 'Add device' }).count(), 0);
  const answer = await forge(page, hub, '/portal/devices/delete', [['id', 'gateway'], ['confirmed', 'yes']]);

  assert.equal(answer.status, 403);
  await device('gateway');
  assert.equal((await page.goto('/portal/devices/new')).status(), 403);
  assert.match(await main(page).getByRole('alert').innerText(), /RegistryWrite/);
});

for (const script of [true, false]) {
  test(`several devices are disabled and enabled, ${script ? 'with' : 'without'} script`, async (t) => {
    const page = await openPage(t, hub, { script });
    const before = await Promise.all(SOUTH.map(device));

    await page.goto('/portal/devices?search=south');
    for (const id of SOUTH) await select(page, id);
    await button(page, 'Disable').click();
    assert.match(await main(page).innerText(), /Disable 2 devices[^]*south-1[^]*south-2/);
    await field(page, 'Status reason').fill('winter');
    await button(page, 'Disable').click();
    await page.waitForURL('/portal/devices?search=south');

    assert.match(await main(page).getByRole('status').innerText(), /2 devices are disabled/);
    for (const [index, id] of SOUTH.entries()) {
      const now = await device(id);
      assert.deepEqual([now.status, now.statusReason], ['disabled', 'winter']);
      assert.deepEqual(now.authentication, before[index].authentication, 'keys stay');
    }
    for (const id of SOUTH) await select(page, id);
    await button(page, 'Enable').click();
    await button(page, 'Enable').click();
    await page.waitForURL('/portal/devices?search=south');
    assert.equal((await device('south-1')).status, 'enabled');
  });
}

test('an edge device below another stays there when it is disabled', async (t) => {
  const parent = await device('gateway');
  await hub.createDevice('inner', {
    capabilities: { iotEdge: true }, parentScopes: [parent.deviceScope] });
  const page = await openPage(t, hub);

  await page.goto('/portal/devices?search=inner');
  await select(page, 'inner');
  await button(page, 'Disable').click();
  await button(page, 'Disable').click();
  await page.waitForURL('/portal/devices?search=inner');

  const { status, capabilities, parentScopes } = await device('inner');
  assert.deepEqual({ status, capabilities, parentScopes },
    { status: 'disabled', capabilities: { iotEdge: true }, parentScopes: [parent.deviceScope] });
});

test('devices are deleted once that is confirmed, and not before', async (t) => {
  await hub.createDevices(['gone-1', 'gone-2', 'gone-3']);
  const page = await openPage(t, hub);

  await page.goto('/portal/devices?search=gone');
  await page.getByLabel('Select all on this page').check();
  await button(page, 'Delete').click();
  await screenshot(page, 'devices-delete');
  await assertAccessible(page);
  await main(page).getByRole('link', { name: 'Cancel' }).click();
  await page.waitForURL('/portal/devices?search=gone');
  assert.equal((await shown(page)).length, 3);

  await select(page, 'gone-1');
  await select(page, 'gone-3');
  await button(page, 'Delete').click();
  assert.doesNotMatch(await main(page).innerText(), /gone-2/);
  await button(page, 'Delete').click();
  await page.waitForURL('/portal/devices?search=gone');

  assert.match(await main(page).getByRole('status').innerText(), /2 devices are deleted/);
  assert.deepEqual(await shown(page), ['gone-2']);
});

test('what becomes of each device is told if not all are done', async (t) => {
  await hub.createDevices(['half-1', 'half-2']);
  const page = await refusedPage(t);

  await page.goto('/portal/devices?search=half');
  await page.getByLabel('Select all on this page').check();
  await button(page, 'Delete').click();
  await hub.call('DELETE', '/devices/half-1', undefined, { headers: { 'if-match': '*' } });
  await button(page, 'Delete').click();
  await main(page).getByRole('heading', { name: '1 device not deleted' }).waitFor();

  assert.match(await main(page).getByRole('alert').innerText(), /1 device is deleted/);
  assert.match(await main(page).getByRole('row').last().innerText(), /half-1\s+It is not registered.*DeviceNotFound/);
  await screenshot(page, 'devices-outcome');
  await assertAccessible(page);
  await button(page, 'Try again').click();
  assert.match(await main(page).innerText(), /Delete 1 device/);
});

for (const verb of ['Delete', 'Disable']) {
  test(`a device that was changed since it was shown stays: ${verb}`, async (t) => {
    const id = `seen-${verb.toLowerCase()}`;
    await hub.createDevices([id]);
    const page = await refusedPage(t);

    await page.goto(`/portal/devices?search=${id}`);
    await select(page, id);
    await button(page, verb).click();
    await main(page).getByRole('link', { name: 'Cancel' }).waitFor();
    const { etag, ...changed } = { ...await device(id), statusReason: 'still needed' };
    await hub.call('PUT', `/devices/${id}`, changed, { headers: { 'if-match': '*' } });
    await button(page, verb).click();

    await main(page).getByRole('heading', { name: /1 device not/ }).waitFor();
    assert.match(await main(page).getByRole('row').last().innerText(), /changed it meanwhile/);
    const { status, statusReason } = await device(id);
    assert.deepEqual({ status, statusReason }, { status: 'enabled', statusReason: 'still needed' });
    await button(page, 'Try again').click();
    await main(page).getByRole('link', { name: 'Cancel' }).waitFor();
    await button(page, verb).click();
    assert.match(await main(page).getByRole('status').innerText(), new RegExp(`${id} is ${verb}d`, 'i'));
  });
}

test('without a tick nothing is done, and that is said', async (t) => {
  const page = await openPage(t, hub);

  await page.goto('/portal/devices?search=south');
  await button(page, 'Delete').click();

  await page.waitForURL('/portal/devices?search=south');
  assert.match(await main(page).getByRole('alert').innerText(), /No device is selected/);
});

for (const script of [true, false]) {
  test(`a device is added with every option, ${script ? 'with' : 'without'} script`, async (t) => {
    const id = `every-${script}`;
    const key = () => randomBytes(32).toString('base64');
    const keys = { primaryKey: key(), secondaryKey: key() };
    const page = await openPage(t, hub, { script });

    await page.goto('/portal/devices');
    await main(page).getByRole('link', { name: 'Add device' }).click();
    await field(page, 'Device ID').fill(id);
    await field(page, 'Primary key').fill(keys.primaryKey);
    await field(page, 'Secondary key').fill(keys.secondaryKey);
    await field(page, 'Status').selectOption('Disabled');
    await field(page, 'Status reason').fill('spare');
    await field(page, 'Parent device').fill('gateway');
    await main(page).getByText('Device twin').click();
    await field(page, 'Tags').fill('{ "site": "east" }');
    await field(page, 'Desired properties').fill('{ "interval": 5 }');
    await button(page, 'Add device').click();
    await page.waitForURL(new RegExp(`/portal/device\\?id=${id}`));

    const made = await device(id);
    assert.deepEqual(made.authentication.symmetricKey, keys);
    assert.deepEqual([made.status, made.statusReason], ['disabled', 'spare']);
    assert.equal(made.deviceScope, (await device('gateway')).deviceScope);
    const twin = await hub.twin(id);
    assert.deepEqual(twin.tags, { site: 'east' });
    assert.equal(twin.properties.desired.interval, 5);
  });
}

test('devices are added that prove themselves with certificates', async (t) => {
  const thumbprint = createHash('sha256').update('certificate').digest('hex').toUpperCase();
  const page = await openPage(t, hub);

  await page.goto('/portal/devices/new');
  await field(page, 'Device ID').fill('self');
  await field(page, 'X.509 self-signed').check();
  await field(page, 'Primary thumbprint').fill(thumbprint.match(/../g).join(':'));
  await button(page, 'Add device').click();
  await page.waitForURL(/\/portal\/device\?/);
  await page.goto('/portal/devices/new');
  await field(page, 'Device ID').fill('signed');
  await field(page, 'X.509 CA signed').check();
  await field(page, 'IoT Edge device').check();
  await button(page, 'Add device').click();
  await page.waitForURL(/\/portal\/device\?/);

  const { authentication } = await device('self');
  assert.equal(authentication.type, 'selfSigned');
  assert.equal(authentication.x509Thumbprint.primaryThumbprint, thumbprint);
  const signed = await device('signed');
  assert.equal(signed.authentication.type, 'certificateAuthority');
  assert.equal(signed.capabilities.iotEdge, true);
});

test('many devices are added by a pattern', async (t) => {
  const page = await openPage(t, hub);

  await page.goto('/portal/devices/new');
  await field(page, 'Device ID').fill('many-###');
  await main(page).getByText('Several devices at once').click();
  await field(page, 'Number of devices').fill('120');
  await button(page, 'Add device').click();
  await page.waitForURL('/portal/devices?search=many-');

  assert.match(await main(page).getByRole('status').innerText(), /120 devices are created/);
  assert.equal((await shown(page))[0], 'many-001');
  const [one, another] = [await device('many-001'), await device('many-120')];
  assert.notEqual(one.authentication.symmetricKey.primaryKey,
    another.authentication.symmetricKey.primaryKey);
});

test('who may not query sees the list after adding many', async (t) => {
  const page = await openPage(t, hub, { as: 'registryReadWrite' });

  await page.goto('/portal/devices/new');
  await field(page, 'Device ID').fill('0-mine-#');
  await main(page).getByText('Several devices at once').click();
  await field(page, 'Number of devices').fill('3');
  await button(page, 'Add device').click();
  await page.waitForURL('/portal/devices');

  await main(page).getByText('3 devices are created').waitFor();
  assert.equal((await shown(page))[0], '0-mine-1');
});

test('what is created of a pattern is told if not all is', async (t) => {
  await hub.createDevice('some-2');
  const page = await refusedPage(t);

  await page.goto('/portal/devices/new');
  await field(page, 'Device ID').fill('some-#');
  await main(page).getByText('Several devices at once').click();
  await field(page, 'Number of devices').fill('3');
  await button(page, 'Add device').click();

  await main(page).getByRole('heading', { name: '1 device not created' }).waitFor();
  assert.match(await main(page).innerText(), /2 devices are created[^]*some-2\s+Device some-2 exists already/);
});

for (const [what, fields, at, sentence] of [
  ['an ID that is taken', { 'Device ID': 'gateway' }, 'Device ID', /exists already/],
  ['an ID with a blank', { 'Device ID': 'a b' }, 'Device ID', /character U\+0020/],
  ['hostile texts', { 'Device ID': HOSTILE.slice(0, 128), Tags: HOSTILE }, 'Tags', /not JSON/],
  ['no such parent', { 'Device ID': 'a', 'Parent device': 'nobody' }, 'Parent device', /no device nobody/],
  ['a parent that is none', { 'Device ID': 'a', 'Parent device': 'south-1' }, 'Parent device', /not an IoT Edge/],
  ['tags that are none', { 'Device ID': 'a', Tags: '{ "a.b": 1 }' }, 'Tags', /key can't have/],
  ['no place for numbers', { 'Device ID': 'a', 'Number of devices': '3' }, 'Device ID', /Write #/],
]) {
  test(`${what}: the form comes back as it was, and says so at its place`, async (t) => {
    const page = await refusedPage(t);
    await page.goto('/portal/devices/new');
    await main(page).locator('details').evaluateAll((all) => all.forEach((one) => { one.open = true; }));

    for (const [name, text] of Object.entries(fields)) await field(page, name).fill(text);
    await field(page, 'Status reason').fill('kept');
    await button(page, 'Add device').click();
    await main(page).getByRole('alert').first().waitFor();

    assert.match(await main(page).innerText(), sentence);
    assert.equal(await field(page, at).getAttribute('aria-invalid'), 'true');
    for (const [name, text] of Object.entries(fields)) {
      assert.equal(await field(page, name).inputValue(), text);
    }
    assert.equal(await field(page, 'Status reason').inputValue(), 'kept');
    await assertInert(page);
    await assertAccessible(page);
    await screenshot(page, `devices-new-${what.replaceAll(' ', '-')}`);
  });
}

test('a key that is none comes back with the form', async (t) => {
  const page = await refusedPage(t);
  await page.goto('/portal/devices/new');

  await field(page, 'Device ID').fill('a');
  await field(page, 'Primary key').fill('no key');
  await button(page, 'Add device').click();

  await main(page).getByRole('alert').waitFor();
  assert.match(await main(page).getByRole('alert').innerText(), /key/);
  assert.equal(await field(page, 'Primary key').inputValue(), 'no key');
  assert.equal(await field(page, 'Primary key').getAttribute('aria-invalid'), 'true');
  await assertAccessible(page);
  await screenshot(page, 'devices-new-key');
});
