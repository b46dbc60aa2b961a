// Telemetry and cloud-to-device messages over each of the SDK's transports.
'use strict';

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { describe, test } = require('node:test');
const { Message } = require('azure-iot-common');
const { Client } = require('azure-iot-device');
const { Http } = require('azure-iot-device-http');
const { connectionString, openRegistry } = require('../support/hub.js');
const clients = require('../support/clients.js');
const { inboxOf, sendToDevice, telemetryOf } = require('../support/messages.js');
const { eventually, within } = require('../support/waiting.js');

const registry = openRegistry();
const { kinds, openClient } = clients;
const transports = { ...clients.transports, Http };

const sent = (client, message) => within(20, 'acknowledgement', client.sendEvent(message));

/** A client over any of them; HTTPS polls when it is told to. */
async function open(t, transport, device, receivePolicy) {
  const client = Client.fromConnectionString(connectionString(device), transports[transport]);
  t.after(() => client.close().catch(() => {}));
  if (receivePolicy) await client.setOptions({ http: { receivePolicy } });
  await within(20, 'open', client.open());
  return client;
}

function fullMessage() {
  const message = new Message(JSON.stringify({ temperature: 21.5 }));
  message.messageId = 'm-1';
  message.correlationId = 'c-1';
  message.userId = 'someone';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('level', 'high');
  message.properties.add('where', 'a/b=c&d?e');
  return message;
}

for (const transport of Object.keys(transports)) {
  describe(`over ${transport}`, () => {
    test('a message is read as it was sent', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = await open(t, transport, device);

      await sent(client, fullMessage());

      const [event] = await telemetryOf(device.deviceId, 1);
      assert.deepEqual(event.body, { temperature: 21.5 });
      assert.deepEqual(event.properties, { level: 'high', where: 'a/b=c&d?e' });
      assert.equal(event.systemProperties['message-id'], 'm-1');
      assert.equal(event.systemProperties['correlation-id'], 'c-1');
      // Over AMQP the SDK leaves the user out.
      if (!transport.startsWith('Amqp')) {
        assert.equal(event.systemProperties['user-id'], 'someone');
      }
      assert.equal(event.systemProperties['content-type'], 'application/json');
      assert.equal(event.systemProperties['content-encoding'], 'utf-8');
      assert.equal(event.annotations['iothub-connection-device-id'], device.deviceId);
      assert.equal(event.annotations['iothub-message-source'], 'Telemetry');
    });

    test('many messages stay in order', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = await open(t, transport, device);

      for (let n = 0; n < 30; n += 1) await sent(client, new Message(String(n)));

      const events = await telemetryOf(device.deviceId, 30);
      assert.deepEqual(events.map((event) => Number(event.payload)), [...Array(30).keys()]);
    });

    test('a message from the back end arrives and is completed', async (t) => {
      const device = await kinds.device.create(t, registry);
      await sendToDevice(device.deviceId, 'queued', {
        'iothub-messageid': 'm-1', 'iothub-correlationid': 'c-1', 'iothub-app-colour': 'green',
      });
      const client = await open(t, transport, device, { interval: 1 });

      const message = await inboxOf(client).next();
      await within(20, 'settlement', client.complete(message));

      assert.equal(message.getData().toString(), 'queued');
      assert.equal(message.messageId, 'm-1');
      assert.equal(message.correlationId, 'c-1');
      // Over HTTPS the SDK leaves the header's prefix on the name.
      const name = transport === 'Http' ? 'iothub-app-colour' : 'colour';
      assert.equal(message.properties.getValue(name), 'green');
      // Over MQTT the SDK acknowledges by itself, and `complete` waits for nothing.
      await eventually('empty queue', async () =>
        (await kinds.device.readTwin(registry, device)).cloudToDeviceMessageCount === 0);
    });
  });
}

describe('only over Http', () => {
  test('a batch arrives whole', async (t) => {
    const device = await kinds.device.create(t, registry);
    const client = await open(t, 'Http', device);
    const messages = [fullMessage(), new Message('two'), new Message(Buffer.from([1, 2, 3]))];

    await within(20, 'acknowledgement', client.sendEventBatch(messages));

    const events = await telemetryOf(device.deviceId, 3);
    const payloads = events.map((event) => event.payload);
    assert.deepEqual(payloads, ['{"temperature":21.5}', 'two', '\x01\x02\x03']);
    // The SDK leaves system properties out of batches.
    assert.deepEqual(events[0].properties, { level: 'high', where: 'a/b=c&d?e' });
  });

  test('an abandoned message comes again, a rejected one does not', async (t) => {
    const device = await kinds.device.create(t, registry);
    await sendToDevice(device.deviceId, 'first', { 'iothub-messageid': 'm-1' });
    const client = await open(t, 'Http', device, { interval: 1, drain: false });
    const inbox = inboxOf(client);

    const first = await inbox.next();
    await within(20, 'settlement', client.abandon(first));
    const again = await inbox.next();
    await within(20, 'settlement', client.reject(again));

    assert.equal(again.messageId, 'm-1');
    assert.notEqual(again.lockToken, first.lockToken);
    await sendToDevice(device.deviceId, 'second', { 'iothub-messageid': 'm-2' });
    const next = await inbox.next();
    assert.equal(next.messageId, 'm-2');
    await within(20, 'settlement', client.complete(next));
  });

  test('a lock that was used up is lost', async (t) => {
    const device = await kinds.device.create(t, registry);
    await sendToDevice(device.deviceId, 'once');
    const client = await open(t, 'Http', device, { interval: 1 });
    const message = await inboxOf(client).next();
    await within(20, 'settlement', client.complete(message));

    await assert.rejects(within(20, 'refusal', client.complete(message)), /Precondition Failed/);
  });
});

