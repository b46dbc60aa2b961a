// The back end's side of messages: what devices sent is read as server-sent
// events, and what they shall get is queued over REST.
'use strict';

const { on } = require('node:events');
const https = require('node:https');
const { ConnectionString, SharedAccessSignature } = require('azure-iothub');
const { hostName } = require('./hub.js');
const { within } = require('./waiting.js');

const apiVersion = 'api-version=2021-04-12';
const owner = ConnectionString.parse(process.env.TWINHUB_TEST_CONNECTION_STRING);

function authorization() {
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  return SharedAccessSignature.create(
    hostName, owner.SharedAccessKeyName, owner.SharedAccessKey, expiry).toString();
}

/** One request with the owner's token; resolves to the response, whose body is still to be read. */
function request(method, path, { headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = https.request(
      { hostname: hostName, method, path, headers: { Authorization: authorization(), ...headers } },
      resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

async function textOf(response) {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

/** Queues a message for a device; `headers` are its properties as REST names them. */
async function sendToDevice(deviceId, body, headers = {}) {
  const path = `/devices/${encodeURIComponent(deviceId)}/messages/deviceBound?${apiVersion}`;
  const response = await request('POST', path, { headers, body });
  const text = await textOf(response);
  if (response.statusCode !== 204) throw new Error(`${response.statusCode} ${text}`);
}

/**
 * The messages of a device's client, one after the other. It stays subscribed
 * all the time: over AMQP, the SDK settles only while it is.
 */
function inboxOf(client) {
  const messages = on(client, 'message');
  return { next: async () => (await within(20, 'message', messages.next())).value[0] };
}

/** The device's first `count` messages, whenever they are sent; each with its body in `payload`. */
async function telemetryOf(deviceId, count) {
  const query = `deviceId=${encodeURIComponent(deviceId)}&source=Telemetry&since=earliest&max=${count}`;
  const response = await request('GET', `/twinhub/v1/events?${query}&${apiVersion}`);
  const text = await within(20, `${count} messages of ${deviceId}`, textOf(response));
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${text}`);
  return text.split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => JSON.parse(line.slice('data:'.length)))
    .map((event) => ({ ...event, payload: Buffer.from(event.bodyBase64, 'base64').toString() }));
}

module.exports = { inboxOf, sendToDevice, telemetryOf };
