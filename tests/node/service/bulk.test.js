// Bulk registry operations through azure-iothub's Registry.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createDevice, freshId, openRegistry, removeQuietly } = require('../support/hub.js');

const registry = openRegistry();

function freshDevices(t, count) {
  return Array.from({ length: count }, () => {
    const deviceId = freshId('bulk');
    t.after(() => removeQuietly(registry, deviceId));
    return { deviceId };
  });
}

function readAll(devices) {
  return Promise.all(
    devices.map(async ({ deviceId }) => (await registry.get(deviceId)).responseBody));
}

/** The result body of a bulk call that failed in part. */
async function failureOf(call) {
  const error = await call.then(() => assert.fail('the bulk call succeeded'), (error) => error);
  assert.equal(error.name, 'ArgumentError');
  assert.equal(error.response.statusCode, 400);
  assert.equal(error.response.headers['iothub-errorcode'], 'BulkRegistryOperationFailure');
  return JSON.parse(error.responseBody);
}

test('a hundred devices are added at once, each with a twin', async (t) => {
  const devices = freshDevices(t, 100);

  const { responseBody: result } = await registry.addDevices(devices);

  assert.equal(result.isSuccessful, true);
  assert.deepEqual(result.errors ?? [], []);
  assert.equal((await readAll(devices)).length, 100);
  const { responseBody: twin } = await registry.getTwin(devices[99].deviceId);
  assert.equal(twin.deviceId, devices[99].deviceId);
});

test('adding one that exists is told by name, and the others are added', async (t) => {
  const existing = await createDevice(t, registry);
  const [fresh] = freshDevices(t, 1);

  const result = await failureOf(registry.addDevices([existing, fresh]));

  assert.equal(result.isSuccessful, false);
  assert.equal(result.errors.length, 1);
  assert.equal(result.errors[0].deviceId, existing.deviceId);
  assert.equal(result.errors[0].errorCode, 'DeviceAlreadyExists');
  assert.equal(typeof result.errors[0].errorStatus, 'string');
  assert.deepEqual(await readAll([existing]), [existing]);
  assert.equal((await readAll([fresh]))[0].deviceId, fresh.deviceId);
});

test('a forced update changes all', async (t) => {
  const devices = freshDevices(t, 3);
  await registry.addDevices(devices);

  const changed = devices.map((device) => ({ ...device, status: 'disabled' }));
  const { responseBody: result } = await registry.updateDevices(changed, true);

  assert.equal(result.isSuccessful, true);
  assert.deepEqual(
    (await readAll(devices)).map(({ status }) => status), ['disabled', 'disabled', 'disabled']);
});

test('an update with etags takes the current and refuses the stale', async (t) => {
  const devices = freshDevices(t, 2);
  await registry.addDevices(devices);
  const [current, stale] = await readAll(devices);
  const { responseBody: moved } = await registry.update({ ...stale, statusReason: 'moved on' });

  const result = await failureOf(registry.updateDevices([
    { ...current, status: 'disabled' },
    { ...stale, status: 'disabled' },
  ], false));

  assert.equal(result.errors.length, 1);
  assert.equal(result.errors[0].deviceId, stale.deviceId);
  assert.equal(result.errors[0].errorCode, 'PreconditionFailed');
  const [first, second] = await readAll(devices);
  assert.equal(first.status, 'disabled');
  assert.deepEqual(second, moved);
});

test('a forced removal removes all', async (t) => {
  const devices = freshDevices(t, 2);
  await registry.addDevices(devices);

  const { responseBody: result } = await registry.removeDevices(devices, true);

  assert.equal(result.isSuccessful, true);
  for (const { deviceId } of devices) {
    await assert.rejects(registry.get(deviceId), { name: 'DeviceNotFoundError' });
  }
});

test('removing one that is not there is told by name', async (t) => {
  const device = await createDevice(t, registry);
  const missing = { deviceId: freshId('nobody') };

  const result = await failureOf(registry.removeDevices([missing, device], true));

  assert.equal(result.errors.length, 1);
  assert.equal(result.errors[0].deviceId, missing.deviceId);
  assert.equal(result.errors[0].errorCode, 'DeviceNotFound');
  await assert.rejects(registry.get(device.deviceId), { name: 'DeviceNotFoundError' });
});
