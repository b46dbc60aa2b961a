// Imports and exports through azure-iothub's Registry.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { createDevice, freshId, openRegistry } = require('../support/hub.js');

const registry = openRegistry();
const container = process.env.TWINHUB_TEST_CONTAINER_URI;

function blobUri(name) {
  const uri = new URL(container);
  uri.pathname += `/${name}`;
  return uri;
}

/** The lines of a blob that are documents. */
async function readLines(name) {
  const answer = await fetch(blobUri(name));
  assert.equal(answer.status, 200);
  const lines = (await answer.text()).split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}

async function writeLines(name, lines) {
  const answer = await fetch(blobUri(name), {
    method: 'PUT',
    headers: { 'x-ms-blob-type': 'BlockBlob' },
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  assert.equal(answer.status, 201);
}

/** The job once it has ended. */
async function ended(job) {
  for (let asked = 0; asked < 600; asked += 1) {
    const now = await registry.getJob(job.jobId);
    if (now.status !== 'running') return now;
    await sleep(50);
  }
  throw new Error('the job does not end');
}

test('an export has what was created, with its keys', async (t) => {
  const device = await createDevice(t, registry);

  const job = await ended(await registry.exportDevicesToBlob(container, false));

  assert.equal(job.status, 'completed');
  assert.equal(job.type, 'export');
  const line = (await readLines('devices.txt')).find(({ id }) => id === device.deviceId);
  assert.deepEqual(line.authentication.symmetricKey, device.authentication.symmetricKey);
  const { responseBody: jobs } = await registry.listJobs();
  assert.ok(jobs.some(({ jobId }) => jobId === job.jobId));
});

test('an import makes what it can and tells of the rest', async (t) => {
  const deviceId = freshId('imported');
  t.after(() => registry.delete(deviceId));
  await writeLines('devices.txt', [
    { id: deviceId, status: 'enabled', importMode: 'create', tags: { site: 'north' } },
    { id: deviceId, status: 'enabled', importMode: 'create' },
  ]);

  const job = await ended(await registry.importDevicesFromBlob(container, container));

  assert.equal(job.status, 'completed');
  const { responseBody: twin } = await registry.getTwin(deviceId);
  assert.deepEqual(twin.tags, { site: 'north' });
  const [failure, ...others] = await readLines('importErrors.log');
  assert.deepEqual([failure.deviceId, failure.errorCode], [deviceId, 409001]);
  assert.deepEqual(others, []);
});

test('a job that is not there can be neither read nor cancelled', async () => {
  for (const asked of [registry.getJob('none'), registry.cancelJob('none')]) {
    await assert.rejects(asked, (error) => error.response.statusCode === 404);
  }
});
