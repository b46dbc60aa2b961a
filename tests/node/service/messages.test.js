// Messages to devices and what became of them, with the service client over AMQP.
'use strict';

const assert = require('node:assert/strict');
const { EventEmitter, on } = require('node:events');
const { describe, test } = require('node:test');
const { Message, NoRetry } = require('azure-iot-common');
const { Amqp, AmqpWs, Client } = require('azure-iothub');
const { Amqp: DeviceAmqp } = require('azure-iot-device-amqp');
const { Client: DeviceClient } = require('azure-iot-device');
const {
  connectionString, createDevice, foreignKey, freshId, openRegistry, serviceConnectionString,
} = require('../support/hub.js');
const { inboxOf } = require('../support/messages.js');
const { within } = require('../support/waiting.js');

const registry = openRegistry();

/** A service client; `connection` is a connection string. */
function serviceClient(t, transport, connection = serviceConnectionString) {
  const client = Client.fromConnectionString(connection, transport);
  client.setRetryPolicy(new NoRetry());
  t.after(() => client.close().catch(() => {}));
  return client;
}

async function openDevice(t, device) {
  const client = DeviceClient.fromConnectionString(connectionString(device), DeviceAmqp);
  t.after(() => client.close().catch(() => {}));
  await within(20, 'open', client.open());
  return client;
}

const sent = (client, deviceId, message) => within(20, 'outcome', client.send(deviceId, message));

function messageWith(body, properties) {
  return Object.assign(new Message(body), properties);
}

/** A receiver of what the client's method gives, which hides it in its result. */
const receiverOf = async (opening) => (await within(20, 'receiver', opening)).result;

/**
 * The batches of feedback in which the message occurs, settled as told; those
 * of other tests are taken from the queue, too.
 */
function batchesWith(receiver, messageId, settle) {
  const found = new EventEmitter();
  const batches = on(found, 'batch');
  let times = 0;
  receiver.on('message', (batch) => {
    const records = JSON.parse(batch.getData().toString());
    const ours = records.some(({ originalMessageId }) => originalMessageId === messageId);
    if (ours) times += 1;
    (ours ? settle(batch, times) : receiver.complete(batch)).catch((error) => found.emit('error', error));
    if (ours) found.emit('batch', { records, contentType: batch.contentType });
  });
  return { next: async () => (await within(40, `feedback on ${messageId}`, batches.next())).value[0] };
}

/** Feedback waits for 15 s, or until there are 64 records: here they are. */
async function fillBatch(t, client) {
  for (let n = 0; n < 2; n += 1) {
    const device = await createDevice(t, registry);
    const own = await openDevice(t, device);
    own.on('message', (message) => own.complete(message));
    const messages = [...Array(32).keys()].map((id) => messageWith('fill', { messageId: `${id}`, ack: 'full' }));
    await Promise.all(messages.map((message) => sent(client, device.deviceId, message)));
  }
}

