// Makes the pictures of the README: `npm run pictures`, with a hub of its own on
// localhost. It takes two minutes, so that the charts have something to show.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Hub } from './support/hub.mjs';

const FLEET = 40;
const WARM_UP = 110_000;
const into = fileURLToPath(new URL('../../docs/images', import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'twinhub-pictures-'));
const hub = new Hub('localhost', folder, '127.0.0.1');
await hub.start();
try {
  await fillHub();
  const fleet = spawn(hub.binary, [
    'simulate', '--data-dir', hub.dataFolder, '--devices', String(FLEET), '--prefix', 'pump',
  ], { stdio: 'ignore' });
  await new Promise((resolve) => setTimeout(resolve, WARM_UP));
  await takePictures();
  fleet.kill('SIGINT');
} finally {
  await hub.stop();
  await rm(hub.folder, { recursive: true, force: true });
}

async function fillHub() {
  const sites = ['north', 'south', 'harbour'];
  for (let number = 1; number <= 260; number += 1) {
    const device = await hub.createDevice(`pump-${number}`, {
      status: number > FLEET && number % 17 === 0 ? 'disabled' : 'enabled',
    });
    if (number > FLEET) continue;
    await hub.patchTwin({
      tags: { site: sites[number % 3], building: 40 + (number % 5), line: { name: 'cooling' } },
      properties: { desired: { interval: 5, limits: { low: 12, high: 78 }, firmware: '2.4.1' } },
    }, device.deviceId);
  }
  await hub.createModule('pump-7', 'thermostat');
}

async function takePictures() {
  await mkdir(into, { recursive: true });
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--ignore-certificate-errors'],
  });
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 }, locale: 'en-GB', ignoreHTTPSErrors: true,
  });
  const page = await context.newPage();
  await page.goto(await hub.cli('portal-link'));
  for (const [name, path] of [
    ['overview', '/portal?minutes=10'],
    ['twin', '/portal/device/twin?id=pump-7'],
    ['events', '/portal/events'],
  ]) {
    await page.goto(`https://localhost${path}`);
    await page.waitForTimeout(6_000);
    await page.screenshot({ path: join(into, `${name}.png`) });
  }
  await browser.close();
}
