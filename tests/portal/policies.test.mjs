// Shared access policies: rights, keys and connection strings, rolling and deleting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  allowTrouble, assertAccessible, assertFits, checkLooks, openPage, screenshot, startHub,
} from './support/portal.mjs';

const hub = await startHub();

const button = (page, name) => page.getByRole('button', { name, exact: true });
const link = (page, name) => page.getByRole('link', { name, exact: true });
const alert = (page) => page.getByRole('alert');

async function policy(name) {
  const { value } = await hub.manage('POST', `${resource()}/listkeys`);
  return value.find(({ keyName }) => keyName === name);
}

async function addPolicy(name, rights = 'ServiceConnect') {
  const { value } = await hub.manage('POST', `${resource()}/listkeys`);
  const all = [...value, { keyName: name, rights }];
  await hub.manage('PUT', resource(), { properties: { authorizationPolicies: all } });
}

async function setRights(keyName, rights) {
  const { value } = await hub.manage('POST', `${resource()}/listkeys`);
  const others = value.filter((other) => other.keyName !== keyName);
  const all = [...others, { keyName, rights }];
  await hub.manage('PUT', resource(), { properties: { authorizationPolicies: all } });
}

function resource() {
  return '/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/localhost';
}

async function openPolicy(page, name) {
  await page.goto('/portal/policies');
  await link(page, name).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
}

test('the list can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'policies', '/portal/policies'));

test('a policy can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'policy', '/portal/policies/policy?name=service'));

for (const script of [true, false]) {
  test(`a policy is added and its rights are changed, ${script ? 'with' : 'without'} script`, async (t) => {
    const name = script ? 'dashboards' : 'dashboards-2';
    const page = await openPage(t, hub, { script });

    await page.goto('/portal/policies');
    await link(page, 'Add policy').click();
    await page.getByLabel('Name').fill(name);
    await page.getByLabel(/RegistryRead/).check();
    await button(page, 'Add policy').click();
    await page.getByText(`Policy ${name} is added.`).waitFor();

    assert.ok(await page.getByLabel(/RegistryRead/).isChecked());
    await page.getByLabel(/RegistryRead/).uncheck();
    await page.getByLabel(/DeviceConnect/).check();
    await button(page, 'Save rights').click();
    await page.getByText(`The rights of policy ${name} are changed.`).waitFor();

    assert.equal((await policy(name)).rights, 'DeviceConnect');
  });
}

test('what was typed stays when a policy is refused', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);
  await page.goto('/portal/policies/new');

  await page.getByLabel('Name').fill('SERVICE');
  await page.getByLabel(/ServiceConnect/).check();
  await button(page, 'Add policy').click();

  await alert(page).filter({ hasText: 'There is a policy of this name.' }).waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), 'SERVICE');
  assert.ok(await page.getByLabel(/ServiceConnect/).isChecked());

  await page.getByLabel('Name').fill('without-rights');
  await page.getByLabel(/ServiceConnect/).uncheck();
  await button(page, 'Add policy').click();
  await alert(page).filter({ hasText: 'Choose at least one right.' }).waitFor();
  assert.equal(await policy('without-rights'), undefined);
});

test('keys are in the page once they are asked for, and can be copied', async (t) => {
  const page = await openPage(t, hub);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const { primaryKey, secondaryKey } = await policy('service');
  await openPolicy(page, 'service');
  assert.ok(!(await page.content()).includes(primaryKey));

  await button(page, 'Show keys').click();
  await button(page, 'Copy primary connection string').click();

  const content = await page.content();
  assert.ok(content.includes(primaryKey) && content.includes(secondaryKey));
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()),
    `HostName=${hub.host};SharedAccessKeyName=service;SharedAccessKey=${primaryKey}`);
  await link(page, 'Hide keys').click();
  await button(page, 'Show keys').waitFor();
  assert.ok(!(await page.content()).includes(primaryKey));
});

test('keys can be looked at in a narrow window in the dark', async (t) => {
  const page = await openPage(t, hub, { narrow: true, dark: true });
  await page.goto('/portal/policies/policy?name=service');

  await button(page, 'Show keys').click();
  await button(page, 'Copy primary key').waitFor();

  await screenshot(page, 'policy-keys');
  await assertFits(page);
  await assertAccessible(page);
});