for (const [name, transport] of Object.entries({ Amqp, AmqpWs })) {
  describe(`over ${name}`, () => {
    test('a message reaches the device as it was sent', async (t) => {
      const device = await createDevice(t, registry);
      const client = serviceClient(t, transport);
      const message = messageWith(Buffer.from([0, 1, 254, 255]), {
        messageId: freshId('m'),
        correlationId: 'c-1',
        contentType: 'application/octet-stream',
        contentEncoding: 'identity',
        ack: 'none',
        expiryTimeUtc: Date.now() + 60_000,
      });
      message.properties.add('colour', 'grün & blue');

      await sent(client, device.deviceId, message);
      const receiver = await openDevice(t, device);
      const got = await inboxOf(receiver).next();
      await receiver.complete(got);

      assert.deepEqual(got.getBytes(), message.getBytes());
      for (const field of ['messageId', 'correlationId', 'contentType', 'contentEncoding']) {
        assert.equal(got[field], message[field], field);
      }
      assert.equal(new Date(got.expiryTimeUtc).getTime(), message.expiryTimeUtc);
      assert.equal(got.properties.getValue('colour'), 'grün & blue');
    });

    test('messages stay in order', async (t) => {
      const device = await createDevice(t, registry);
      const client = serviceClient(t, transport);

      await Promise.all([...Array(20).keys()].map((n) => sent(client, device.deviceId, new Message(String(n)))));

      const receiver = await openDevice(t, device);
      const got = await within(20, '20 messages', new Promise((resolve) => {
        const texts = [];
        receiver.on('message', (message) => {
          receiver.complete(message);
          if (texts.push(message.getData().toString()) === 20) resolve(texts);
        });
      }));
      assert.deepEqual(got.map(Number), [...Array(20).keys()]);
    });

    test('an id with characters that are special in addresses is found', async (t) => {
      const device = await createDevice(t, registry, { deviceId: `${freshId('node')}-?(1)$@'!` });
      const client = serviceClient(t, transport);

      await sent(client, device.deviceId, new Message('hello'));

      // The device SDK itself does not escape such an id in its links.
      const { responseBody: twin } = await registry.getTwin(device.deviceId);
      assert.equal(twin.cloudToDeviceMessageCount, 1);
    });

    test('nobody is DeviceNotFoundError, and the link goes on', async (t) => {
      const device = await createDevice(t, registry);
      const client = serviceClient(t, transport);

      await assert.rejects(
        sent(client, freshId('nobody'), new Message('hello')), { name: 'DeviceNotFoundError' });

      await sent(client, device.deviceId, new Message('hello'));
    });

    test('a full queue is DeviceMaximumQueueDepthExceededError', async (t) => {
      const device = await createDevice(t, registry);
      const client = serviceClient(t, transport);
      for (let n = 0; n < 50; n += 1) await sent(client, device.deviceId, new Message(String(n)));

      await assert.rejects(
        sent(client, device.deviceId, new Message('one too many')),
        { name: 'DeviceMaximumQueueDepthExceededError' });
    });

    test('a message that is too large is MessageTooLargeError', async (t) => {
      const device = await createDevice(t, registry);
      const client = serviceClient(t, transport);

      await assert.rejects(
        sent(client, device.deviceId, new Message('x'.repeat(65 * 1024))), { name: 'MessageTooLargeError' });
    });

    test('feedback tells what devices did, and comes again if it was abandoned', async (t) => {
      const device = await createDevice(t, registry);
      const client = serviceClient(t, transport);
      const receiver = await receiverOf(client.getFeedbackReceiver());
      const [taken, refused] = [freshId('taken'), freshId('refused')];
      const batches = batchesWith(receiver, taken, (batch, time) =>
        (time === 1 ? receiver.abandon(batch) : receiver.complete(batch)));

      for (const messageId of [taken, refused]) {
        await sent(client, device.deviceId, messageWith('hello', { messageId, ack: 'full' }));
      }
      const own = await openDevice(t, device);
      const inbox = inboxOf(own);
      await own.complete(await inbox.next());
      await own.reject(await inbox.next());
      await fillBatch(t, client);

      const [first, again] = [await batches.next(), await batches.next()];
      const recordOf = (id) => first.records.find((record) => record.originalMessageId === id);
      assert.equal(recordOf(taken).statusCode, 'Success');
      assert.equal(recordOf(refused).statusCode, 'Rejected');
      assert.equal(recordOf(taken).deviceId, device.deviceId);
      assert.equal(recordOf(taken).deviceGenerationId, device.generationId);
      assert.ok(Math.abs(Date.parse(recordOf(taken).enqueuedTimeUtc) - Date.now()) < 60_000);
      assert.equal(first.contentType, 'application/vnd.microsoft.iothub.feedback.json');
      assert.deepEqual(again.records, first.records);
    });

    test('a receiver of file notifications opens and stays open', async (t) => {
      const client = serviceClient(t, transport);

      const receiver = await receiverOf(client.getFileNotificationReceiver());

      await within(20, 'detach', receiver.detach());
    });

    test('a foreign key opens nothing', async (t) => {
      const foreign = serviceConnectionString.replace(
        /SharedAccessKey=.*/, `SharedAccessKey=${foreignKey()}`);
      const client = serviceClient(t, transport, foreign);

      await assert.rejects(within(20, 'answer', client.open()), (error) => {
        assert.equal(error.amqpError.name, 'UnauthorizedError');
        return true;
      });
    });
  });
}
