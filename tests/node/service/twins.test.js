// Device and module twins through azure-iothub's Registry and Twin.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { createDevice, createModule, openRegistry } = require('../support/hub.js');

const registry = openRegistry();

const kinds = {
  device: {
    identity: (t) => createDevice(t, registry),
    get: (id) => registry.getTwin(id.deviceId),
    update: (id, patch, etag) => registry.updateTwin(id.deviceId, patch, etag),
  },
  module: {
    identity: async (t) => createModule(registry, await createDevice(t, registry)),
    get: (id) => registry.getModuleTwin(id.deviceId, id.moduleId),
    update: (id, patch, etag) => registry.updateModuleTwin(id.deviceId, id.moduleId, patch, etag),
  },
};

for (const [kind, { identity, get, update }] of Object.entries(kinds)) {
  describe(`the twin of a ${kind}`, () => {
    test('is there as soon as the identity is', async (t) => {
      const id = await identity(t);

      const { responseBody: twin, httpResponse } = await get(id);

      assert.equal(twin.deviceId, id.deviceId);
      assert.equal(twin.moduleId, id.moduleId);
      assert.equal(twin.deviceEtag, id.etag);
      assert.equal(twin.etag, 'AAAAAAAAAAE=');
      assert.equal(httpResponse.headers.etag, '"AAAAAAAAAAE="');
      assert.deepEqual(twin.tags, {});
      assert.equal(twin.properties.desired.$version, 1);
      assert.equal(twin.properties.reported.$version, 1);
      assert.equal(twin.connectionState, 'Disconnected');
    });

    test('takes tags and desired properties', async (t) => {
      const id = await identity(t);
      const patch = {
        tags: { location: { plant: 'Redmond43' } },
        properties: { desired: { telemetryInterval: 30, nested: { deep: [1, 'two', false] } } },
      };

      const { responseBody: patched } = await update(id, patch, '*');

      assert.deepEqual(patched.tags, patch.tags);
      assert.equal(patched.properties.desired.telemetryInterval, 30);
      assert.deepEqual(patched.properties.desired.nested, { deep: [1, 'two', false] });
      assert.equal(patched.properties.desired.$version, 2);
      assert.deepEqual((await get(id)).responseBody.properties, patched.properties);
    });

    test('tells when and at which version each leaf was written', async (t) => {
      const id = await identity(t);

      await update(id, { properties: { desired: { a: { b: 1 } } } }, '*');
      const { responseBody } = await update(id, { properties: { desired: { c: 2 } } }, '*');

      const metadata = responseBody.properties.desired.$metadata;
      assert.equal(metadata.a.b.$lastUpdatedVersion, 2);
      assert.equal(metadata.c.$lastUpdatedVersion, 3);
      assert.match(metadata.c.$lastUpdated, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
    });

    test('loses a property that is patched to null', async (t) => {
      const id = await identity(t);
      await update(id, { properties: { desired: { keep: 1, drop: { all: true } } } }, '*');

      const { responseBody } = await update(id, { properties: { desired: { drop: null } } }, '*');

      assert.equal(responseBody.properties.desired.keep, 1);
      assert.ok(!('drop' in responseBody.properties.desired));
      assert.ok(!('drop' in responseBody.properties.desired.$metadata));
    });

    test('moves its etag with each patch, and refuses a stale one unchanged', async (t) => {
      const id = await identity(t);
      const { responseBody: first } = await get(id);
      const { responseBody: second } = await update(id, { tags: { n: 1 } }, first.etag);

      await assert.rejects(update(id, { tags: { n: 2 } }, first.etag), { name: 'InvalidEtagError' });

      assert.notEqual(second.etag, first.etag);
      assert.deepEqual((await get(id)).responseBody.tags, { n: 1 });
    });

    test('is updated through the Twin object, which carries its etag', async (t) => {
      const id = await identity(t);
      const { responseBody: twin } = await get(id);
      const { responseBody: other } = await get(id);

      await twin.update({ properties: { desired: { mode: 'fast' } } });

      assert.equal(twin.properties.desired.mode, 'fast');
      await assert.rejects(other.update({ tags: { late: true } }), { name: 'InvalidEtagError' });
      await other.get();
      await other.update({ tags: { late: true } });
      assert.deepEqual(other.tags, { late: true });
    });

    test('refuses a forbidden key with ArgumentError and stays as it was', async (t) => {
      const id = await identity(t);

      await assert.rejects(
        update(id, { properties: { desired: { 'a.b': 1, fine: 1 } } }, '*'),
        { name: 'ArgumentError' });

      assert.equal((await get(id)).responseBody.properties.desired.$version, 1);
    });

    test('keeps text of every script', async (t) => {
      const id = await identity(t);
      const desired = { 名前: 'センサー', emoji: '🌡️', quote: '"\\\n' };

      const { responseBody } = await update(id, { properties: { desired } }, '*');

      for (const [key, value] of Object.entries(desired)) {
        assert.equal(responseBody.properties.desired[key], value);
      }
    });
  });
}
