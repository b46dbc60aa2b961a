// Events: what is there, what comes, filters, and one event with all that it carries.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import {
  HOSTILE, HOSTILE_ID, Message, allowTrouble, assertAccessible, assertFits, assertInert,
  checkLooks, connectDevice, eventually, identityString, openPage, pages, pressOn, screenshot,
  sendAll, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const pump = await hub.createDevice('pump-7');

/** A message that says that it is JSON. */
function jsonMessage(body, properties = {}) {
  const message = new Message(typeof body === 'string' ? body : JSON.stringify(body));
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
  return message;
}

const lines = (page) => page.locator('#rows tr');
const line = (page, text) => lines(page).filter({ hasText: text }).first();
const state = (page, text) => page.locator('#state', { hasText: text }).waitFor();

async function settled(page) {
  if (await page.locator('#controls').isVisible()) await state(page, 'Live');
}

test('the page of events can be looked at everywhere', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, pump));
  const bodies = Array.from({ length: 12 }, (_, number) =>
    jsonMessage({ temperature: 20 + number / 2, unit: 'Celsius', hall: 'north' }));
  await sendAll(client, bodies);
  await client.sendEvent(new Message(Buffer.from([0xff, 0xfe, 0x00, 0x10, 0x80])));

  await checkLooks(t, hub, 'events', '/portal/events', { ready: settled });
  await checkLooks(t, hub, 'device-events', pages('pump-7')['device-events'], { ready: settled });
});

test('what came before is there, and what comes follows without a gap', async (t) => {
  const device = await hub.createDevice('steady');
  const client = await connectDevice(t, hub, identityString(hub, device));
  await client.sendEvent(new Message('the first'));
  const page = await openPage(t, hub);

  await page.goto(pages('steady')['device-events']);
  await state(page, 'Live');
  await client.sendEvent(new Message('the second'));

  await line(page, 'the second').waitFor();
  const bodies = await lines(page).locator('code').allInnerTexts();
  assert.deepEqual(bodies, ['the second', 'the first']);
});

test('a click shows the event beside the list, and Escape leads back', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, pump));
  const page = await openPage(t, hub);
  await page.goto('/portal/events');
  await client.sendEvent(jsonMessage({ looked: { at: [1, 2] } }, { 'hall-number': '7' }));

  await line(page, 'looked').locator('code').click();

  const look = page.locator('#look');
  await look.getByRole('heading', { name: /^Event \d+ of partition \d+$/ }).waitFor();
  const text = await look.innerText();
  assert.match(text, /"looked": \{\s+"at": \[\s+1,\s+2/);
  assert.match(text, /hall-number\s+7/);
  assert.match(text, /content-type\s+application\/json/);
  await assertAccessible(page);
  await screenshot(page, 'events-look');
  await page.keyboard.press('Escape');
  assert.ok(await look.isHidden());
});

test('an event is reached with the keyboard alone', async (t) => {
  const page = await openPage(t, hub);
  await page.goto(pages('pump-7')['device-events']);
  await state(page, 'Live');

  await pressOn(page, lines(page).first().getByRole('link'));

  await page.locator('#look').getByText('Sequence number').waitFor();
  await pressOn(page, page.getByRole('button', { name: 'Close' }));
  assert.ok(await page.locator('#look').isHidden());
});

test('the event as JSON is copied and downloaded', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, pump));
  await client.sendEvent(jsonMessage({ copied: true }));
  const page = await openPage(t, hub);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/portal/events');

  await line(page, 'copied').getByRole('link').click();
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  await page.getByRole('button', { name: 'Copied' }).click();
  await page.getByRole('button', { name: 'Copy as JSON' }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download as JSON' }).click(),
  ]);

  assert.deepEqual(JSON.parse(copied).body, { copied: true });
  assert.match(download.suggestedFilename(), /^event-\d+-\d+\.json$/);
});

test('without script the last events are listed, filtered and looked into', async (t) => {
  const [mine, other] = [await hub.createDevice('quiet'), await hub.createDevice('loud')];
  for (const device of [mine, other]) {
    const client = await connectDevice(t, hub, identityString(hub, device));
    await client.sendEvent(jsonMessage({ of: device.deviceId, hot: true }));
    await client.sendEvent(jsonMessage({ of: device.deviceId, hot: false }));
  }
  const page = await openPage(t, hub, { script: false });

  await page.goto('/portal/events');
  await page.getByLabel('Device ID').fill('quiet');
  await page.getByLabel('Body contains').fill('"hot":true');
  await page.getByRole('button', { name: 'Show' }).click();

  assert.equal(await lines(page).count(), 1);
  await lines(page).getByRole('link').click();
  assert.match(await page.locator('#event-body').innerText(), /"of": "quiet",\s+"hot": true/);
});

