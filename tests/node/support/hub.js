// The hub under test, as these tests see it: a connection string of a policy
// with every right, and the identities that a test makes and takes away.
'use strict';

const { randomBytes } = require('node:crypto');
const { ConnectionString, Registry } = require('azure-iothub');

const serviceConnectionString = process.env.TWINHUB_TEST_CONNECTION_STRING;
if (!serviceConnectionString) {
  throw new Error('TWINHUB_TEST_CONNECTION_STRING is not set: these tests need a running hub');
}

const hostName = ConnectionString.parse(serviceConnectionString).HostName;

function openRegistry() {
  return Registry.fromConnectionString(serviceConnectionString);
}

/** An ID that no other test uses: the hub is shared. */
function freshId(prefix) {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** Removes what a test made; it is fine if the test has removed it itself. */
async function removeQuietly(registry, deviceId) {
  await registry.delete(deviceId).catch((error) => {
    if (error.name !== 'DeviceNotFoundError') throw error;
  });
}

/** A device that is deleted when the test `t` ends. */
async function createDevice(t, registry, extra = {}) {
  const deviceId = extra.deviceId ?? freshId('node');
  t.after(() => removeQuietly(registry, deviceId));
  const { responseBody } = await registry.create({ ...extra, deviceId });
  return responseBody;
}

async function createModule(registry, device, moduleId = freshId('module')) {
  const { responseBody } = await registry.addModule({ deviceId: device.deviceId, moduleId });
  return responseBody;
}

function connectionString(identity, key = identity.authentication.symmetricKey.primaryKey) {
  const module = identity.moduleId ? `;ModuleId=${identity.moduleId}` : '';
  return `HostName=${hostName};DeviceId=${identity.deviceId}${module};SharedAccessKey=${key}`;
}

/** Some key that is well formed and nobody's. */
function foreignKey() {
  return randomBytes(32).toString('base64');
}

module.exports = {
  connectionString,
  createDevice,
  createModule,
  foreignKey,
  freshId,
  hostName,
  openRegistry,
  removeQuietly,
  serviceConnectionString,
};
