// A twin: edited, merged after a conflict, and followed while its device reports.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import {
  HOSTILE, HOSTILE_NAME, allowTrouble, assertAccessible, assertFits, assertInert, checkLooks,
  connectDevice, identityString, nextEvent, openPage, pages, screenshot, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const main = (page) => page.getByRole('main');
const button = (page, name) => main(page).getByRole('button', { name, exact: true });
const field = (page, name) => main(page).getByRole('textbox', { name, exact: true });
const tags = (page) => field(page, 'Tags');
const desired = (page) => field(page, 'Desired properties');
const saved = (page) => main(page).getByText('is saved').waitFor();

/** The page of a new device's twin. */
async function openTwin(t, deviceId, patch, options) {
  const document = await hub.createDevice(deviceId);
  if (patch) await hub.patchTwin(patch, deviceId);
  const page = await openPage(t, hub, options);
  await page.goto(pages(deviceId)['device-twin']);
  return { page, document };
}

function report(twin, properties) {
  return new Promise((resolve, reject) => {
    twin.properties.reported.update(properties, (error) => (error ? reject(error) : resolve()));
  });
}

/** A twin as large as twins can be, of many small properties. */
function large() {
  const section = Object.fromEntries(Array.from({ length: 1_680 }, (_, at) => [`property${at}`, at]));
  return { tags: { text: 'x'.repeat(4_000) }, properties: { desired: section } };
}

test('a twin can be looked at everywhere', async (t) => {
  const document = await hub.createDevice('looked-at');
  await hub.patchTwin({
    tags: { hall: 'two', floor: 3 },
    properties: { desired: { interval: 5, limits: { low: 1, high: 20 } } },
  }, 'looked-at');
  const client = await connectDevice(t, hub, identityString(hub, document));
  await report(await client.getTwin(), { interval: 5, firmware: { version: '1.2.0', at: 'a'.repeat(80) } });

  await checkLooks(t, hub, 'device-twin', pages('looked-at')['device-twin']);
});

test('what is changed is written, and nothing else', async (t) => {
  const { page } = await openTwin(t, 'edited',
    { tags: { hall: 1 }, properties: { desired: { kept: 1, changed: 1, removed: 1 } } });
  const before = await hub.twin('edited');

  await tags(page).fill('{ "hall": { "floor": 2 } }');
  await desired(page).fill('{ "kept": 1, "changed": 2 }');
  await button(page, 'Save').click();
  await saved(page);

  const after = await hub.twin('edited');
  const written = (twin, name) => twin.properties.desired.$metadata[name];
  assert.deepEqual(after.tags, { hall: { floor: 2 } });
  assert.equal(after.properties.desired.changed, 2);
  assert.equal(after.properties.desired.removed, undefined);
  assert.deepEqual(written(after, 'kept'), written(before, 'kept'));
  assert.notDeepEqual(written(after, 'changed'), written(before, 'changed'));
});

test('nothing is written when nothing was changed', async (t) => {
  const { page } = await openTwin(t, 'untouched', { tags: { a: 1 } }, { script: false });
  const { version } = await hub.twin('untouched');

  await button(page, 'Save').click();
  await main(page).getByText('nothing to save').waitFor();

  assert.equal((await hub.twin('untouched')).version, version);
});

for (const [what, script] of [['before it is sent', true], ['by the hub without script', false]]) {
  test(`JSON that is none is told at its place, ${what}`, async (t) => {
    const { page } = await openTwin(t, `typo-${script}`, undefined, { script });
    allowTrouble(page, /status of 400/);

    await tags(page).fill('{ "kept": true }');
    await desired(page).fill('{\n  "a": 1\n  "b": 2\n}');
    await button(page, 'Save').click();

    await main(page).getByText(/line 3, column 3/).waitFor();
    assert.equal(await desired(page).getAttribute('aria-invalid'), 'true');
    assert.equal(await tags(page).inputValue(), '{ "kept": true }');
    assert.match(await desired(page).inputValue(), /"b": 2/);
    await screenshot(page, `twin-typo-${script}`);
    if (script) await assertAccessible(page);
  });
}

test('what the hub refuses stays in the form', async (t) => {
  const { page } = await openTwin(t, 'refused');
  allowTrouble(page, /status of 400/);

  await desired(page).fill('{ "a b": 1 }');
  await button(page, 'Save').click();

  assert.match(await main(page).getByRole('alert').innerText(), /blank/);
  assert.equal(await desired(page).inputValue(), '{ "a b": 1 }');
});

test('after a conflict both changes are put together', async (t) => {
  const { page } = await openTwin(t, 'merged',
    { properties: { desired: { one: 1, two: 1, three: 1 } } });
  allowTrouble(page, /status of 412/);
  await hub.patchTwin({ properties: { desired: { one: 2, three: 2 } } }, 'merged');

  await desired(page).fill('{ "one": 1, "two": 3, "three": 3 }');
  await button(page, 'Save').click();
  await main(page).getByRole('alert').waitFor();
  await screenshot(page, 'twin-conflict');
  await assertAccessible(page);
  const clash = await main(page).getByRole('row', { name: 'desired.three' }).innerText();
  await button(page, 'Put both together').click();
  await main(page).getByText('The fields have their changes and yours').waitFor();
  assert.deepEqual(JSON.parse(await desired(page).inputValue()), { one: 2, two: 3, three: 3 });
  const between = (await hub.twin('merged')).properties.desired.two;
  await button(page, 'Save').click();
  await saved(page);

  assert.match(clash, /both/);
  assert.equal(between, 1);
  const { one, two, three } = (await hub.twin('merged')).properties.desired;
  assert.deepEqual({ one, two, three }, { one: 2, two: 3, three: 3 });
});

