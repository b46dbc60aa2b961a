// Live events under load: the page stays usable, and what it keeps is bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Message, allowTrouble, connectDevice, eventually, identityString, openPage, pages, sendAll, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const BURST = 5_000;
/** How long the page may be busy at a time: generous, since the machine has the hub, too. */
const LONGEST_BUSY_MS = 2_000;

const numbered = (text, count) =>
  Array.from({ length: count }, (_, number) => new Message(JSON.stringify({ text, number })));

/** Sends until the page shows that it follows. */
async function followed(page, client) {
  await eventually('event on the page', async () => {
    await client.sendEvent(new Message('{"text":"are you there"}'));
    return (await page.locator('body').innerText()).includes('are you there');
  });
}

/** Notes in the page how long it was busy at a time. */
function watchFrames(page) {
  return page.evaluate(() => {
    window.longestBusy = 0;
    let last = performance.now();
    const frame = (now) => {
      window.longestBusy = Math.max(window.longestBusy, now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

const shows = async (page, text) => (await page.locator('main').innerText()).includes(text);

for (const [what, send] of Object.entries({
  [`a burst of ${BURST} events`]: (client) => sendAll(client, numbered('burst', BURST)),
  'a thousand events a second': async (client) => {
    for (let second = 0; second < 4; second += 1) {
      const paced = new Promise((resolve) => { setTimeout(resolve, 1_000); });
      await sendAll(client, numbered('steady', 1_000));
      await paced;
    }
  },
})) {
  test(`the page stays usable through ${what}`, async (t) => {
    const device = await hub.createDevice(`sender-${what.replaceAll(' ', '-')}`);
    const client = await connectDevice(t, hub, identityString(hub, device));
    const page = await openPage(t, hub);
    await page.goto('/portal/events');
    await followed(page, client);
    await watchFrames(page);

    await send(client);
    await client.sendEvent(new Message('{"text":"the last one"}'));

    await eventually('last event on the page', () => shows(page, 'the last one'));
    const busy = await page.evaluate(() => window.longestBusy);
    t.diagnostic(`the page was busy for ${Math.round(busy)} ms at most`);
    assert.ok(busy < LONGEST_BUSY_MS, `the page was busy for ${busy} ms`);
    const elements = await page.locator('*').count();
    assert.ok(elements < 20_000, `the page has ${elements} elements`);
  });
}

test('a paused page stands still and then catches up', async (t) => {
  const device = await hub.createDevice('paused');
  const client = await connectDevice(t, hub, identityString(hub, device));
  const [page, witness] = [await openPage(t, hub), await openPage(t, hub)];
  for (const either of [page, witness]) {
    await either.goto('/portal/events');
    await followed(either, client);
  }

  await page.getByRole('button', { name: 'Pause' }).click();
  await sendAll(client, numbered('while paused', 50));
  await eventually('event on the other page', () => shows(witness, 'while paused'));
  const moved = await shows(page, 'while paused');
  await page.getByRole('button', { name: /Resume|Continue/ }).click();
  await client.sendEvent(new Message('{"text":"going on"}'));

  assert.ok(!moved);
  await eventually('event after the pause', () => shows(page, 'going on'));
});

test('a device\'s page shows its events and no other\'s', async (t) => {
  const [mine, other] = [await hub.createDevice('mine'), await hub.createDevice('other')];
  const client = await connectDevice(t, hub, identityString(hub, mine));
  const stranger = await connectDevice(t, hub, identityString(hub, other));
  const page = await openPage(t, hub);
  await page.goto(pages('mine')['device-events']);
  await followed(page, client);

  await stranger.sendEvent(new Message('{"text":"from a stranger"}'));
  await client.sendEvent(new Message('{"text":"from mine"}'));

  await eventually('event of the device', () => shows(page, 'from mine'));
  assert.ok(!(await shows(page, 'from a stranger')));
});

for (const [what, end] of Object.entries({
  'the key is rolled': () =>
    hub.cli('policy', 'renew-key', '--name', 'watcher', '--key', 'primary'),
  'its person signs out': async (page) => {
    const other = await page.context().newPage();
    await other.goto('/portal');
    await other.getByRole('button', { name: 'Sign out' }).click();
    await other.waitForURL('**/portal/sign-in*');
  },
})) {
  test(`a page follows no longer when ${what}`, async (t) => {
    await hub.cli('policy', 'create', '--name', 'watcher', '--rights', 'ServiceConnect');
    t.after(() => hub.cli('policy', 'delete', '--name', 'watcher'));
    const device = await hub.createDevice(`secret-${what.replaceAll(' ', '-')}`);
    const client = await connectDevice(t, hub, identityString(hub, device));
    hub.forgetKey('watcher');
    const [page, witness] = [
      await openPage(t, hub, { as: 'watcher', ownSession: true }), await openPage(t, hub)];
    allowTrouble(page, /status of 401/);
    for (const either of [page, witness]) {
      await either.goto('/portal/events');
      await followed(either, client);
    }

    await end(page);

    // A stream sees within seconds that its session has ended.
    let sent = 0;
    await eventually('end of the stream', async () => {
      const text = `secret ${sent += 1}.`;
      await client.sendEvent(new Message(JSON.stringify({ text })));
      await eventually('event on the other page', () => shows(witness, text));
      return !(await shows(page, text));
    });
  });
}
