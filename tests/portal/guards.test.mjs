// The guards notice what they are there for: each page here does one thing that no page may do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowTrouble, assertInert, openPage, startHub, troubles } from './support/portal.mjs';

const hub = await startHub();

/** Opens a page that the test makes up, with the policy of the portal's pages. */
async function openMadeUp(t, body, options = {}) {
  const page = await openPage(t, hub, { as: 'nobody', ...options });
  await page.route('**/portal/made-up', (route) => route.fulfill({
    headers: {
      'content-type': 'text/html',
      'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:",
    },
    body: `<!DOCTYPE html><title>Made up</title><link rel="icon" href="data:,">${body}`,
  }));
  await page.goto('/portal/made-up');
  return page;
}

/** The page's troubles, which from now on are allowed, so that the test can pass. */
async function noticed(page) {
  const found = await troubles(page);
  allowTrouble(page, /./);
  return found;
}

test('a quiet page has no troubles', async (t) => {
  const page = await openMadeUp(t, '<p>Hello</p>');

  assert.deepEqual(await troubles(page), []);
  await assertInert(page);
});

test('an inline script is refused by the policy and noticed', async (t) => {
  const page = await openMadeUp(t, '<script>window.hostile = 1</script>');

  assert.match((await noticed(page)).join(), /console: .*Content Security Policy/);
  await assert.rejects(assertInert(page), /window.hostile/);
});

test('an inline style is noticed', async (t) => {
  const page = await openMadeUp(t, '<p style="color: red">Hello</p>');

  assert.match((await noticed(page)).join(), /console: .*Content Security Policy/);
});

test('an exception is noticed', async (t) => {
  const page = await openMadeUp(t, '');

  const thrown = page.waitForEvent('pageerror');
  await page.evaluate(() => { setTimeout(() => { throw new Error('broken'); }); });
  await thrown;

  assert.match((await noticed(page)).join(), /uncaught: broken/);
});

test('a request to another origin is noticed', async (t) => {
  const page = await openMadeUp(t, '<a href="https://127.0.0.1:9/">elsewhere</a>');

  const failed = page.waitForEvent('requestfailed');
  await page.getByText('elsewhere').click();
  await failed;

  assert.match((await noticed(page)).join(), /left the hub: https:\/\/127.0.0.1:9/);
});

test('a page that weighs too much is noticed', async (t) => {
  const page = await openMadeUp(t, `<p>${'heavy '.repeat(40_000)}</p>`);

  assert.match((await noticed(page)).join(), /weight: .*made-up is 24\d{4} bytes/);
});