test('a key is rolled after it was told who is cut off, and the other stays', async (t) => {
  await addPolicy('rolled');
  const before = await policy('rolled');
  const page = await openPage(t, hub);

  await openPolicy(page, 'rolled');
  await link(page, 'Roll secondary key').click();
  await page.getByText('The old one is void at once').waitFor();
  assert.deepEqual(await policy('rolled'), before, 'looking changes nothing');
  await button(page, 'Roll key').click();
  await page.getByText('The secondary key of policy rolled is new.').waitFor();

  const rolled = await policy('rolled');
  assert.equal(rolled.primaryKey, before.primaryKey);
  assert.notEqual(rolled.secondaryKey, before.secondaryKey);
});

test('keys change places', async (t) => {
  await addPolicy('swapped');
  const before = await policy('swapped');
  const page = await openPage(t, hub);

  await openPolicy(page, 'swapped');
  await link(page, 'Swap keys').click();
  await button(page, 'Swap keys').click();
  await page.getByText('have changed places').waitFor();

  const after = await policy('swapped');
  assert.equal(after.primaryKey, before.secondaryKey);
  assert.equal(after.secondaryKey, before.primaryKey);
});

test('a session ends when its policy\'s key is rolled, as it was announced', async (t) => {
  await addPolicy('visitor');
  const visitor = await openPage(t, hub, { as: 'visitor', ownSession: true });
  const page = await openPage(t, hub);

  await page.goto('/portal/policies/roll?name=visitor&key=primary');
  await page.getByText('portal sessions that were opened with it end').waitFor();
  await button(page, 'Roll key').click();
  await page.getByText('The primary key of policy visitor is new.').waitFor();

  await visitor.goto('/portal');
  await visitor.waitForURL('**/portal/sign-in*');
});

test('a policy is deleted after it was confirmed', async (t) => {
  await addPolicy('deleted');
  const page = await openPage(t, hub);

  await openPolicy(page, 'deleted');
  await link(page, 'Delete policy').click();
  await button(page, 'Delete').click();
  await page.getByText('Policy deleted is deleted.').waitFor();

  assert.equal(await policy('deleted'), undefined);
});

for (const [what, address, send] of [
  ['rights', 'policy?name=raced', 'Save rights'],
  ['a key', 'roll?name=raced&key=primary', 'Roll key'],
  ['a deletion', 'delete?name=raced', 'Delete'],
]) {
  test(`who saw something else is told what stands now: ${what}`, async (t) => {
    await setRights('raced', 'ServiceConnect, DeviceConnect');
    const page = await openPage(t, hub);
    allowTrouble(page, /status of 409/);
    await page.goto(`/portal/policies/${address}`);
    if (send === 'Save rights') await page.getByLabel(/RegistryRead/).check();

    await setRights('raced', 'ServiceConnect');
    const before = await policy('raced');
    await button(page, send).click();
    await alert(page).filter({ hasText: 'these rights now: ServiceConnect.' }).waitFor();

    assert.deepEqual(await policy('raced'), before, 'nothing is changed yet');
    if (send === 'Save rights') assert.ok(await page.getByLabel(/RegistryRead/).isChecked());
    await button(page, send).click();
    await page.getByRole('status').filter({ hasText: 'raced' }).waitFor();
    assert.notDeepEqual(await policy('raced'), before);
  });
}

test('deleting the policy that operators need is warned of', async (t) => {
  const page = await openPage(t, hub);

  await page.goto('/portal/policies/delete?name=iothubowner');

  await page.getByText('No other policy has all rights').waitFor();
  await link(page, 'Cancel').click();
  await button(page, 'Show keys').waitFor();
});

test('who is no operator is told how to become one', async (t) => {
  const page = await openPage(t, hub, { as: 'iothubowner' });
  allowTrouble(page, /status of 403/);

  const response = await page.goto('/portal/policies');

  assert.equal(response.status(), 403);
  await alert(page).filter({ hasText: 'twinhub portal-link' }).waitFor();
  assert.equal(await link(page, 'Shared access policies').count(), 0);
});

test('a policy that is not there is not found', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 404/);

  const response = await page.goto('/portal/policies/policy?name=%3Cscript%3E');

  assert.equal(response.status(), 404);
  await alert(page).waitFor();
});