for (const transport of ['Amqp', 'AmqpWs']) {
  describe(`only over ${transport}`, () => {
    test('a message id that is a uuid stays one', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = await open(t, transport, device);
      const message = new Message('hello');
      // The SDK gives both the type uuid on the wire.
      message.messageId = randomUUID();
      message.correlationId = randomUUID();

      await sent(client, message);

      const [event] = await telemetryOf(device.deviceId, 1);
      assert.equal(event.systemProperties['message-id'], message.messageId);
      assert.equal(event.systemProperties['correlation-id'], message.correlationId);
    });

    test('a large message arrives whole, one that is too large is refused', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = await open(t, transport, device);
      const large = 'x'.repeat(255 * 1024);

      await assert.rejects(
        sent(client, new Message('x'.repeat(300 * 1024))), { name: 'MessageTooLargeError' });
      await sent(client, new Message(large));

      const [event] = await telemetryOf(device.deviceId, 1);
      assert.ok(event.payload === large);
    });

    test('many messages at once are all acknowledged', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = await open(t, transport, device);
      const numbers = [...Array(2500).keys()];

      await Promise.all(numbers.map((n) => sent(client, new Message(String(n)))));

      const events = await telemetryOf(device.deviceId, numbers.length);
      assert.deepEqual(events.map((event) => Number(event.payload)), numbers);
    });

    test('a message from the back end says where it goes and when it came', async (t) => {
      const device = await kinds.device.create(t, registry);
      const before = Date.now();
      await sendToDevice(device.deviceId, '{}', {
        'iothub-ack': 'full', 'iothub-contenttype': 'application/json', 'iothub-contentencoding': 'utf-8',
      });
      const client = await open(t, transport, device);

      const message = await inboxOf(client).next();
      await within(20, 'settlement', client.complete(message));

      assert.equal(message.to, `/devices/${device.deviceId}/messages/deviceBound`);
      assert.equal(message.ack, 'full');
      assert.equal(message.contentType, 'application/json');
      assert.equal(message.contentEncoding, 'utf-8');
      const enqueued = message.transportObj.message_annotations['iothub-enqueuedtime'];
      assert.ok(enqueued >= before - 1000 && enqueued <= Date.now() + 1000, `${enqueued}`);
    });

    test('an abandoned message comes again, a rejected one does not', async (t) => {
      const device = await kinds.device.create(t, registry);
      await sendToDevice(device.deviceId, 'first', { 'iothub-messageid': 'm-1' });
      const client = await open(t, transport, device);
      const inbox = inboxOf(client);
      const deliveries = (message) => message.transportObj.message_annotations['iothub-deliverycount'];

      const first = await inbox.next();
      await within(20, 'settlement', client.abandon(first));
      const again = await inbox.next();
      await within(20, 'settlement', client.reject(again));

      assert.equal(again.messageId, 'm-1');
      assert.equal(deliveries(again), deliveries(first) + 1);
      await sendToDevice(device.deviceId, 'second', { 'iothub-messageid': 'm-2' });
      const next = await inbox.next();
      assert.equal(next.messageId, 'm-2');
      await within(20, 'settlement', client.complete(next));
      await eventually('empty queue', async () =>
        (await kinds.device.readTwin(registry, device)).cloudToDeviceMessageCount === 0);
    });
  });
}

for (const transport of Object.keys(clients.transports)) {
  test(`a module sends to an output over ${transport}`, async (t) => {
    const module = await kinds.module.create(t, registry);
    const client = await openClient(t, 'module', transport, module);

    await within(20, 'acknowledgement', client.sendOutputEvent('out1', fullMessage()));

    const [event] = await telemetryOf(module.deviceId, 1);
    assert.equal(event.moduleId, module.moduleId);
    assert.equal(event.systemProperties['iothub-outputname'], 'out1');
    assert.equal(event.systemProperties['message-id'], 'm-1');
    assert.deepEqual(event.properties, { level: 'high', where: 'a/b=c&d?e' });
  });
}
