// Module identities through azure-iothub's Registry.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createDevice, createModule, freshId, openRegistry } = require('../support/hub.js');

const registry = openRegistry();

test('an added module has its own keys and belongs to its device', async (t) => {
  const device = await createDevice(t, registry);

  const module = await createModule(registry, device, 'sensor1');

  assert.equal(module.moduleId, 'sensor1');
  assert.equal(module.deviceId, device.deviceId);
  assert.equal(module.managedBy, null);
  assert.equal(module.connectionState, 'Disconnected');
  assert.equal(Buffer.from(module.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  assert.notEqual(
    module.authentication.symmetricKey.primaryKey, device.authentication.symmetricKey.primaryKey);
});

test('a module is read back alone and in the list of its device', async (t) => {
  const device = await createDevice(t, registry);
  const first = await createModule(registry, device);
  const second = await createModule(registry, device);

  const { responseBody: read } = await registry.getModule(device.deviceId, first.moduleId);
  const { responseBody: listed } = await registry.getModulesOnDevice(device.deviceId);

  assert.deepEqual(read, first);
  assert.deepEqual(
    listed.map(({ moduleId }) => moduleId).sort(), [first.moduleId, second.moduleId].sort());
});

test('a device without modules lists none', async (t) => {
  const device = await createDevice(t, registry);

  const { responseBody } = await registry.getModulesOnDevice(device.deviceId);

  assert.deepEqual(responseBody, []);
});

test('an update with the current etag is taken and moves the etag', async (t) => {
  const module = await createModule(registry, await createDevice(t, registry));

  const { responseBody: updated } = await registry.updateModule({ ...module, managedBy: 'somebody' });

  assert.equal(updated.managedBy, 'somebody');
  assert.notEqual(updated.etag, module.etag);
  assert.deepEqual(updated.authentication, module.authentication);
});

test('an update with a stale etag is InvalidEtagError and changes nothing', async (t) => {
  const module = await createModule(registry, await createDevice(t, registry));
  const { responseBody: current } = await registry.updateModule({ ...module, managedBy: 'first' });

  await assert.rejects(
    registry.updateModule({ ...module, managedBy: 'second' }), { name: 'InvalidEtagError' });

  const { responseBody: read } = await registry.getModule(module.deviceId, module.moduleId);
  assert.deepEqual(read, current);
});

test('a forced update needs no etag', async (t) => {
  const module = await createModule(registry, await createDevice(t, registry));
  await registry.updateModule({ ...module, managedBy: 'first' });

  const { responseBody } = await registry.updateModule({ ...module, managedBy: 'second' }, true);

  assert.equal(responseBody.managedBy, 'second');
});

test('removal by IDs takes the module and its twin', async (t) => {
  const device = await createDevice(t, registry);
  const { moduleId } = await createModule(registry, device);

  await registry.removeModule(device.deviceId, moduleId);

  await assert.rejects(registry.getModule(device.deviceId, moduleId), { message: 'Not found' });
  await assert.rejects(
    registry.getModuleTwin(device.deviceId, moduleId), { name: 'DeviceNotFoundError' });
});

test('removal with a stale etag is InvalidEtagError and removes nothing', async (t) => {
  const module = await createModule(registry, await createDevice(t, registry));
  const { responseBody: current } = await registry.updateModule({ ...module, managedBy: 'first' });
  // The SDK's own promise loses its callback when it is given a module.
  const remove = (given) =>
    new Promise((resolve, reject) => {
      registry.removeModule(given, (error) => (error ? reject(error) : resolve()));
    });

  await assert.rejects(remove(module), { name: 'InvalidEtagError' });

  await remove(current);
});

test('adding twice is DeviceAlreadyExistsError', async (t) => {
  const device = await createDevice(t, registry);
  const module = await createModule(registry, device);

  // The SDK has one class for every conflict; the header tells them apart.
  await assert.rejects(createModule(registry, device, module.moduleId), (error) => {
    assert.equal(error.name, 'DeviceAlreadyExistsError');
    assert.equal(error.response.headers['iothub-errorcode'], 'ModuleAlreadyExistsOnDevice');
    return true;
  });
});

test('a deleted device takes its modules with it', async (t) => {
  const device = await createDevice(t, registry);
  const { moduleId } = await createModule(registry, device);

  await registry.delete(device.deviceId);
  await createDevice(t, registry, { deviceId: device.deviceId });

  assert.deepEqual((await registry.getModulesOnDevice(device.deviceId)).responseBody, []);
  await assert.rejects(
    registry.getModuleTwin(device.deviceId, moduleId), { name: 'DeviceNotFoundError' });
});

test('module IDs are case-sensitive', async (t) => {
  const device = await createDevice(t, registry);
  await createModule(registry, device, 'Sensor');

  await assert.rejects(registry.getModule(device.deviceId, 'sensor'), { message: 'Not found' });

  const other = freshId('SENSOR');
  assert.equal((await createModule(registry, device, other)).moduleId, other);
});