test('a filter of a live page leaves out what does not fit', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, pump));
  const page = await openPage(t, hub);
  await page.goto('/portal/events?from=now');
  await page.getByLabel('Body contains').fill('wanted');
  await page.getByRole('button', { name: 'Show' }).click();
  await state(page, 'Live');

  await client.sendEvent(new Message('left out'));
  await client.sendEvent(new Message('wanted: 1'));

  await line(page, 'wanted: 1').waitFor();
  assert.equal(await lines(page).count(), 1);
});

test('what does not fit is told where it stands, and stays in the form', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 40/);

  for (const [query, said, kept] of [
    ['deviceId=a%23b', /device/i],
    ['partition=99', /no partition 99/i],
    ['consumerGroup=nobody', /consumer group/i],
    ['from=yesterday', /since must be/i, ''],
  ]) {
    const response = await page.goto(`/portal/events?${query}`);

    assert.ok(response.status() >= 400 && response.status() < 500, query);
    assert.match(await page.getByRole('alert').innerText(), said);
    const [[name, value]] = new URLSearchParams(query);
    assert.equal(await page.locator(`[name="${name}"]`).first().inputValue(), kept ?? value);
  }
});

test('of two quick clicks the second counts, and a fetch that fails is told of', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, pump));
  await sendAll(client, [jsonMessage({ is: 'slow' }), jsonMessage({ is: 'quick' })]);
  const page = await openPage(t, hub);
  allowTrouble(page, /net::ERR_FAILED/);
  await page.goto('/portal/events');
  const slow = await line(page, 'slow').getByRole('link').getAttribute('href');
  const isSlow = (url) => (url.url?.() ?? url.href).endsWith(slow);
  let letGo;
  const held = new Promise((done) => { letGo = done; });
  await page.route(isSlow, async (route) => {
    await held;
    await route.continue();
  });
  const look = page.locator('#look');

  await line(page, 'slow').locator('code').click();
  await line(page, 'quick').locator('code').click();
  await look.getByText('"quick"').first().waitFor();
  const [late] = await Promise.all([page.waitForResponse(isSlow), letGo()]);
  await late.finished();
  await page.waitForTimeout(200);

  assert.match(await look.innerText(), /"quick"/);
  assert.match(await page.locator('#rows tr.chosen').innerText(), /quick/);
  await page.unroute(isSlow);
  await page.route(isSlow, (route) => route.abort());
  await line(page, 'slow').locator('code').click();
  await look.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor();
});

test('times of the list have room in every format', async (t) => {
  for (const [locale, width] of [['en-US', 1280], ['de-DE', 1280], ['en-US', 360]]) {
    const page = await openPage(t, hub, { locale });
    await page.setViewportSize({ width, height: 800 });
    await page.goto('/portal/events');
    await lines(page).first().waitFor();

    const isCut = await lines(page).first().locator('td').first()
      .evaluate((cell) => cell.scrollWidth > cell.clientWidth);
    assert.ok(!isCut, `${locale} ${width}`);
  }
});

test('clearing empties the list, and it fills again', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, pump));
  const page = await openPage(t, hub);
  await page.goto('/portal/events');
  await state(page, 'Live');

  await page.getByRole('button', { name: 'Clear' }).click();
  assert.equal(await lines(page).count(), 0);
  await client.sendEvent(new Message('after clearing'));

  await line(page, 'after clearing').waitFor();
  assert.equal(await lines(page).count(), 1);
});

test('a burst of 10000 events is survived, and what was left out is counted', async (t) => {
  const device = await hub.createDevice('burst');
  const client = await connectDevice(t, hub, identityString(hub, device));
  const page = await openPage(t, hub);
  await page.goto(`${pages('burst')['device-events']}&from=now`);
  await state(page, 'Live');
  const messages = Array.from({ length: 10_000 }, (_, number) => jsonMessage({ number }));

  await sendAll(client, messages);

  await line(page, '"number":9999').waitFor();
  await eventually('count of all', async () =>
    /^10,000 events .* the last 300 shown, 9,700 left out$/
      .test(await page.locator('#counts').innerText()));
  assert.equal(await lines(page).count(), 300);
});

