// Devices that prove who they are with a self-signed certificate.
'use strict';

const { execFileSync } = require('node:child_process');
const { X509Certificate } = require('node:crypto');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Message, NoRetry } = require('azure-iot-common');
const { Client } = require('azure-iot-device');
const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
const { Http } = require('azure-iot-device-http');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { createDevice, hostName, openRegistry } = require('../support/hub.js');
const { within } = require('../support/waiting.js');

const registry = openRegistry();

/** A key and a certificate of it as texts, and the thumbprint that the hub knows it by. */
function selfSigned(t) {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [keyFile, certFile] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '1', '-subj', '/CN=device', '-keyout', keyFile, '-out', certFile,
  ], { stdio: 'ignore' });
  const cert = readFileSync(certFile, 'utf8');
  const thumbprint = new X509Certificate(cert).fingerprint.replaceAll(':', '');
  return { cert, key: readFileSync(keyFile, 'utf8'), thumbprint };
}

async function clientFor(t, transport, device, { cert, key }) {
  const client = Client.fromConnectionString(
    `HostName=${hostName};DeviceId=${device.deviceId};x509=true`, transport);
  client.setRetryPolicy(new NoRetry());
  t.after(() => client.close().catch(() => {}));
  // The HTTPS transport never says that it is done unless it gets a policy, too.
  const http = { receivePolicy: { manualPolling: true } };
  await client.setOptions(transport === Http ? { cert, key, http } : { cert, key });
  return client;
}

const knownBy = ({ thumbprint }) => ({
  authentication: {
    type: 'selfSigned',
    x509Thumbprint: { primaryThumbprint: '00'.repeat(20), secondaryThumbprint: thumbprint },
  },
});

for (const [name, transport] of Object.entries({ Mqtt, MqttWs, Amqp, AmqpWs, Http })) {
  test(`${name}: a registered certificate sends a message`, async (t) => {
    const own = selfSigned(t);
    const device = await createDevice(t, registry, knownBy(own));
    const client = await clientFor(t, transport, device, own);

    await within(20, 'open', client.open());
    await within(20, 'acknowledgement', client.sendEvent(new Message('hello')));
  });

  test(`${name}: another certificate is refused`, async (t) => {
    const device = await createDevice(t, registry, knownBy(selfSigned(t)));
    const client = await clientFor(t, transport, device, selfSigned(t));

    await assert.rejects(async () => {
      await within(20, 'open', client.open());
      await within(20, 'acknowledgement', client.sendEvent(new Message('hello')));
    }, { name: 'UnauthorizedError' });
  });
}
