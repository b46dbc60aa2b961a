// What the endpoint tells of itself and of its partitions, and who may ask.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { foreignKey, openRegistry } = require('../support/hub.js');
const {
  consumer, ends, eventHubConnectionString, read, sender, transports,
} = require('../support/consumers.js');
const { within } = require('../support/waiting.js');

const registry = openRegistry();

for (const transport of Object.keys(transports)) {
  describe(`over ${transport}`, () => {
    test('the event hub names itself and its partitions', async (t) => {
      const client = consumer(t, { transport });

      const properties = await within(20, 'properties', client.getEventHubProperties());

      assert.equal(properties.name, client.eventHubName);
      assert.ok(properties.createdOn instanceof Date && properties.createdOn <= new Date());
      assert.deepEqual(
        properties.partitionIds, [...properties.partitionIds.keys()].map((id) => String(id)));
      assert.ok(properties.partitionIds.length > 0);
    });

    test('a partition tells of its last event', async (t) => {
      const { device, send } = await sender(t, registry);
      const client = consumer(t, { transport });
      const before = await ends(client);
      await send('one', 'two');
      const [, last] = await read(client, device.deviceId, { startPosition: before }).first(2);
      const { partitionId } = last.context;

      const properties = await within(20, 'properties', client.getPartitionProperties(partitionId));

      assert.equal(properties.partitionId, partitionId);
      assert.equal(properties.eventHubName, client.eventHubName);
      assert.equal(properties.lastEnqueuedSequenceNumber, last.sequenceNumber);
      assert.equal(properties.lastEnqueuedOffset, last.offset);
      assert.deepEqual(properties.lastEnqueuedOnUtc, last.enqueuedTimeUtc);
      assert.equal(properties.isEmpty, false);
      assert.ok(properties.beginningSequenceNumber <= last.sequenceNumber);
    });
  });
}

test('another partition is refused', async (t) => {
  const client = consumer(t);

  await assert.rejects(within(20, 'answer', client.getPartitionProperties('4711')), (error) => {
    assert.doesNotMatch(error.message, /^no answer|timed out/i);
    return true;
  });
});

test('another event hub is not found', async (t) => {
  const client = consumer(t, {
    connection: eventHubConnectionString.replace(/EntityPath=.*/, 'EntityPath=nothing-like-it'),
  });

  await assert.rejects(
    within(20, 'answer', client.getEventHubProperties()), { code: 'MessagingEntityNotFoundError' });
});

test('a foreign key is not authorized', async (t) => {
  const client = consumer(t, {
    connection: eventHubConnectionString.replace(
      /SharedAccessKey=[^;]*/, `SharedAccessKey=${foreignKey()}`),
  });

  await assert.rejects(
    within(20, 'answer', client.getEventHubProperties()), { code: 'UnauthorizedError' });
});
