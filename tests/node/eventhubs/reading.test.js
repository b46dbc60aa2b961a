// Reading events with the Event Hubs SDK: what an event looks like, where
// reading begins, how much is under way.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { earliestEventPosition, latestEventPosition } = require('@azure/event-hubs');
const { Message } = require('azure-iot-common');
const { openRegistry } = require('../support/hub.js');
const { consumer, ends, read, sender, transports } = require('../support/consumers.js');
const { eventually } = require('../support/waiting.js');

const registry = openRegistry();
const texts = (events) => events.map((event) => event.body);
const numbered = (count) => [...Array(count).keys()].map((n) => JSON.stringify(`event ${n}`));

/** A device whose five events have been read back, so that their places are known. */
async function fiveEvents(t, transport) {
  const { device, send } = await sender(t, registry);
  const client = consumer(t, { transport });
  const before = await ends(client);
  await send(...numbered(5));
  const reading = read(client, device.deviceId, { startPosition: before });
  const events = await reading.first(5);
  await reading.close();
  return { client, deviceId: device.deviceId, events, send };
}

for (const transport of Object.keys(transports)) {
  describe(`over ${transport}`, () => {
    test('an event is what the device sent, and says whose it is', async (t) => {
      const { device, send } = await sender(t, registry);
      const client = consumer(t, { transport });
      const before = await ends(client);
      const message = new Message(JSON.stringify({ temperature: 21.5 }));
      Object.assign(message, {
        messageId: 'm-1',
        correlationId: 'c-1',
        contentType: 'application/json',
        contentEncoding: 'utf-8',
      });
      message.properties.add('level', 'high');
      message.properties.add('where', 'a/b=c&d?e');

      await send(message);
      const [event] = await read(client, device.deviceId, { startPosition: before }).first(1);

      assert.deepEqual(event.body, { temperature: 21.5 });
      assert.deepEqual(event.properties, { level: 'high', where: 'a/b=c&d?e' });
      assert.equal(event.messageId, 'm-1');
      assert.equal(event.correlationId, 'c-1');
      assert.equal(event.contentType, 'application/json');
      assert.equal(event.getRawAmqpMessage().properties.contentEncoding, 'utf-8');
      assert.equal(typeof event.offset, 'string');
      assert.equal(typeof event.sequenceNumber, 'number');
      assert.ok(Math.abs(event.enqueuedTimeUtc - Date.now()) < 60_000);
      const system = event.systemProperties;
      assert.equal(system['iothub-connection-device-id'], device.deviceId);
      assert.equal(system['iothub-connection-auth-generation-id'], device.generationId);
      assert.equal(system['iothub-message-source'], 'Telemetry');
      assert.equal(JSON.parse(system['iothub-connection-auth-method']).scope, 'device');
      assert.ok(Math.abs(system['iothub-enqueuedtime'] - Date.now()) < 60_000);
    });

    test('bytes that are no JSON arrive as they are', async (t) => {
      const { device, send } = await sender(t, registry);
      const client = consumer(t, { transport });
      const before = await ends(client);
      const bytes = Buffer.from([0, 255, 128, 10]);

      await send(new Message(bytes), new Message(''));
      const [event, empty] = await read(client, device.deviceId, { startPosition: before }).first(2);

      assert.deepEqual(Buffer.from(event.body), bytes);
      assert.equal(empty.body?.length ?? 0, 0);
    });

    test('the largest message arrives whole', async (t) => {
      const { device, send } = await sender(t, registry);
      const client = consumer(t, { transport });
      const before = await ends(client);
      const large = JSON.stringify('x'.repeat(255 * 1024));

      await send(large, JSON.stringify('next'));
      const events = await read(client, device.deviceId, { startPosition: before }).first(2);

      assert.ok(JSON.stringify(events[0].body) === large);
      assert.equal(events[1].body, 'next');
    });

    test('the events of a device come in order, whatever is under way at once', async (t) => {
      const { device, send } = await sender(t, registry);
      const client = consumer(t, { transport });
      const before = await ends(client);
      const sent = numbered(100);
      await send(...sent);

      for (const options of [
        { prefetchCount: 0, maxBatchSize: 7 },
        { prefetchCount: 1, maxBatchSize: 1 },
        { prefetchCount: 10, maxBatchSize: 3 },
        { prefetchCount: 500, maxBatchSize: 100 },
      ]) {
        const reading = read(client, device.deviceId, { startPosition: before, ...options });
        const events = await reading.first(100);
        await reading.close();

        assert.deepEqual(texts(events).map((text) => JSON.stringify(text)), sent);
        for (let n = 1; n < events.length; n += 1) {
          assert.ok(events[n].sequenceNumber > events[n - 1].sequenceNumber);
        }
      }
    });

    test('reading begins where it is told to', async (t) => {
      const { client, deviceId, events } = await fiveEvents(t, transport);
      const third = events[2];
      const { partitionId: partition } = third.context;
      const later = events.filter((event) => event.enqueuedTimeUtc > third.enqueuedTimeUtc);

      for (const [startPosition, expected] of [
        [{ sequenceNumber: third.sequenceNumber }, events.slice(3)],
        [{ sequenceNumber: third.sequenceNumber, isInclusive: true }, events.slice(2)],
        [{ offset: third.offset }, events.slice(3)],
        [{ offset: third.offset, isInclusive: true }, events.slice(2)],
        [{ enqueuedOn: new Date(third.enqueuedTimeUtc.getTime() - 60_000) }, events],
        [earliestEventPosition, events],
        ...(later.length ? [[{ enqueuedOn: third.enqueuedTimeUtc }, later]] : []),
      ]) {
        const reading = read(client, deviceId, { partition, startPosition });
        const got = await reading.first(expected.length);
        await reading.close();

        assert.deepEqual(texts(got), texts(expected), JSON.stringify(startPosition));
      }
    });

    test('from the latest, only what comes later is read', async (t) => {
      const { client, deviceId, events, send } = await fiveEvents(t, transport);
      const { partitionId: partition } = events[0].context;
      const reading = read(client, deviceId, { partition, startPosition: latestEventPosition });

      // The SDK does not say when it has begun: send until something comes.
      let count = 0;
      await eventually('event', async () => {
        await send(JSON.stringify(`later ${count += 1}`));
        return reading.events.length > 0;
      });

      assert.match(reading.events[0].body, /^later /);
    });

    test('a reader who is asked to knows how far the partition has got', async (t) => {
      const { client, deviceId, events } = await fiveEvents(t, transport);
      const { partitionId: partition } = events[0].context;

      const [first] = await read(client, deviceId, {
        partition,
        startPosition: { sequenceNumber: events[0].sequenceNumber, isInclusive: true },
        trackLastEnqueuedEventProperties: true,
      }).first(1);

      const last = first.context.lastEnqueuedEventProperties;
      assert.ok(last.sequenceNumber >= events[4].sequenceNumber);
      assert.equal(typeof last.offset, 'string');
      assert.ok(Math.abs(last.enqueuedOn - Date.now()) < 60_000);
      assert.ok(Math.abs(last.retrievedOn - Date.now()) < 60_000);
    });
  });
}