test('what a device reports shows at once, and what is typed stays', async (t) => {
  const { page, document } = await openTwin(t, 'reporting', { tags: { mine: 1 } });
  const client = await connectDevice(t, hub, identityString(hub, document));
  const twin = await client.getTwin();
  await tags(page).fill('{ "half": ');

  await report(twin, { pressure: 17, note: HOSTILE });

  const line = page.locator('#reported .line.changed', { hasText: '"pressure": 17' });
  await line.waitFor();
  assert.equal(await tags(page).inputValue(), '{ "half": ');
  await main(page).getByRole('row', { name: /pressure/ }).waitFor();
  await assertInert(page);
});

test('somebody else\'s change is told while the page is open', async (t) => {
  const { page } = await openTwin(t, 'overtaken');

  await hub.patchTwin({ tags: { theirs: 1 } }, 'overtaken');

  await main(page).getByText('Somebody else has changed this twin').waitFor();
  assert.equal(await tags(page).inputValue(), '{}');
});

test('a desired property reaches the device, which answers it on the page', async (t) => {
  const { page, document } = await openTwin(t, 'answering');
  const client = await connectDevice(t, hub, identityString(hub, document));
  const twin = await client.getTwin();
  const received = nextEvent(twin, 'properties.desired', (patch) => 'interval' in patch);
  await new Promise((resolve, reject) => {
    twin.enableTwinDesiredPropertiesUpdates((error) => (error ? reject(error) : resolve()));
  });

  await desired(page).fill('{ "interval": 5 }');
  await button(page, 'Save').click();
  const { interval } = await received;
  await report(twin, { interval });

  await page.locator('#reported .line', { hasText: '"interval": 5' }).waitFor();
});

test('hostile names and values are what they are', async (t) => {
  const properties = { [HOSTILE_NAME]: HOSTILE };
  const { page } = await openTwin(t, 'hostile', { tags: properties, properties: { desired: properties } },
    { narrow: true, dark: true });
  allowTrouble(page, /status of 412/);
  await hub.patchTwin({ tags: { [HOSTILE_NAME]: `${HOSTILE}!` } }, 'hostile');

  await tags(page).fill('{}');
  await button(page, 'Save').click();
  await main(page).getByRole('alert').waitFor();

  await screenshot(page, 'twin-conflict-hostile-narrow');
  assert.ok((await main(page).innerText()).includes(HOSTILE_NAME));
  await assertInert(page);
  await assertFits(page);
  await assertAccessible(page);
});

test('a large twin is looked at, edited part by part and downloaded, and nothing of it is lost', async (t) => {
  const text = (letter) => Object.fromEntries(
    Array.from({ length: 7 }, (_, at) => [`p${at}`, letter.repeat(4_000)]));
  const { page } = await openTwin(t, 'heavy',
    { tags: { t: '&'.repeat(4_000) }, properties: { desired: text('<') } });
  allowTrouble(page, /status of 412/);

  // Each page fails the test by itself if it weighs too much.
  await main(page).getByText('This twin is large').waitFor();
  assert.equal(await button(page, 'Save').count(), 0);
  await screenshot(page, 'twin-large');
  await assertAccessible(page);
  const downloading = page.waitForEvent('download');
  await main(page).getByRole('link', { name: 'Download the twin' }).first().click();
  const file = JSON.parse(await readFile(await (await downloading).path(), 'utf8'));
  assert.equal(file.properties.desired.p6, text('<').p6);

  await main(page).getByRole('link', { name: 'Edit desired properties' }).click();
  assert.equal(await main(page).getByRole('textbox', { name: 'Tags' }).count(), 0);
  const mine = { ...JSON.parse(await desired(page).inputValue()), p0: '<mine>' };
  assert.equal(mine.p6, text('<').p6);
  await hub.patchTwin({ tags: { theirs: 1 }, properties: { desired: { p1: '<theirs>' } } }, 'heavy');
  await desired(page).fill(JSON.stringify(mine));
  await button(page, 'Save').click();
  await main(page).getByRole('alert').waitFor();
  await screenshot(page, 'twin-large-conflict');
  await assertAccessible(page);
  await button(page, 'Put both together').click();
  await main(page).getByText('The fields have their changes and yours').waitFor();
  await button(page, 'Save').click();
  await saved(page);

  const after = await hub.twin('heavy');
  assert.deepEqual(after.tags, { t: '&'.repeat(4_000), theirs: 1 });
  const { $metadata, $version, ...properties } = after.properties.desired;
  assert.deepEqual(properties, { ...text('<'), p0: '<mine>', p1: '<theirs>' });
});

test('a large twin is edited without script', async (t) => {
  const { page } = await openTwin(t, 'heavy-plain',
    { properties: { desired: Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`p${at}`, '<'.repeat(4_000)])) } },
    { script: false });

  await main(page).getByRole('link', { name: 'Edit tags' }).click();
  await tags(page).fill('{ "hall": 2 }');
  await button(page, 'Save').click();
  await saved(page);

  const after = await hub.twin('heavy-plain');
  assert.deepEqual(after.tags, { hall: 2 });
  assert.equal(after.properties.desired.p6.length, 4_000);
});

test('the largest twin is still a light page', async (t) => {
  const { page, document } = await openTwin(t, 'large', large());
  const client = await connectDevice(t, hub, identityString(hub, document));
  const twin = await client.getTwin();
  await report(twin, large().properties.desired);

  // The test fails by itself if the page weighs too much.
  const response = await page.reload();

  t.diagnostic(`the page has ${(await response.body()).length} bytes`);
  await main(page).getByText('"property1679": 1679').first().waitFor();
});
