// The twin as a device or module sees it, over each transport that has twins.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { openRegistry } = require('../support/hub.js');
const { kinds, openClient, report, subscribed, transports } = require('../support/clients.js');
const { nextEvent, within } = require('../support/waiting.js');

const registry = openRegistry();

for (const kind of Object.keys(kinds)) {
  const { create, patchTwin, readTwin } = kinds[kind];

  for (const transport of Object.keys(transports)) {
    describe(`a ${kind} over ${transport}`, () => {
      test('reads what the back end desires and what it reported itself', async (t) => {
        const identity = await create(t, registry);
        await patchTwin(registry, identity, { properties: { desired: { interval: 30 } } });
        const client = await openClient(t, kind, transport, identity);

        const twin = await within(20, 'twin', client.getTwin());

        assert.equal(twin.properties.desired.interval, 30);
        assert.equal(twin.properties.desired.$version, 2);
        assert.equal(twin.properties.reported.$version, 1);
        assert.ok(!('$metadata' in twin.properties.desired));
      });

      test('reports properties, and the back end sees them', async (t) => {
        const identity = await create(t, registry);
        const client = await openClient(t, kind, transport, identity);
        const twin = await within(20, 'twin', client.getTwin());

        await report(twin, { firmware: { version: '1.2', beta: true } });
        await report(twin, { firmware: { beta: null } });

        const { reported } = (await readTwin(registry, identity)).properties;
        assert.deepEqual(reported.firmware, { version: '1.2' });
        assert.equal(reported.$version, 3);
      });

      test('is told of a change, as a whole and along its path', async (t) => {
        const identity = await create(t, registry);
        const client = await openClient(t, kind, transport, identity);
        const twin = await within(20, 'twin', client.getTwin());
        const whole = nextEvent(twin, 'properties.desired', (delta) => delta.$version === 2);
        const nested = nextEvent(twin, 'properties.desired.climate.target');
        const branch = nextEvent(twin, 'properties.desired.climate', (value) => value.target === 21);
        await subscribed(twin);

        await patchTwin(registry, identity, {
          properties: { desired: { climate: { target: 21, fan: 'slow' } } },
        });

        assert.deepEqual(await whole, { climate: { target: 21, fan: 'slow' }, $version: 2 });
        assert.equal(await nested, 21);
        assert.deepEqual(await branch, { target: 21, fan: 'slow' });
      });

      test('is told that a property was removed', async (t) => {
        const identity = await create(t, registry);
        await patchTwin(registry, identity, { properties: { desired: { old: 1, kept: 2 } } });
        const client = await openClient(t, kind, transport, identity);
        const twin = await within(20, 'twin', client.getTwin());
        const removal = nextEvent(twin, 'properties.desired', (delta) => delta.$version === 3);
        await subscribed(twin);

        await patchTwin(registry, identity, { properties: { desired: { old: null } } });

        assert.deepEqual(await removal, { old: null, $version: 3 });
        assert.deepEqual(twin.properties.desired, { kept: 2, $version: 3 });
      });

      test('gets the reason when a report is refused, and nothing is stored', async (t) => {
        const identity = await create(t, registry);
        const client = await openClient(t, kind, transport, identity);
        const twin = await within(20, 'twin', client.getTwin());

        await assert.rejects(report(twin, { 'no.dots': 1 }), (error) => {
          assert.notEqual(error.message, '');
          assert.doesNotMatch(error.message, /^no answer/);
          return true;
        });

        assert.equal((await readTwin(registry, identity)).properties.reported.$version, 1);
      });

      test('shows as connected while it is, and as disconnected after close', async (t) => {
        const identity = await create(t, registry);
        const client = await openClient(t, kind, transport, identity);
        // Over AMQP, an identity is connected with its first link.
        await within(20, 'twin', client.getTwin());

        assert.equal((await readTwin(registry, identity)).connectionState, 'Connected');

        await within(20, 'close', client.close());
        await becomes('Disconnected', async () =>
          (await readTwin(registry, identity)).connectionState);
      });
    });
  }
}

/** Reads until the value is `wanted`; the hub hears of a closed socket a little later. */
async function becomes(wanted, read) {
  const deadline = Date.now() + 10_000;
  let last;
  while ((last = await read()) !== wanted) {
    assert.ok(Date.now() < deadline, `still ${last}`);
  }
}
