// A hub whose content is hostile: every text that a device or a back end may choose would run
// if a page wrote it without escaping. It is shown as what it is, on each page, in a narrow
// window in the dark.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HOSTILE, HOSTILE_ID, HOSTILE_NAME, Message, allowTrouble, assertAccessible, assertFits,
  assertInert, connectDevice, eventually, everyPage, identityString, openPage, pages, screenshot, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const MODULE_ID = HOSTILE_ID;
const device = await hub.createDevice(HOSTILE_ID, { statusReason: HOSTILE.slice(0, 128) });
await hub.createModule(HOSTILE_ID, MODULE_ID, { managedBy: HOSTILE_NAME });
const properties = { [HOSTILE_NAME]: HOSTILE, deep: { [HOSTILE_NAME]: [HOSTILE, 1] } };
await hub.patchTwin({ tags: properties, properties: { desired: properties } }, HOSTILE_ID);
await hub.patchTwin({ tags: properties, properties: { desired: properties } }, HOSTILE_ID, MODULE_ID);

function hostileMessage() {
  const message = new Message(JSON.stringify({ [HOSTILE]: HOSTILE }));
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add(HOSTILE_NAME, HOSTILE);
  message.messageId = HOSTILE_NAME;
  return message;
}

const all = await everyPage(hub);

test('what a device reports is hostile, too', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, device));
  const twin = await client.getTwin();

  await new Promise((resolve, reject) => {
    twin.properties.reported.update(properties, (error) => (error ? reject(error) : resolve()));
  });

  assert.equal((await hub.twin(HOSTILE_ID)).properties.reported[HOSTILE_NAME], HOSTILE);
});

test('nothing runs on any page, and each can be read in a narrow window in the dark', async (t) => {
  const page = await openPage(t, hub, { narrow: true, dark: true });
  for (const [name, path] of all) {
    await t.test(name, async () => {
      const response = await page.goto(path);

      assert.equal(response.status(), 200);
      await assertInert(page);
      if (/^(device|module)(-|$)/.test(name)) {
        assert.ok((await page.locator('main').innerText()).includes(HOSTILE_ID), 'the ID is shown');
      }
      await screenshot(page, `hostile-${name}`);
      await assertFits(page);
      await assertAccessible(page);
    });
  }
});

for (const name of ['device-twin', 'module-twin']) {
  test(`${name} shows hostile values as they are`, async (t) => {
    const page = await openPage(t, hub);

    await page.goto(pages(HOSTILE_ID, MODULE_ID)[name]);

    const shown = await page.evaluate(() => [
      document.body.innerText,
      ...[...document.querySelectorAll('textarea, input')].map(({ value }) => value),
    ].join('\n'));
    assert.ok(shown.includes('<script>window.hostile = 1</script>'), 'the script is text');
    assert.ok(shown.includes('<img src=x onerror='), 'the image is text');
    await assertInert(page);
  });
}

for (const path of ['/portal/events', pages(HOSTILE_ID)['device-events']]) {
  const name = path.split('?')[0];
  test(`${name} shows a hostile message as it is`, async (t) => {
    const page = await openPage(t, hub);
    const client = await connectDevice(t, hub, identityString(hub, device));
    await page.goto(path);

    // A page follows from when it is open: what came before is not shown.
    await eventually('message on the page', async () => {
      await client.sendEvent(hostileMessage());
      return (await page.locator('body').innerText()).includes('<script>');
    });

    await page.getByText('<script>').first().click();
    await screenshot(page, `hostile${name.replaceAll('/', '-')}-message`);
    await assertInert(page);
    await assertAccessible(page);
  });
}

test('a hostile answer of a method is shown as it is', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, device));
  client.onDeviceMethod('tell', (_request, response) => response.send(200, properties, () => {}));
  const page = await openPage(t, hub);
  await page.goto(`/portal/device/method?${new URLSearchParams({ id: HOSTILE_ID })}`);

  await page.getByLabel('Method name').fill('tell');
  await page.getByRole('button', { name: 'Call method' }).click();

  await page.locator('pre', { hasText: '<script>window.hostile = 1</script>' }).waitFor();
  await assertInert(page);
});

for (const form of ['Table', 'JSON']) {
  test(`hostile results of a query are shown as they are, as ${form}`, async (t) => {
    const page = await openPage(t, hub);
    await page.goto('/portal/query');

    await page.getByLabel('Query', { exact: true }).fill('SELECT deviceId, tags FROM devices');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('link', { name: form, exact: true }).click();

    await page.getByRole('main').getByText('<script>').first().waitFor();
    await assertInert(page);
    await assertAccessible(page);
  });
}

for (const [what, path] of Object.entries({
  'a device that there is not': `/portal/device?${new URLSearchParams({ id: HOSTILE })}`,
  'its twin': `/portal/device/twin?${new URLSearchParams({ id: HOSTILE })}`,
  'a module that there is not':
    `/portal/module?${new URLSearchParams({ id: HOSTILE_ID, module: HOSTILE })}`,
  'a page that there is not': `/portal/${encodeURIComponent(HOSTILE)}`,
})) {
  test(`nothing runs on the refusal of ${what}`, async (t) => {
    const page = await openPage(t, hub);
    allowTrouble(page, /status of 40[04]/);

    const response = await page.goto(path);

    assert.ok([400, 404].includes(response.status()), `status ${response.status()}`);
    await assertInert(page);
    await assertAccessible(page);
  });
}

for (const [what, path] of Object.entries({
  'a search': `/portal/devices?${new URLSearchParams({ search: HOSTILE, q: HOSTILE, query: HOSTILE })}`,
  'a query': `/portal/query?${new URLSearchParams({ q: HOSTILE, query: HOSTILE })}`,
  'a sign-in': `/portal/sign-in?${new URLSearchParams({ next: HOSTILE, code: HOSTILE, to: HOSTILE })}`,
})) {
  test(`nothing of ${what} runs`, async (t) => {
    const page = await openPage(t, hub);
    allowTrouble(page, /status of 40[0134]/);

    await page.goto(path);

    await assertInert(page);
  });
}
