// Signing in and out, and what an end of a session looks like.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HOSTILE, allowTrouble, assertAccessible, assertInert, checkLooks, openPage, portalLink, pressOn,
  signIn, signInWith, startHub, typeInto,
} from './support/portal.mjs';

const hub = await startHub();
const NO_KEY = `${'A'.repeat(43)}=`;

const alert = (page) => page.getByRole('alert');
const signOut = (page) => page.getByRole('button', { name: 'Sign out' });

test('the sign-in page can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'sign-in', '/portal/sign-in', { as: 'nobody' }));

test('a policy\'s connection string signs in', async (t) => {
  const page = await openPage(t, hub, { as: 'nobody' });

  await signIn(page, hub, 'service');

  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.match(await page.locator('body').innerText(), /service/);
});

test('signing in works without script', async (t) => {
  const page = await openPage(t, hub, { as: 'nobody', script: false });

  await signIn(page, hub, 'iothubowner');

  await signOut(page).click();
  await page.waitForURL('**/portal/sign-in*');
});

test('signing in works with the keyboard alone', async (t) => {
  const page = await openPage(t, hub, { as: 'nobody' });
  await page.goto('/portal/sign-in');

  await typeInto(page, page.locator('[name="connection-string"]'),
    await hub.connectionString('iothubowner'));
  await pressOn(page, page.getByRole('button', { name: 'Sign in' }));

  await page.waitForURL('/portal');
});

test('the session\'s cookie is for this hub alone, and no script sees it', async (t) => {
  const page = await openPage(t, hub, { as: 'nobody' });

  await signIn(page, hub);

  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ name, path, httpOnly, secure, sameSite }) =>
    ({ name, path, httpOnly, secure, sameSite })),
  [{ name: '__Host-twinhub', path: '/', httpOnly: true, secure: true, sameSite: 'Lax' }]);
  assert.equal(await page.evaluate(() => document.cookie), '');
});

test('a link signs in once', async (t) => {
  const link = await portalLink(hub);
  const page = await openPage(t, hub, { as: 'nobody' });
  await page.goto(link);
  await page.waitForURL('/portal');

  const other = await openPage(t, hub, { as: 'nobody' });
  allowTrouble(other, /status of 401|status of 403/);
  await other.goto(link);

  assert.match(await alert(other).innerText(), /link/);
  assert.deepEqual(await other.context().cookies(), []);
});

for (const [what, entered] of Object.entries({
  'something else': 'let me in',
  'a key that is not the policy\'s':
    `HostName=${hub.host};SharedAccessKeyName=service;SharedAccessKey=${NO_KEY}`,
  'a policy that there is not':
    `HostName=${hub.host};SharedAccessKeyName=nobody;SharedAccessKey=${NO_KEY}`,
  'hostile text': HOSTILE,
})) {
  test(`${what} does not sign in, and the page says so`, async (t) => {
    const page = await openPage(t, hub, { as: 'nobody' });
    allowTrouble(page, /status of 40[013]/);

    await signInWith(page, entered);

    assert.match(await alert(page).innerText(), /\w+ \w+.*\./);
    assert.deepEqual(await page.context().cookies(), []);
    await assertInert(page);
  });
}

test('who keeps trying is told to wait', async (t) => {
  const limited = await startHub();
  const wrong = `HostName=${limited.host};SharedAccessKeyName=service;SharedAccessKey=${NO_KEY}`;
  const attempt = () => limited.send('/portal/sign-in', {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      origin: limited.origin,
      'sec-fetch-site': 'same-origin',
    },
    body: new URLSearchParams({ 'connection-string': wrong }).toString(),
  });

  const answers = [];
  while (answers.length < 30 && answers.at(-1)?.status !== 429) answers.push(await attempt());

  const last = answers.at(-1);
  assert.equal(last.status, 429);
  assert.ok(answers.length > 5, `refused after ${answers.length} attempts`);
  assert.ok(Number(last.headers['retry-after']) > 0, 'says for how long');
  const page = await openPage(t, limited, { as: 'nobody' });
  allowTrouble(page, /status of 429/);
  await signInWith(page, wrong);
  assert.match(await alert(page).innerText(), /again in|wait/i);

  // All who are behind one proxy have one address: another policy is let in.
  await signInWith(page, await limited.connectionString('registryRead'));
  await page.waitForURL('/portal');
});

