// Opening, losing and regaining a connection with the device SDK.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { foreignKey, openRegistry } = require('../support/hub.js');
const { clientFor, kinds, openClient, report, subscribed, transports } = require('../support/clients.js');
const { nextEvent, within } = require('../support/waiting.js');

const registry = openRegistry();
// The name of what the SDK makes of it is in the text, too.
const notAuthorized = /^UnauthorizedError|Not authorized/;

for (const transport of Object.keys(transports)) {
  describe(`over ${transport}`, () => {
    for (const kind of Object.keys(kinds)) {
      test(`a ${kind} opens with either key`, async (t) => {
        const identity = await kinds[kind].create(t, registry);
        const { primaryKey, secondaryKey } = identity.authentication.symmetricKey;

        for (const key of [primaryKey, secondaryKey]) {
          const client = await openClient(t, kind, transport, identity, { key, retry: false });
          await within(20, 'twin', client.getTwin());
          await within(20, 'close', client.close());
        }
      });

      test(`a ${kind} with a foreign key is not authorized`, async (t) => {
        const identity = await kinds[kind].create(t, registry);

        const client = clientFor(t, kind, transport, identity, { key: foreignKey(), retry: false });

        await assert.rejects(within(20, 'answer', client.open()), notAuthorized);
      });
    }

    test('a disabled device is not authorized', async (t) => {
      const device = await kinds.device.create(t, registry);
      await registry.update({ ...device, status: 'disabled' });

      const client = clientFor(t, 'device', transport, device, { retry: false });

      await assert.rejects(within(20, 'answer', client.open()), notAuthorized);
    });

    test('a deleted device loses its connection and is not authorized again', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = await openClient(t, 'device', transport, device, { retry: false });
      await within(20, 'twin', client.getTwin());
      const lost = nextEvent(client, 'disconnect');

      await registry.delete(device.deviceId);
      await lost;

      await assert.rejects(within(20, 'answer', client.open()), notAuthorized);
    });
  });
}

for (const transport of ['Mqtt', 'MqttWs']) {
  describe(`only over ${transport}`, () => {
    for (const kind of Object.keys(kinds)) {
      test(`a ${kind} comes back after its identity was taken over, and hears of changes again`,
        async (t) => {
          const identity = await kinds[kind].create(t, registry);
          const first = await openClient(t, kind, transport, identity);
          const twin = await within(20, 'twin', first.getTwin());
          const change = nextEvent(twin, 'properties.desired', (delta) => delta.mode === 'back');
          await subscribed(twin);
          const reconnected = nextEvent(first, 'connect');

          // The second does not retry: it loses its place when the first returns.
          const second = clientFor(t, kind, transport, identity, { retry: false });
          const pushedOut = nextEvent(second, 'disconnect');
          await within(20, 'open', second.open());
          await reconnected;
          await pushedOut;

          await report(twin, { back: true });
          await kinds[kind].patchTwin(
            registry, identity, { properties: { desired: { mode: 'back' } } });
          assert.equal((await change).mode, 'back');
        });
    }

    test('a model id is announced and shows in the twin', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = clientFor(t, 'device', transport, device);
      const modelId = 'dtmi:com:example:Thermostat;1';
      await client.setOptions({ modelId });

      await within(20, 'open', client.open());

      assert.equal((await kinds.device.readTwin(registry, device)).modelId, modelId);
    });
  });
}
