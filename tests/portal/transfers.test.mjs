// Imports and exports: started, watched, cancelled.
import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  allowTrouble, assertAccessible, checkLooks, eventually, openPage, screenshot, startHub,
} from './support/portal.mjs';

const hub = await startHub();
await hub.createDevice('pump-7');

const button = (page, name) => page.getByRole('button', { name, exact: true });
const link = (page, name) => page.getByRole('link', { name, exact: true });
const alert = (page) => page.getByRole('alert');
const jobs = (page) => page.getByRole('region', { name: 'Jobs' }).getByRole('row');

async function newFolder(name) {
  const folder = join(hub.folder, name);
  await mkdir(folder);
  await chmod(folder, 0o700);
  return folder;
}

/** What a container answers when blobs are deleted: in a batch of one. */
const DELETED = ['--batch', 'Content-Type: application/http', 'Content-ID: 0', '',
  'HTTP/1.1 202 Accepted', '', '', '--batch--', ''].join('\r\n');

/** A container that can be written to, but for the blob of an export, which it never takes. */
async function stuckContainer(t) {
  const server = createServer((request, response) => {
    request.resume();
    if (request.url.includes('devices.txt')) return;
    if (request.method === 'POST') {
      response.writeHead(202, { 'content-type': 'multipart/mixed; boundary=batch' }).end(DELETED);
      return;
    }
    response.writeHead(201, { etag: '"1"', 'content-length': 0 }).end();
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/c?sv=1&sig=secret`;
}

test('no job at all can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'transfers-none', '/portal/transfers'));

for (const [name, path] of [['export', '/portal/transfers/export'], ['import', '/portal/transfers/import']]) {
  test(`the form of an ${name} can be looked at everywhere`, (t) =>
    checkLooks(t, hub, `transfers-${name}`, path));
}

for (const script of [true, false]) {
  test(`devices are exported to a folder and come back, ${script ? 'with' : 'without'} script`, async (t) => {
    const folder = await newFolder(`fleet-${script}`);
    const page = await openPage(t, hub, { script });
    const ended = async (what) => {
      const row = jobs(page).filter({ hasText: what }).first();
      await eventually('end of the job', async () => {
        if (!script) await page.reload();
        return /completed/.test(await row.innerText());
      });
    };

    await page.goto('/portal/transfers');
    await link(page, 'Export devices').click();
    await page.getByLabel("Or a folder of the hub's machine").fill(folder);
    await page.getByLabel('Include keys').check();
    await button(page, 'Start export').click();
    await page.getByText(/Export \S+ has begun\./).waitFor();
    await ended('Export with keys');
    const exported = await readFile(join(folder, 'devices.txt'), 'utf8');
    assert.match(exported, /"pump-7"/);

    await link(page, 'Import devices').click();
    await page.getByLabel("Or a folder of the hub's machine").fill(folder);
    await button(page, 'Start import').click();
    await page.getByText(/Import \S+ has begun\./).waitFor();
    await ended('Import');
  });
}

test('a job that fails says why', async (t) => {
  const folder = await newFolder('broken');
  await writeFile(join(folder, 'devices.txt'), Buffer.from([0xff, 0xfe, 0x0a]));
  const page = await openPage(t, hub);

  await page.goto('/portal/transfers/import');
  await page.getByLabel("Or a folder of the hub's machine").fill(folder);
  await button(page, 'Start import').click();
  await page.getByText(/Import \S+ has begun\./).waitFor();

  const row = jobs(page).nth(1);
  await eventually('end of the job', async () => /completed|failed/.test(await row.innerText()));
});

test('what the hub refuses says so and stays in the form', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);
  await page.goto('/portal/transfers/export');

  await page.getByLabel("Or a folder of the hub's machine").fill('/nowhere/at/all');
  await page.getByLabel('Blob name').fill('fleet.txt');
  await button(page, 'Start export').click();

  await alert(page).filter({ hasText: 'BlobContainerValidationError' }).waitFor();
  assert.equal(await page.getByLabel("Or a folder of the hub's machine").inputValue(),
    '/nowhere/at/all');
  assert.equal(await page.getByLabel('Blob name').inputValue(), 'fleet.txt');
});

test('a job is cancelled after it was confirmed, by a back end, too', async (t) => {
  const container = await stuckContainer(t);
  const page = await openPage(t, hub, { as: 'registryReadWrite' });
  await page.goto('/portal/transfers/export');
  assert.equal(await page.getByLabel(/folder/).count(), 0, 'that is for operators');

  await page.getByLabel('Container SAS URI').fill(container);
  await button(page, 'Start export').click();
  const cancel = jobs(page).getByRole('link', { name: /^Cancel job/ });
  await cancel.waitFor();
  await screenshot(page, 'transfers-running');
  await assertAccessible(page);
  await cancel.click();
  await button(page, 'Cancel job').click();

  await page.getByText('The job is cancelled.').waitFor();
  assert.match(await jobs(page).nth(1).innerText(), /Export without keys[\s\S]*cancelled/);
  assert.ok(!(await page.content()).includes('secret'), 'addresses are secrets');
});

test('who may only read sees the jobs', async (t) => {
  const page = await openPage(t, hub, { as: 'registryRead' });

  await page.goto('/portal/transfers');

  await jobs(page).nth(1).waitFor();
  assert.equal(await link(page, 'Export devices').count(), 0);
});

test('jobs can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'transfers', '/portal/transfers'));