test('who is not signed in is led to the sign-in page and then to where they wanted', async (t) => {
  const page = await openPage(t, hub, { as: 'nobody' });

  await page.goto('/portal?minutes=5');
  await page.waitForURL('**/portal/sign-in*');
  await page.locator('[name="connection-string"]').fill(await hub.connectionString('service'));
  await page.getByRole('button', { name: 'Sign in' }).click();

  await page.waitForURL('/portal?minutes=5');
});

test('the sign-in page leads nowhere else', async (t) => {
  const page = await openPage(t, hub, { as: 'nobody' });
  await page.goto('/portal/sign-in?next=https://127.0.0.1:9/&to=//127.0.0.1:9/');

  await page.locator('[name="connection-string"]').fill(await hub.connectionString('service'));
  await page.getByRole('button', { name: 'Sign in' }).click();

  await page.waitForURL('/portal');
});

test('signing out ends the session, not only the cookie', async (t) => {
  const page = await openPage(t, hub, { ownSession: true });
  const kept = await page.context().cookies();

  await signOut(page).click();
  await page.waitForURL('**/portal/sign-in*');

  assert.deepEqual(await page.context().cookies(), []);
  await page.context().addCookies(kept);
  await page.goto('/portal');
  await page.waitForURL('**/portal/sign-in*');
});

test('rolling a policy\'s key ends its sessions', async (t) => {
  await hub.cli('policy', 'create', '--policy-name', 'rolled', '--permissions', 'RegistryRead');
  const page = await openPage(t, hub, { as: 'rolled', ownSession: true });

  await hub.cli('policy', 'renew-key', '--policy-name', 'rolled', '--renew-key', 'primary');
  await page.reload();

  await page.waitForURL('**/portal/sign-in*');
  assert.match(await alert(page).innerText(), /key/);
});

test('a session that ends leaves what is typed, and goes on after signing in in another tab', async (t) => {
  await hub.cli('policy', 'create', '--policy-name', 'typing', '--permissions', 'RegistryRead,RegistryWrite,ServiceConnect');
  const device = await hub.createDevice('typed-into');
  const page = await openPage(t, hub, { as: 'typing', ownSession: true });
  allowTrouble(page, /status of 401/);
  await page.goto(`/portal/device/twin?id=${device.deviceId}`);
  await page.getByRole('textbox', { name: 'Tags' }).fill('{ "typed": true }');

  await hub.cli('policy', 'renew-key', '--policy-name', 'typing', '--renew-key', 'primary');
  hub.forgetKey('typing');
  await alert(page).filter({ hasText: 'Your session has ended' }).waitFor({ timeout: 20_000 });
  await assertAccessible(page);
  const other = await page.context().newPage();
  await signIn(other, hub, 'typing');
  await page.locator('#signed-out').waitFor({ state: 'detached', timeout: 20_000 });
  assert.equal(await page.getByRole('textbox', { name: 'Tags' }).inputValue(), '{ "typed": true }');
  await page.getByRole('button', { name: 'Save' }).click();

  await page.getByText('is saved').waitFor();
  assert.deepEqual((await hub.twin(device.deviceId)).tags, { typed: true });
});

test('a form that is sent after its session leads back to its page, and says that nothing was saved', async (t) => {
  await hub.cli('policy', 'create', '--policy-name', 'late', '--permissions', 'RegistryRead,RegistryWrite');
  const page = await openPage(t, hub, { as: 'late', ownSession: true });
  await page.goto('/portal/devices/new');
  await page.getByLabel('Device ID').fill('never');

  await hub.cli('policy', 'renew-key', '--policy-name', 'late', '--renew-key', 'primary');
  hub.forgetKey('late');
  await page.getByRole('button', { name: 'Add device' }).click();
  await alert(page).filter({ hasText: 'nothing of what you sent was saved' }).waitFor();
  await page.locator('[name="connection-string"]').fill(await hub.connectionString('late'));
  await page.getByRole('button', { name: 'Sign in' }).click();

  await page.waitForURL('/portal/devices/new');
});
