// Everything on every page is reached with the keyboard, and shows that it has the focus.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyPage, openPage, startHub, watchFocus } from './support/portal.mjs';

const hub = await startHub();
await hub.createDevice('pump');
await hub.createModule('pump', 'controller');

for (const [name, path] of await everyPage(hub)) {
  test(`everything on ${name} is reached with the keyboard`, async (t) => {
    const page = await openPage(t, hub);
    await page.goto(path);
    const focus = await watchFocus(page);
    assert.ok(focus.expected > 10, `there are ${focus.expected} places`);

    for (let presses = 0; presses < focus.expected; presses += 1) await page.keyboard.press('Tab');

    assert.deepEqual(await focus.missed(), [], 'not reached');
    assert.deepEqual(await focus.unseen(), [], 'the focus does not show');
  });
}

test('the first Tab offers to skip the navigation', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal/devices');

  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');

  assert.ok(await page.evaluate(() => document.activeElement.closest('main') !== null));
});

test('the menu of a narrow window opens and leads on with the keyboard', async (t) => {
  const page = await openPage(t, hub, { narrow: true });
  await page.goto('/portal');
  const devices = page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Devices' });
  assert.equal(await devices.isVisible(), false);

  await page.getByRole('button', { name: 'Menu' }).focus();
  await page.keyboard.press('Enter');
  await devices.focus();
  await page.keyboard.press('Enter');

  await page.waitForURL('/portal/devices');
});
