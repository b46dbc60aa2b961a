// Who reads a partition: consumer groups, owners that take over, consumers
// that share the work, and one that goes on where it has been.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { openRegistry } = require('../support/hub.js');
const { Checkpoints } = require('../support/checkpoints.js');
const { consumer, ends, read, sender, transports } = require('../support/consumers.js');
const { eventually, within } = require('../support/waiting.js');

const registry = openRegistry();
const quick = { strategy: 'greedy', updateIntervalInMs: 200 };

/** A device, its partition, and where reading it begins. */
async function place(t, client) {
  const { device, send } = await sender(t, registry);
  const before = await ends(client);
  await send('"first"');
  const reading = read(client, device.deviceId, { startPosition: before });
  const [first] = await reading.first(1);
  await reading.close();
  const { partitionId: partition } = first.context;
  return { deviceId: device.deviceId, partition, startPosition: before[partition], send };
}

/** What the client reports first, an error. */
function refusal(client, partition, options) {
  return within(20, 'refusal', new Promise((resolve, reject) => {
    client.subscribe(partition, {
      processEvents: async () => reject(new Error('it may read')),
      processError: async (error) => resolve(error),
    }, options);
  }));
}

for (const transport of Object.keys(transports)) {
  describe(`over ${transport}`, () => {
    test('the name of a group is read without regard to case', async (t) => {
      const here = await place(t, consumer(t, { transport }));

      const client = consumer(t, { transport, group: '$default' });
      const [event] = await read(client, here.deviceId, here).first(1);

      assert.equal(event.body, 'first');
    });

    test('another group is not found', async (t) => {
      const client = consumer(t, { transport, group: 'nobody-made-it' });

      const error = await refusal(client, '0', {});

      assert.equal(error.code, 'MessagingEntityNotFoundError');
    });

    test('several readers of a partition each get all of it', async (t) => {
      const client = consumer(t, { transport });
      const here = await place(t, client);

      const readings = [1, 2, 3].map(() => read(consumer(t, { transport }), here.deviceId, here));
      for (const reading of readings) await reading.first(1);
      await here.send('"second"');

      for (const reading of readings) {
        assert.deepEqual((await reading.first(2)).map((event) => event.body), ['first', 'second']);
      }
    });

    test('an owner of a higher level takes over, one of a lower level is refused', async (t) => {
      const client = consumer(t, { transport });
      const here = await place(t, client);
      const low = read(consumer(t, { transport }), here.deviceId, { ...here, ownerLevel: 1 });
      await low.first(1);

      const high = read(consumer(t, { transport }), here.deviceId, { ...here, ownerLevel: 2 });
      await high.first(1);

      await assert.rejects(low.first(1000), { code: 'ReceiverDisconnectedError' });
      for (const ownerLevel of [1, undefined]) {
        const late = await refusal(
          consumer(t, { transport }), here.partition, { startPosition: here.startPosition, ownerLevel });
        assert.equal(late.code, 'ReceiverDisconnectedError');
      }
      await here.send('"second"');
      assert.deepEqual((await high.first(2)).map((event) => event.body), ['first', 'second']);
    });

    test('a reader goes on after the checkpoint of the one before', async (t) => {
      const store = new Checkpoints();
      const options = { transport, store, loadBalancingOptions: quick };
      const here = await place(t, consumer(t, { transport }));
      await here.send('"second"', '"third"', '"fourth"');
      const positions = { [here.partition]: here.startPosition };
      const startPosition = { ...await ends(consumer(t, { transport })), ...positions };

      const one = consumer(t, options);
      const reading = read(one, here.deviceId, { startPosition });
      const events = await reading.first(4);
      await events[1].context.updateCheckpoint(events[1]);
      await reading.close();
      await one.close();
      const rest = await read(consumer(t, options), here.deviceId, { startPosition }).first(2);

      assert.deepEqual(rest.map((event) => event.body), ['third', 'fourth']);
    });

    test('two consumers share the partitions, and one alone takes all', async (t) => {
      const store = new Checkpoints();
      const partitions = await consumer(t, { transport }).getPartitionIds();
      const join = () => {
        const held = new Set();
        const client = consumer(t, { transport, store, loadBalancingOptions: quick });
        const subscription = client.subscribe({
          processInitialize: async (context) => { held.add(context.partitionId); },
          processClose: async (_reason, context) => { held.delete(context.partitionId); },
          processEvents: async () => {},
          processError: async () => {},
        }, { maxWaitTimeInSeconds: 0.1, startPosition: { offset: '@latest' } });
        return { held, leave: () => subscription.close() };
      };
      const holds = (member, count) =>
        eventually(`share of ${count}`, async () => member.held.size === count);

      const one = join();
      await holds(one, partitions.length);
      const two = join();
      await holds(one, Math.ceil(partitions.length / 2));
      await holds(two, Math.floor(partitions.length / 2));
      await one.leave();
      await holds(two, partitions.length);
    });
  });
}
