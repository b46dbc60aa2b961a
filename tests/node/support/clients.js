// Device SDK clients by transport and by kind of identity, closed with their test.
'use strict';

const { NoRetry } = require('azure-iot-common');
const { Client, ModuleClient } = require('azure-iot-device');
const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { within } = require('./waiting.js');
const { connectionString, createDevice, createModule } = require('./hub.js');

const transports = { Mqtt, MqttWs, Amqp, AmqpWs };

/** How each kind of identity is made, and its twin read and changed from the service. */
const kinds = {
  device: {
    Client,
    create: (t, registry) => createDevice(t, registry),
    readTwin: async (registry, id) => (await registry.getTwin(id.deviceId)).responseBody,
    patchTwin: (registry, id, patch) => registry.updateTwin(id.deviceId, patch, '*'),
  },
  module: {
    Client: ModuleClient,
    create: async (t, registry) => createModule(registry, await createDevice(t, registry)),
    readTwin: async (registry, id) =>
      (await registry.getModuleTwin(id.deviceId, id.moduleId)).responseBody,
    patchTwin: (registry, id, patch) =>
      registry.updateModuleTwin(id.deviceId, id.moduleId, patch, '*'),
  },
};

/** A client that is not open yet. `retry: false` makes every failure final. */
function clientFor(t, kind, transport, identity, { key, retry = true } = {}) {
  const client = kinds[kind].Client.fromConnectionString(
    connectionString(identity, key), transports[transport]);
  if (!retry) client.setRetryPolicy(new NoRetry());
  t.after(() => client.close().catch(() => {}));
  return client;
}

async function openClient(t, kind, transport, identity, options) {
  const client = clientFor(t, kind, transport, identity, options);
  await within(20, 'open', client.open());
  return client;
}

/** Reports a patch and waits until the hub has taken it. */
function report(twin, patch) {
  return within(20, 'answer to the reported patch', new Promise((resolve, reject) => {
    twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
  }));
}

/** Settles once the subscription that `twin.on` asked for is in place. */
function subscribed(twin) {
  return within(20, 'subscription', new Promise((resolve, reject) => {
    twin.enableTwinDesiredPropertiesUpdates((error) => (error ? reject(error) : resolve()));
  }));
}

module.exports = { clientFor, kinds, openClient, report, subscribed, transports };
