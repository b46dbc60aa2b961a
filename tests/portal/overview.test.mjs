// The hub at a glance: figures, charts, last errors, and programs to paste.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  checkLooks, connectDevice, identityString, openPage, sendAll, startHub,
} from './support/portal.mjs';

const run = promisify(execFile);
const hub = await startHub();

const tile = (page, text) => page.locator('.tile', { hasText: text });

test('the overview can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'overview', '/portal'));

test('figures and charts follow what happens, without the page being loaded anew', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal');
  await page.evaluate(() => { globalThis.sameDocument = true; });

  const device = await hub.createDevice('glance-1');
  const client = await connectDevice(t, hub, identityString(hub, device));
  await sendAll(client, Array.from({ length: 50 }, (_, number) => ({ number })));

  await tile(page, 'devices connected').filter({ hasText: /^1\D/ }).waitFor({ timeout: 30_000 });
  const busy = { name: /^Messages a second .* at most (?!0 )/ };
  await page.getByRole('img', busy).waitFor({ timeout: 30_000 });
  assert.equal(await page.evaluate(() => globalThis.sameDocument), true);
});

test('each time span has its chart', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal');

  await page.getByRole('link', { name: 'Day' }).click();

  await page.getByRole('img', { name: /^Messages a second in the last 24 hours/ }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Day' }).getAttribute('aria-current'), 'true');
});

test('figures are in the format of their reader, and units in the language of the page', async (t) => {
  for (const [locale, halfAMinute] of Object.entries({ 'en-GB': '−7.5 min', 'de-DE': '−7,5 min' })) {
    const page = await openPage(t, hub, { locale });

    await page.goto('/portal?minutes=10');

    await page.locator('svg.chart').first().getByText(halfAMinute).waitFor();
    assert.match(await tile(page, 'waiting for endpoints').innerText(), /^0\sbytes/, locale);
  }
});

test('sizes and counts are readable without script', async (t) => {
  const page = await openPage(t, hub, { script: false });

  await page.goto('/portal');

  assert.match(await tile(page, 'free on the disk').innerText(), /^\d{1,3}(\.\d)? [MGT]B/);
});

test('a policy for devices alone is told what it lacks', async (t) => {
  const page = await openPage(t, hub, { as: 'device' });

  await page.goto('/portal');

  await page.getByText('RegistryRead or ServiceConnect').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Devices', exact: true }).count(), 0);
});

test('only operators see errors', async (t) => {
  const page = await openPage(t, hub, { as: 'service' });

  await page.goto('/portal');

  await tile(page, 'devices connected').waitFor();
  assert.equal(await page.getByRole('heading', { name: 'Last errors' }).count(), 0);
});

test('the certificate that clients must trust is the hub\'s', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal');

  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'the hub\'s CA certificate' }).click();

  const downloaded = await readFile(await (await downloading).path(), 'utf8');
  assert.equal(downloaded, hub.ca.toString());
});

test('the program in Node does what it says', async (t) => {
  const page = await openPage(t, hub);
  await page.goto('/portal');
  const program = await page.locator('#sample-node').textContent();
  const device = await hub.createDevice('sample-node');
  await hub.patchTwin({ properties: { desired: { interval: 5 } } }, device.deviceId);

  const { stdout } = await run(process.execPath, ['-e', program], {
    timeout: 30_000,
    env: {
      ...process.env,
      NODE_PATH: fileURLToPath(new URL('../node/node_modules', import.meta.url)),
      NODE_EXTRA_CA_CERTS: hub.caFile,
      DEVICE_CONNECTION_STRING: identityString(hub, device),
    },
  });

  assert.match(stdout, /interval: 5/);
});
