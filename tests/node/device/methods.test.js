// Methods: the service SDK calls, the device SDK answers.
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Client: ServiceClient } = require('azure-iothub');
const { openRegistry } = require('../support/hub.js');
const { kinds, openClient, transports } = require('../support/clients.js');
const { within } = require('../support/waiting.js');

const registry = openRegistry();
const service = ServiceClient.fromConnectionString(process.env.TWINHUB_TEST_CONNECTION_STRING);

/** Calls `methodName`; the client has subscribed a moment ago, or is about to. */
async function invoke(identity, methodName, payload, timeouts = { connectTimeoutInSeconds: 20 }) {
  const target = identity.moduleId ? [identity.deviceId, identity.moduleId] : [identity.deviceId];
  const params = { methodName, payload, responseTimeoutInSeconds: 20, ...timeouts };
  const { result } = await service.invokeDeviceMethod(...target, params);
  return result;
}

for (const kind of Object.keys(kinds)) {
  for (const transport of Object.keys(transports)) {
    describe(`methods of a ${kind} over ${transport}`, () => {
      test('are called with their payload and answer with theirs', async (t) => {
        const identity = await kinds[kind].create(t, registry);
        const client = await openClient(t, kind, transport, identity);
        const answer = (request, response) =>
          response.send(207, { name: request.methodName, got: request.payload });
        const on = kind === 'device' ? client.onDeviceMethod : client.onMethod;
        on.call(client, 'echo', answer);
        on.call(client, 'other', answer);

        for (const [name, payload] of [['echo', { deep: [1, 'ü', null] }], ['other', 'text'], ['echo', null]]) {
          const { status, payload: back } = await within(30, 'answer', invoke(identity, name, payload));

          assert.equal(status, 207);
          assert.deepEqual(back, { name, got: payload });
        }
      });

      test('of somebody who is offline are refused', async (t) => {
        const identity = await kinds[kind].create(t, registry);

        await assert.rejects(invoke(identity, 'echo', {}, { connectTimeoutInSeconds: 0 }), (error) => {
          assert.equal(error.response.statusCode, 404);
          assert.match(error.responseBody, /404103/);
          return true;
        });
      });
    });
  }
}
