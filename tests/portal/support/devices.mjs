// Devices and modules on the other side of the hub: Microsoft's SDK for Node.js,
// which is installed for the tests of that SDK.
import { createRequire } from 'node:module';
import { within } from '../../node/support/waiting.js';

const require = createRequire(new URL('../../node/package.json', import.meta.url));
const { Client, Message, ModuleClient } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');

export { Message };

/** Connects with the string that a person copied; closed when the test `t` ends. */
export async function connectDevice(t, hub, connectionString) {
  const kind = /;ModuleId=/.test(connectionString) ? ModuleClient : Client;
  const client = kind.fromConnectionString(connectionString, Mqtt);
  t.after(() => client.close().catch(() => {}));
  await client.setOptions({ ca: hub.ca.toString() });
  await within(20, 'open', client.open());
  return client;
}

/** The connection string of an identity's document. */
export function identityString(hub, { deviceId, moduleId, authentication }) {
  const module = moduleId === undefined ? '' : `;ModuleId=${moduleId}`;
  return `HostName=${hub.host};DeviceId=${deviceId}${module};` +
    `SharedAccessKey=${authentication.symmetricKey.primaryKey}`;
}

/** Sends messages, a window of them in flight at a time, and waits until the hub has them all. */
export async function sendAll(client, messages, { inFlight = 200 } = {}) {
  const waiting = messages.values();
  const sender = async () => {
    for (const message of waiting) await client.sendEvent(message);
  };
  await within(60, 'end of the sending',
    Promise.all(Array.from({ length: inFlight }, sender)));
}
