// A list of more devices than fit on a page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLooks, openPage, startHub } from './support/portal.mjs';

const hub = await startHub();
const COUNT = 1_000;
const ids = Array.from({ length: COUNT }, (_, number) => `pump-${String(number).padStart(4, '0')}`);
await hub.createDevices(ids);

const shown = (page) => page.getByRole('main').getByRole('link', { name: /^pump-\d{4}$/ });
const next = (page) => page.getByRole('link', { name: 'Next' });
const search = (page) => page.getByLabel('Search', { exact: true });

test('a list of a thousand devices can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'many-devices', '/portal/devices'));

test('each device is on one of the pages', async (t) => {
  const page = await openPage(t, hub, { script: false });
  await page.goto('/portal/devices');

  const seen = [];
  for (;;) {
    seen.push(...await shown(page).allInnerTexts());
    if ((await next(page).count()) === 0) break;
    const before = page.url();
    await next(page).click();
    await page.waitForURL((url) => url.href !== before);
  }

  assert.deepEqual(seen.sort(), ids);
});

for (const script of [true, false]) {
  test(`a device is found by its ID, ${script ? 'with' : 'without'} script`, async (t) => {
    const page = await openPage(t, hub, { script });
    await page.goto('/portal/devices');

    await search(page).fill('pump-0777');
    await search(page).press('Enter');

    await page.waitForURL(/pump-0777/);
    assert.deepEqual(await shown(page).allInnerTexts(), ['pump-0777']);
  });
}

test('the start of an ID finds all that begin with it', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal/devices');

  await search(page).fill('pump-012');
  await search(page).press('Enter');

  await page.waitForURL(/pump-012/);
  assert.deepEqual((await shown(page).allInnerTexts()).sort(), ids.slice(120, 130));
});

test('a search that finds nothing says so', async (t) => {
  const page = await openPage(t, hub);

  await page.goto('/portal/devices');
  await search(page).fill('valve');
  await search(page).press('Enter');

  await page.waitForURL(/valve/);
  assert.equal(await shown(page).count(), 0);
  assert.match(await page.getByRole('main').innerText(), /no devices?/i);
});

test('numbers are in the reader\'s format', async (t) => {
  for (const [locale, number] of Object.entries({ 'en-GB': '1,000', 'de-DE': '1.000' })) {
    const page = await openPage(t, hub, { locale });
    await page.goto('/portal/devices');
    await page.getByRole('main').getByText(`${number} devices`).waitFor();
  }
});
