// Messages to devices and what became of them, with the service client over AMQP.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Message, NoRetry } = require('azure-iot-common');
const { Amqp, AmqpWs, Client } = require('azure-iothub');
const { Amqp: DeviceAmqp } = require('azure-iot-device-amqp');
const { Client: DeviceClient } = require('azure-iot-device');
const {
  connectionString, createDevice, foreignKey, freshId, openRegistry, serviceConnectionString,
} = require('../support/hub.js');
const { nextEvent, within } = require('../support/waiting.js');

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

/** The feedback on the message; feedback of other tests is taken from the queue, too. */
async function feedbackOn(receiver, messageId) {
  return within(40, `feedback on ${messageId}`, new Promise((resolve, reject) => {
    receiver.on('message', (batch) => {
      receiver.complete(batch).catch(reject);
      const record = JSON.parse(batch.getData().toString())
        .find(({ originalMessageId }) => originalMessageId === messageId);
      if (record) resolve({ batch, record });
    });
  }));
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
        expiryTimeUtc: new Date(Date.now() + 60_000),
      });
      message.properties.add('colour', 'grün & blue');

      await sent(client, device.deviceId, message);
      const receiver = await openDevice(t, device);
      const got = await nextEvent(receiver, 'message');
      await receiver.complete(got);

      assert.deepEqual(got.getBytes(), message.getBytes());
      for (const field of ['messageId', 'correlationId', 'contentType', 'contentEncoding']) {
        assert.equal(got[field], message[field], field);
      }
      assert.equal(new Date(got.expiryTimeUtc).getTime(), message.expiryTimeUtc.getTime());
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
      const device = await createDevice(t, registry, { deviceId: `${freshId('node')}-%2F?(1)$@` });
      const client = serviceClient(t, transport);

      await sent(client, device.deviceId, new Message('hello'));

      const receiver = await openDevice(t, device);
      const got = await nextEvent(receiver, 'message');
      await receiver.complete(got);
      assert.equal(got.getData().toString(), 'hello');
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

    for (const [settle, statusCode] of [['complete', 'Success'], ['reject', 'Rejected']]) {
      test(`feedback tells of a message that the device did ${settle}`, async (t) => {
        const device = await createDevice(t, registry);
        const client = serviceClient(t, transport);
        const messageId = freshId('m');
        const receiver = await within(20, 'receiver', client.getFeedbackReceiver());
        const feedback = feedbackOn(receiver, messageId);

        await sent(client, device.deviceId, messageWith('hello', { messageId, ack: 'full' }));
        const own = await openDevice(t, device);
        await own[settle](await nextEvent(own, 'message'));

        const { batch, record } = await feedback;
        assert.equal(record.statusCode, statusCode);
        assert.equal(record.deviceId, device.deviceId);
        assert.equal(record.deviceGenerationId, device.generationId);
        assert.ok(Math.abs(Date.parse(record.enqueuedTimeUtc) - Date.now()) < 60_000);
        assert.equal(batch.contentType, 'application/vnd.microsoft.iothub.feedback.json');
      });
    }

    test('feedback that was abandoned comes again', async (t) => {
      const device = await createDevice(t, registry);
      const client = serviceClient(t, transport);
      const messageId = freshId('m');
      const receiver = await within(20, 'receiver', client.getFeedbackReceiver());
      const twice = within(40, 'the same feedback again', new Promise((resolve, reject) => {
        let times = 0;
        receiver.on('message', (batch) => {
          const ours = batch.getData().toString().includes(messageId);
          if (ours) times += 1;
          const settled = ours && times === 1 ? receiver.abandon(batch) : receiver.complete(batch);
          settled.catch(reject);
          if (times === 2) resolve();
        });
      }));

      await sent(client, device.deviceId, messageWith('hello', { messageId, ack: 'positive' }));
      const own = await openDevice(t, device);
      await own.complete(await nextEvent(own, 'message'));

      await twice;
    });

    test('a receiver of file notifications opens and stays open', async (t) => {
      const client = serviceClient(t, transport);

      const receiver = await within(20, 'receiver', client.getFileNotificationReceiver());

      await within(20, 'detach', receiver.detach());
    });

    test('a foreign key is UnauthorizedError', async (t) => {
      const foreign = serviceConnectionString.replace(
        /SharedAccessKey=.*/, `SharedAccessKey=${foreignKey()}`);
      const client = serviceClient(t, transport, foreign);

      await assert.rejects(within(20, 'answer', client.open()), { name: 'UnauthorizedError' });
    });
  });
}