test('a stream that breaks is taken up where it was', async (t) => {
  const device = await hub.createDevice('broken');
  const client = await connectDevice(t, hub, identityString(hub, device));
  await client.sendEvent(new Message('before'));
  const page = await openPage(t, hub);
  // The first stream ends with a sign of life, after another event has come.
  await page.route('**/portal/events/stream?*', async (route) => {
    await client.sendEvent(new Message('meanwhile'));
    const place = route.request().headers()['last-event-id'];
    await route.fulfill({ contentType: 'text/event-stream', body: `: here\nid: ${place}\n\n` });
  }, { times: 1 });

  await page.goto(pages('broken')['device-events']);
  await state(page, 'Live');
  await line(page, 'meanwhile').waitFor();
  await client.sendEvent(new Message('after'));

  await line(page, 'after').waitFor();
  const bodies = await lines(page).locator('code').allInnerTexts();
  assert.deepEqual(bodies, ['after', 'meanwhile', 'before']);
});

test('a stream ends with its session, and says so', async (t) => {
  const page = await openPage(t, hub, { ownSession: true });
  allowTrouble(page, /status of 401/);
  await page.goto('/portal/events');
  await state(page, 'Live');
  const other = await page.context().newPage();

  await other.goto('/portal');
  await other.getByRole('button', { name: 'Sign out' }).click();

  await state(page, 'Ended');
  assert.match(await page.getByRole('alert').innerText(), /session has ended/);
});

test('hostile events are shown as they are and do nothing', async (t) => {
  const device = await hub.createDevice(HOSTILE_ID);
  const client = await connectDevice(t, hub, identityString(hub, device));
  const page = await openPage(t, hub);
  await page.goto('/portal/events?from=now');
  await state(page, 'Live');
  const message = new Message(HOSTILE);
  message.properties.add('hostile', HOSTILE);
  message.messageId = 'hostile';

  await client.sendEvent(message);
  await line(page, '<script>').locator('code').click();
  await page.locator('#look').getByText('Sequence number').waitFor();

  assert.ok((await page.locator('#look').innerText()).includes('<script>window.hostile'));
  await assertInert(page);
  const [href] = await page.locator('#look h2 a').evaluateAll((links) => links.map((a) => a.href));
  await page.goto(href);
  await assertInert(page);
  await page.goto(`/portal/events?content=${encodeURIComponent(HOSTILE)}&from=5m`);
  assert.equal(await page.getByLabel('Body contains').inputValue(), HOSTILE);
  await assertInert(page);
});

test('an event that is gone is told of', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 404/);

  const response = await page.goto('/portal/events/event?partition=0&sequenceNumber=999999');

  assert.equal(response.status(), 404);
  assert.match(await page.getByRole('alert').innerText(), /no such event/i);
});

test('the page of one event fits a narrow window', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, pump));
  await client.sendEvent(jsonMessage({ narrow: 'x'.repeat(300) }, { long: 'y'.repeat(300) }));
  const page = await openPage(t, hub, { narrow: true, dark: true });
  await page.goto('/portal/events');

  const href = await line(page, 'narrow').getByRole('link').getAttribute('href');
  await page.goto(href);

  await assertFits(page);
  await assertAccessible(page);
  await screenshot(page, 'event-narrow');
});

test('the page of the largest event is light, and files have all of it', async (t) => {
  const client = await connectDevice(t, hub, identityString(hub, pump));
  const text = '<'.repeat(110_000);
  await client.sendEvent(jsonMessage({ heavy: text }, { long: '<'.repeat(4_000) }));
  const page = await openPage(t, hub);
  await page.goto('/portal/events?content=heavy');

  await page.locator('#rows tr', { hasText: 'heavy' }).first().waitFor();
  const href = await line(page, 'heavy').getByRole('link').getAttribute('href');
  // The test fails by itself if the page weighs too much.
  await page.goto(href);
  await page.getByText('shown as JSON: only the beginning').waitFor();
  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download body' }).click();

  const file = await readFile(await (await downloading).path(), 'utf8');
  assert.deepEqual(JSON.parse(file), { heavy: text });
});

test('who may not read events is told so', async (t) => {
  const page = await openPage(t, hub, { as: 'registryRead' });
  allowTrouble(page, /status of 40/);

  const response = await page.goto('/portal/events');

  assert.ok([401, 403].includes(response.status()));
  assert.ok(await page.getByRole('alert').isVisible());
});
