// AMQP connections over time: tokens that end or are renewed, identities that
// are taken over, connections that are cut.
'use strict';

const { cutConnections } = require('../support/sockets.js');

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Message, NoRetry, SharedAccessSignature } = require('azure-iot-common');
const { freshId, hostName, openRegistry } = require('../support/hub.js');
const clients = require('../support/clients.js');
const { inboxOf, sendToDevice, telemetryOf } = require('../support/messages.js');
const { eventually, nextEvent, within } = require('../support/waiting.js');

const { clientFor, kinds, openClient, report, subscribed } = clients;
const registry = openRegistry();
const ports = { Amqp: 5671, AmqpWs: 443 };

const sent = (client, text) => within(20, 'acknowledgement', client.sendEvent(new Message(text)));

/** A token of the identity's own key that is good until `expiry`, in seconds since 1970. */
function tokenUntil(identity, expiry) {
  const { primaryKey } = identity.authentication.symmetricKey;
  const module = identity.moduleId ? `/modules/${identity.moduleId}` : '';
  const resource = encodeURIComponent(`${hostName}/devices/${identity.deviceId}${module}`);
  return SharedAccessSignature.create(resource, null, primaryKey, expiry).toString();
}

const now = () => Math.floor(Date.now() / 1000);

/** A client that has only the token and does not retry. */
function clientWithToken(t, kind, transport, token) {
  const client = kinds[kind].Client.fromSharedAccessSignature(token, clients.transports[transport]);
  client.setRetryPolicy(new NoRetry());
  t.after(() => client.close().catch(() => {}));
  return client;
}

function renew(client, token) {
  return within(20, 'renewal', new Promise((resolve, reject) => {
    client.updateSharedAccessSignature(token, (error) => (error ? reject(error) : resolve()));
  }));
}

/** Waits for a moment of the real clock: tokens know no other. */
function until(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000 - Date.now()));
}

for (const transport of Object.keys(ports)) {
  // They mostly wait for tokens to end, so they may do it together.
  describe(`tokens over ${transport}`, { concurrency: true }, () => {
    for (const kind of Object.keys(kinds)) {
      test(`a ${kind} that renews its token keeps its links`, async (t) => {
        const identity = await kinds[kind].create(t, registry);
        const expiry = now() + 3;
        const client = clientWithToken(t, kind, transport, tokenUntil(identity, expiry));
        await within(20, 'open', client.open());
        const twin = await within(20, 'twin', client.getTwin());
        let lost = 0;
        client.on('disconnect', () => { lost += 1; });

        await renew(client, tokenUntil(identity, now() + 600));
        await until(expiry + 1.5);
        await report(twin, { late: true });

        assert.equal(lost, 0);
      });

      test(`a ${kind} whose token ends is told, and comes back with another`, async (t) => {
        const identity = await kinds[kind].create(t, registry);
        const client = clientWithToken(t, kind, transport, tokenUntil(identity, now() + 3));
        const lost = nextEvent(client, 'disconnect');
        await within(20, 'open', client.open());
        await within(20, 'twin', client.getTwin());

        await lost;
        await renew(client, tokenUntil(identity, now() + 600));
        await within(20, 'open', client.open());
        await within(20, 'twin', client.getTwin());
      });
    }

    test('the SDK renews by itself and keeps the connection', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = clientFor(t, 'device', transport, device, { retry: false });
      await client.setOptions({
        tokenRenewal: { tokenValidTimeInSeconds: 3, tokenRenewalMarginInSeconds: 2 },
      });
      let opened = 0;
      client.on('connect', () => { opened += 1; });
      await within(20, 'open', client.open());
      await sent(client, 'early');
      const start = now();

      await until(start + 5);
      await sent(client, 'late');

      assert.equal(opened, 1);
    });
  });

  describe(`connections over ${transport}`, () => {
    for (const kind of Object.keys(kinds)) {
      test(`a ${kind} that is taken over is told, and may take its place again`, async (t) => {
        const identity = await kinds[kind].create(t, registry);
        const first = await openClient(t, kind, transport, identity, { retry: false });
        await within(20, 'twin', first.getTwin());
        const firstLost = nextEvent(first, 'disconnect');
        const second = await openClient(t, kind, transport, identity, { retry: false });
        const twin = await within(20, 'twin', second.getTwin());
        const secondLost = nextEvent(second, 'disconnect');
        await report(twin, { place: 'second' });
        await firstLost;

        await within(20, 'open', first.open());
        await report(await within(20, 'twin', first.getTwin()), { place: 'first' });
        await secondLost;

        const { reported } = (await kinds[kind].readTwin(registry, identity)).properties;
        assert.equal(reported.place, 'first');
      });
    }

    test('a device and its module have places of their own', async (t) => {
      const module = await kinds.module.create(t, registry);
      const { responseBody: device } = await registry.get(module.deviceId);
      const own = await openClient(t, 'device', transport, device, { retry: false });
      const twin = await within(20, 'twin', own.getTwin());

      const other = await openClient(t, 'module', transport, module, { retry: false });
      await report(await within(20, 'twin', other.getTwin()), { place: 'module' });
      await report(twin, { place: 'device' });

      const read = async (kind, identity) =>
        (await kinds[kind].readTwin(registry, identity)).properties.reported.place;
      assert.equal(await read('device', device), 'device');
      assert.equal(await read('module', module), 'module');
    });

    test('a cut connection comes back with all that was subscribed', async (t) => {
      const device = await kinds.device.create(t, registry);
      const client = await openClient(t, 'device', transport, device);
      const twin = await within(20, 'twin', client.getTwin());
      const change = nextEvent(twin, 'properties.desired', (delta) => delta.mode?.startsWith('back'));
      await subscribed(twin);
      await sendToDevice(device.deviceId, 'hold on', { 'iothub-messageid': freshId('m') });
      const inbox = inboxOf(client);
      const held = await inbox.next();
      const reconnected = nextEvent(client, 'connect');

      assert.ok(cutConnections(ports[transport]) > 0);
      await reconnected;

      // What was not settled is not lost with the connection.
      const message = await inbox.next();
      assert.equal(message.messageId, held.messageId);
      await within(20, 'settlement', client.complete(message));
      // The SDK takes up its links one after the other, and does not ask what it missed meanwhile.
      const told = change.then(() => true);
      let attempt = 0;
      await eventually('change behind the cut', async () => {
        attempt += 1;
        await kinds.device.patchTwin(registry, device, { properties: { desired: { mode: `back ${attempt}` } } });
        return Promise.race([told, new Promise((resolve) => setTimeout(resolve, 200))]);
      });
      await sent(client, 'here again');
      assert.equal((await telemetryOf(device.deviceId, 1))[0].payload, 'here again');
    });
  });
}
