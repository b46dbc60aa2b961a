// What holds for every page: headers, tokens in forms, and the rights of whoever signed in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  allowTrouble, everyPage, forge, openPage, pages, sessionCookie, startHub, writingForms,
} from './support/portal.mjs';

const hub = await startHub();
const DEVICE = 'guarded';
const MODULE = 'controller';
await hub.createDevice(DEVICE);
await hub.createModule(DEVICE, MODULE);
const all = await everyPage(hub);
const cookie = await sessionCookie(hub);

/** Forms that only ask: keys are hidden until asked for, and who reads identities reads them. */
const ASKS = /^\/portal\/((device|module)\/keys|query)\b/;

/** Everything that the operator could send from any page, once. */
async function everyForm(page) {
  const forms = new Map();
  for (const [, path] of all) {
    await page.goto(path);
    for (const { action, fields } of await writingForms(page)) {
      const { pathname, search } = new URL(action);
      forms.set(`${pathname} ${fields.map(([name]) => name)}`,
        { path: pathname + search, fields: fields.filter(([name]) => name !== 'csrf') });
    }
  }
  return [...forms.values()].filter(({ path }) => path !== '/portal/sign-out');
}

/** What the forms could change. */
async function state() {
  return Promise.all([
    hub.call('GET', '/devices'), hub.call('GET', `/devices/${DEVICE}/modules`),
    hub.twin(DEVICE), hub.twin(DEVICE, MODULE), hub.cli('policy', 'list'),
    hub.cli('route', 'list'), hub.cli('consumer-group', 'list')]);
}

test('the pages lead to each other', () => {
  const names = all.map(([name]) => name);

  for (const name of ['certificates', 'device-events', 'device-messages', 'device-method',
    'device-modules', 'device-modules-new', 'device-twin', 'devices', 'devices-new', 'endpoint',
    'events', 'module', 'module-method', 'module-twin', 'overview', 'policies', 'query', 'routes',
    'settings', 'transfers']) assert.ok(names.includes(name), name);
});

for (const [name, path] of all) {
  test(`${name} is served with what protects it, and to nobody who has not signed in`, async () => {
    const { status, headers } = await hub.send(path, { headers: { cookie, accept: 'text/html' } });

    assert.equal(status, 200);
    assert.deepEqual(headers['content-security-policy'].split(/;\s*/).sort(), [
      "base-uri 'none'", "connect-src 'self'", "default-src 'none'", "form-action 'self'",
      "frame-ancestors 'none'", "img-src 'self' data:", "script-src 'self'", "style-src 'self'"]);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['referrer-policy'], 'same-origin');
    assert.match(headers['cache-control'], /no-store/);

    const stranger = await hub.send(path, { headers: { accept: 'text/html' } });
    assert.equal(stranger.status, 303);
    assert.match(stranger.headers.location, /^\/portal\/sign-in/);
    assert.equal(stranger.text, '');
  });
}

test('no form is taken without its token, with a wrong one, or from elsewhere', async (t) => {
  const page = await openPage(t, hub);
  const forms = await everyForm(page);
  const earlier = await state();
  assert.ok(forms.length >= 20, `there are ${forms.length} forms`);

  for (const { path, fields } of forms) {
    for (const [what, options] of Object.entries({
      'no token': { csrf: null },
      'a wrong token': { csrf: 'A'.repeat(43) },
      'an empty token': { csrf: '' },
      'another origin': { headers: { origin: 'https://127.0.0.1', 'sec-fetch-site': 'cross-site' } },
    })) {
      const answer = await forge(page, hub, path, fields, options);
      assert.equal(answer.status, 403, `${path} with ${what}`);
    }
  }
  assert.deepEqual(await state(), earlier);
});

test('the token of another session is refused', async (t) => {
  const [page, other] = [
    await openPage(t, hub, { ownSession: true }), await openPage(t, hub, { ownSession: true })];
  await page.goto('/portal');
  await other.goto('/portal');

  const csrf = await other.locator('[name="csrf"]').first().inputValue();
  const answer = await forge(page, hub, '/portal/sign-out', [], { csrf });

  assert.equal(answer.status, 403);
});

test('who may only read is led to nothing to write with', async (t) => {
  const page = await openPage(t, hub, { as: 'registryRead' });

  const offered = [];
  for (const [name, path] of await everyPage(hub, 'registryRead')) {
    await page.goto(path);
    for (const { action } of await writingForms(page)) {
      const { pathname } = new URL(action);
      if (pathname !== '/portal/sign-out' && !ASKS.test(pathname)) offered.push(`${name}: ${pathname}`);
    }
  }

  assert.deepEqual(offered, []);
});

test('who may only read changes nothing with forged forms', async (t) => {
  const forms = (await everyForm(await openPage(t, hub))).filter(({ path }) => !ASKS.test(path));
  const page = await openPage(t, hub, { as: 'registryRead' });
  await page.goto('/portal/devices');
  const earlier = await state();

  for (const { path, fields } of forms) {
    const answer = await forge(page, hub, path, fields);
    assert.notEqual(answer.status, 500, path);
    assert.notEqual(answer.status, 200, path);
  }

  assert.deepEqual(await state(), earlier);
});

/** What a form is filled in with so that it would work. */
const FILLED = {
  '/portal/device/twin': { tags: '{"forged": true}' },
  '/portal/module/twin': { tags: '{"forged": true}' },
  '/portal/device/messages': { body: 'forged' },
  '/portal/device/modules/new': { module: 'forged', 'module-id': 'forged' },
  '/portal/devices/new': { id: 'forged', 'device-id': 'forged' },
  '/portal/device': { status: 'disabled' },
};

test('forms that work for who may are refused to who may only read', async (t) => {
  const page = await openPage(t, hub);
  const forms = (await everyForm(page))
    .map(({ path, fields }) => ({ path, fields: fields.filter(([name]) => name !== 'do') }))
    .map((form) => ({ ...form, filled: FILLED[form.path.split('?')[0]] }))
    .filter(({ filled }) => filled);
  const reader = await openPage(t, hub, { as: 'registryRead' });
  await reader.goto('/portal/devices');
  const earlier = await state();
  assert.deepEqual(new Set(forms.map(({ path }) => path.split('?')[0])), new Set(Object.keys(FILLED)));

  const fill = ({ fields, filled }) => [
    ...fields.filter(([name]) => !(name in filled)), ...Object.entries(filled)];
  for (const form of forms) {
    const answer = await forge(reader, hub, form.path, fill(form));
    assert.ok([401, 403].includes(answer.status), `${form.path}: ${answer.status}`);
  }
  assert.deepEqual(await state(), earlier);

  await page.goto('/portal/devices');
  for (const form of forms) {
    const answer = await forge(page, hub, form.path, fill(form));
    assert.equal(answer.status, 303, `${form.path}: ${answer.text}`);
  }
  assert.notDeepEqual(await state(), earlier);
});

test('a service sees twins and no identities to change', async (t) => {
  const page = await openPage(t, hub, { as: 'service' });
  allowTrouble(page, /status of 40[13]/);

  await page.goto(pages(DEVICE, MODULE)['device-twin']);

  await page.getByText(DEVICE).first().waitFor();
  assert.ok((await writingForms(page)).some(({ action }) => action.includes('/device/twin')));
  await page.goto('/portal/devices/new');
  assert.deepEqual(
    (await writingForms(page)).filter(({ action }) => action.includes('/devices')), []);
});
