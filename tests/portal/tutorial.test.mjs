// The way of a person who begins: from the log-in to a module that receives its desired
// property, once with the mouse, once with the keyboard alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  connectDevice, eventually, nextEvent, openPage, pressOn, signIn, signInWith, startHub, typeInto,
} from './support/portal.mjs';

const hub = await startHub();

/** A module as somebody's code would be: it reports what it was asked for. */
async function startModule(t, connectionString) {
  const client = await connectDevice(t, hub, connectionString);
  const twin = await client.getTwin();
  const received = nextEvent(twin, 'properties.desired', (patch) => 'telemetryInterval' in patch);
  await new Promise((resolve, reject) => {
    twin.enableTwinDesiredPropertiesUpdates((error) => (error ? reject(error) : resolve()));
  });
  return received.then((patch) => {
    const { telemetryInterval } = patch;
    return new Promise((resolve, reject) => {
      twin.properties.reported.update({ telemetryInterval },
        (error) => (error ? reject(error) : resolve(telemetryInterval)));
    });
  });
}

/** What `copy` puts on the clipboard, which all pages of a browser share. */
async function copied(page, copy) {
  await page.evaluate(() => navigator.clipboard.writeText(''));
  await copy();
  await eventually('text on the clipboard',
    () => page.evaluate(async () => (await navigator.clipboard.readText()) !== ''));
  return page.evaluate(() => navigator.clipboard.readText());
}

const main = (page) => page.getByRole('main');
const link = (page, name) => main(page).getByRole('link', { name, exact: true });
const button = (page, name) => main(page).getByRole('button', { name, exact: true });
const field = (page, name) => main(page).getByRole('textbox', { name, exact: true });
const menu = (page, name) =>
  page.getByRole('navigation').getByRole('link', { name, exact: true }).first();

/** How each step is done. */
const HANDS = {
  mouse: {
    follow: (_page, target) => target.click(),
    write: (_page, target, text) => target.fill(text),
  },
  keyboard: {
    follow: (page, target) => pressOn(page, target),
    write: (page, target, text) => typeInto(page, target, text),
  },
};

for (const [hand, { follow, write }] of Object.entries(HANDS)) {
  test(`a module receives its desired property, by ${hand}`, async (t) => {
    const deviceId = `first-by-${hand}`;
    const page = await openPage(t, hub, { as: 'nobody' });
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto('/portal');

    await write(page, page.locator('[name="connection-string"]'),
      await hub.connectionString('iothubowner'));
    await follow(page, button(page, 'Sign in'));

    await follow(page, menu(page, 'Devices'));
    await follow(page, link(page, 'Add device'));
    await write(page, field(page, 'Device ID'), deviceId);
    await follow(page, button(page, 'Add device'));

    await page.waitForURL(/\/portal\/device\?/);
    await follow(page, link(page, 'Modules'));
    await follow(page, link(page, 'Add module'));
    await write(page, field(page, 'Module ID'), 'controller');
    await follow(page, button(page, 'Add module'));

    await page.waitForURL(/\/portal\/module\?/);
    const connectionString = await copied(page,
      () => follow(page, button(page, 'Copy primary connection string')));
    const reported = startModule(t, connectionString);
    reported.catch(() => {});
    await eventually('connection of the module',
      async () => (await hub.twin(deviceId, 'controller')).connectionState === 'Connected');

    await follow(page, link(page, 'Twin'));
    await write(page, field(page, 'Desired properties'), '{ "telemetryInterval": 5 }');
    await follow(page, button(page, 'Save'));

    await main(page).getByRole('status').waitFor();
    assert.equal(await reported, 5);
    await page.reload();
    await page.locator('pre', { hasText: '"telemetryInterval": 5' }).waitFor();
  });
}

test('the tutorial needs no script', async (t) => {
  const page = await openPage(t, hub, { as: 'nobody', script: false });
  await signIn(page, hub, 'iothubowner');

  await menu(page, 'Devices').click();
  await link(page, 'Add device').click();
  await field(page, 'Device ID').fill('first-without-script');
  await button(page, 'Add device').click();
  await page.waitForURL(/\/portal\/device\?/);
  await link(page, 'Modules').click();
  await link(page, 'Add module').click();
  await field(page, 'Module ID').fill('controller');
  await button(page, 'Add module').click();
  await page.waitForURL(/\/portal\/module\?/);
  await link(page, 'Twin').click();
  await field(page, 'Desired properties').fill('{ "telemetryInterval": 5 }');
  await button(page, 'Save').click();

  await eventually('desired property', async () =>
    (await hub.twin('first-without-script', 'controller'))
      .properties.desired.telemetryInterval === 5);
});
