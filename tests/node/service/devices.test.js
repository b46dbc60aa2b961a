// Device identities through azure-iothub's Registry.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Registry, SharedAccessSignature } = require('azure-iothub');
const { createDevice, foreignKey, freshId, hostName, openRegistry } = require('../support/hub.js');

const registry = openRegistry();

test('a created device has generated keys and the documented defaults', async (t) => {
  const deviceId = freshId('node');

  const device = await createDevice(t, registry, { deviceId });

  assert.equal(device.deviceId, deviceId);
  assert.equal(device.status, 'enabled');
  assert.equal(device.statusReason, null);
  assert.equal(device.connectionState, 'Disconnected');
  assert.equal(device.cloudToDeviceMessageCount, 0);
  assert.deepEqual(device.capabilities, { iotEdge: false });
  assert.equal(device.authentication.type, 'sas');
  const { primaryKey, secondaryKey } = device.authentication.symmetricKey;
  assert.equal(Buffer.from(primaryKey, 'base64').length, 32);
  assert.equal(Buffer.from(secondaryKey, 'base64').length, 32);
  assert.notEqual(primaryKey, secondaryKey);
  assert.match(device.generationId, /^\d{18}$/);
  assert.ok(device.etag);
});

test('creating answers 200 with a quoted ETag header', async (t) => {
  const deviceId = freshId('node');
  t.after(() => registry.delete(deviceId));

  const { httpResponse, responseBody } = await registry.create({ deviceId });

  assert.equal(httpResponse.statusCode, 200);
  assert.equal(httpResponse.headers.etag, `"${responseBody.etag}"`);
});

test('given keys are kept', async (t) => {
  const symmetricKey = { primaryKey: foreignKey(), secondaryKey: foreignKey() };

  const device = await createDevice(t, registry, { authentication: { type: 'sas', symmetricKey } });

  assert.deepEqual(device.authentication.symmetricKey, symmetricKey);
});

test('a device with a thumbprint is self-signed', async (t) => {
  const x509Thumbprint = { primaryThumbprint: 'A'.repeat(40), secondaryThumbprint: null };

  const device = await createDevice(t, registry, { authentication: { x509Thumbprint } });

  assert.equal(device.authentication.type, 'selfSigned');
  assert.equal(device.authentication.x509Thumbprint.primaryThumbprint, 'A'.repeat(40));
});

test('a device is read back as it was created', async (t) => {
  const created = await createDevice(t, registry);

  const { responseBody: read } = await registry.get(created.deviceId);

  assert.deepEqual(read, created);
});

test('every legal character of an ID survives the trip', async (t) => {
  const deviceId = freshId("x-:.%_*?!(),=@$'");

  await createDevice(t, registry, { deviceId });

  assert.equal((await registry.get(deviceId)).responseBody.deviceId, deviceId);
});

test('the list holds the device', async (t) => {
  const device = await createDevice(t, registry);

  const { responseBody: devices } = await registry.list();

  assert.ok(devices.some(({ deviceId }) => deviceId === device.deviceId));
});

test('an update changes the status and moves the etag, not the generation', async (t) => {
  const device = await createDevice(t, registry);

  const { responseBody: updated } = await registry.update({
    ...device, status: 'disabled', statusReason: 'in repair',
  });

  assert.equal(updated.status, 'disabled');
  assert.equal(updated.statusReason, 'in repair');
  assert.notEqual(updated.etag, device.etag);
  assert.equal(updated.generationId, device.generationId);
  assert.deepEqual(updated.authentication.symmetricKey, device.authentication.symmetricKey);
});

test('an update without authentication mints new keys', async (t) => {
  const device = await createDevice(t, registry);

  const { responseBody: updated } = await registry.update({ deviceId: device.deviceId });

  assert.notEqual(
    updated.authentication.symmetricKey.primaryKey, device.authentication.symmetricKey.primaryKey);
});

test('a deleted device is gone, and made again is another generation', async (t) => {
  const device = await createDevice(t, registry);

  const { httpResponse } = await registry.delete(device.deviceId);

  assert.equal(httpResponse.statusCode, 204);
  await assert.rejects(registry.get(device.deviceId), { name: 'DeviceNotFoundError' });
  const again = await createDevice(t, registry, { deviceId: device.deviceId });
  assert.notEqual(again.generationId, device.generationId);
});

test('a device that is not there is DeviceNotFoundError everywhere', async () => {
  const deviceId = freshId('nobody');
  const notFound = { name: 'DeviceNotFoundError' };

  await assert.rejects(registry.get(deviceId), notFound);
  await assert.rejects(registry.delete(deviceId), notFound);
  await assert.rejects(registry.update({ deviceId }), notFound);
  await assert.rejects(registry.getTwin(deviceId), notFound);
  await assert.rejects(registry.getModulesOnDevice(deviceId), notFound);
  await assert.rejects(registry.addModule({ deviceId, moduleId: 'm' }), notFound);
});

test('creating twice is DeviceAlreadyExistsError and changes nothing', async (t) => {
  const device = await createDevice(t, registry);

  await assert.rejects(
    registry.create({ deviceId: device.deviceId, status: 'disabled' }),
    (error) => {
      assert.equal(error.name, 'DeviceAlreadyExistsError');
      assert.equal(error.response.headers['iothub-errorcode'], 'DeviceAlreadyExists');
      return true;
    });

  assert.deepEqual((await registry.get(device.deviceId)).responseBody, device);
});

test('a forbidden ID is ArgumentError', async () => {
  await assert.rejects(registry.create({ deviceId: 'no+plus' }), { name: 'ArgumentError' });
});

test('one key without the other is ArgumentError and creates nothing', async () => {
  const deviceId = freshId('node');
  const symmetricKey = { primaryKey: foreignKey() };

  await assert.rejects(
    registry.create({ deviceId, authentication: { symmetricKey } }), { name: 'ArgumentError' });

  await assert.rejects(registry.get(deviceId), { name: 'DeviceNotFoundError' });
});

test('a token that another key signed is UnauthorizedError', async () => {
  const anHourAhead = Math.floor(Date.now() / 1000) + 3600;
  const token = SharedAccessSignature.create(hostName, 'iothubowner', foreignKey(), anHourAhead);
  const stranger = Registry.fromSharedAccessSignature(token.toString());

  await assert.rejects(stranger.list(), { name: 'UnauthorizedError' });
});

test('statistics count enabled and disabled devices', async (t) => {
  await createDevice(t, registry);
  await createDevice(t, registry, { status: 'disabled' });

  const { responseBody: counts } = await registry.getRegistryStatistics();

  assert.ok(counts.enabledDeviceCount >= 1);
  assert.ok(counts.disabledDeviceCount >= 1);
  assert.equal(counts.totalDeviceCount, counts.enabledDeviceCount + counts.disabledDeviceCount);
});
