// Readers of the built-in endpoint with the Event Hubs SDK, and devices that
// give them something to read.
'use strict';

const { EventHubConsumerClient } = require('@azure/event-hubs');
const { Message } = require('azure-iot-common');
const WebSocket = require('ws');
const { createDevice } = require('./hub.js');
const { openClient } = require('./clients.js');
const { within } = require('./waiting.js');

const eventHubConnectionString = process.env.TWINHUB_TEST_EVENTHUB_CONNECTION_STRING;
if (!eventHubConnectionString) {
  throw new Error('TWINHUB_TEST_EVENTHUB_CONNECTION_STRING is not set: where is the built-in endpoint?');
}

const transports = {
  tcp: {},
  WebSocket: { webSocketOptions: { webSocket: WebSocket } },
};

/** A client that is closed with the test `t`, and does not try again what failed. */
function consumer(t, {
  group = '$Default', transport = 'tcp', connection = eventHubConnectionString, store, ...options
} = {}) {
  const settings = {
    retryOptions: { maxRetries: 0, timeoutInMs: 15_000 }, ...transports[transport], ...options,
  };
  const client = store
    ? new EventHubConsumerClient(group, connection, store, settings)
    : new EventHubConsumerClient(group, connection, settings);
  t.after(() => client.close());
  return client;
}

/** A device, and a way to send its telemetry; each message is durable once that resolves. */
async function sender(t, registry) {
  const device = await createDevice(t, registry);
  const client = await openClient(t, 'device', 'Amqp', device);
  const send = async (...messages) => {
    for (const message of messages) {
      const whole = message instanceof Message ? message : new Message(message);
      await within(20, 'acknowledgement', client.sendEvent(whole));
    }
  };
  return { device, send };
}

const deviceOf = (event) => event.systemProperties?.['iothub-connection-device-id'];

/** The positions right after what the partitions hold now. */
async function ends(client) {
  const positions = {};
  for (const id of await client.getPartitionIds()) {
    const { lastEnqueuedSequenceNumber } = await client.getPartitionProperties(id);
    positions[id] = { sequenceNumber: lastEnqueuedSequenceNumber };
  }
  return positions;
}

/**
 * Subscribes and keeps what comes from the device; `reading.first(n)` awaits
 * its first n events, each with the context it came with as `context`, and
 * fails with the first error that the client reports.
 */
function read(client, deviceId, { partition, ...options } = {}) {
  const events = [];
  const waiting = [];
  let failure;
  const settle = () => {
    for (const one of waiting) {
      if (failure) one.reject(failure);
      else if (events.length >= one.count) one.resolve(events.slice(0, one.count));
    }
  };
  const handlers = {
    processEvents: async (batch, context) => {
      for (const event of batch) {
        if (deviceOf(event) === deviceId) events.push(Object.assign(event, { context }));
      }
      settle();
    },
    processError: async (error) => {
      failure ??= error;
      settle();
    },
  };
  const subscribed = { maxWaitTimeInSeconds: 0.1, maxBatchSize: 200, ...options };
  const subscription = partition === undefined
    ? client.subscribe(handlers, subscribed)
    : client.subscribe(partition, handlers, subscribed);
  return {
    close: () => subscription.close(),
    events,
    first: (count) => within(30, `${count} events of ${deviceId}`, new Promise((resolve, reject) => {
      waiting.push({ count, resolve, reject });
      settle();
    })),
  };
}

module.exports = { consumer, ends, eventHubConnectionString, read, sender, transports };
