// How long the portal's pages take with many devices stored: `npm run page-times`,
// or `npm run page-times -- 100000` for fewer than a million. TWINHUB_BIN names the
// program to measure: a release build.
//
// Times are of whole answers over TLS on one connection, in milliseconds: the median and
// the longest of twenty requests. Scripts, styles and drawing are not in them.
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hub } from './support/hub.mjs';
import { API_VERSION, policyToken } from './support/requests.mjs';

const ROUNDS = 20;
const WRITERS = 4;
const count = Number(process.argv[2] ?? 1_000_000);

const folder = await mkdtemp(join(tmpdir(), 'twinhub-page-times-'));
const hub = new Hub('localhost', folder, '127.0.0.1');
const agent = new Agent({ keepAlive: true, maxSockets: WRITERS });
await hub.start();
try {
  const began = performance.now();
  await createFleet();
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  process.stdout.write(`${count} devices made in ${seconds} s\n`);
  await measurePages();
} finally {
  agent.destroy();
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
}

function ask(path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(hub.origin + path, { method, headers, agent, ca: hub.ca }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk) => { bytes += chunk.length; });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, bytes }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function createFleet() {
  const token = policyToken(hub.host, 'iothubowner', await hub.policyKey('iothubowner'));
  const headers = { authorization: token, 'content-type': 'application/json' };
  let next = 0;
  const writer = async () => {
    while (next < count) {
      const first = next;
      next += 100;
      const items = Array.from({ length: Math.min(100, count - first) }, (_, index) => ({
        id: `pump-${String(first + index).padStart(7, '0')}`,
        importMode: 'create',
        status: (first + index) % 50 === 0 ? 'disabled' : 'enabled',
        authentication: { type: 'sas' },
        tags: { site: ['north', 'south', 'harbour'][(first + index) % 3] },
      }));
      const { status } = await ask(`/devices?api-version=${API_VERSION}`,
        { method: 'POST', headers, body: JSON.stringify(items) });
      if (status !== 200) throw new Error(`devices from ${first} on: ${status}`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

async function measurePages() {
  const link = new URL(await hub.cli('portal-link'));
  const signedIn = await ask(link.pathname + link.search);
  const headers = { cookie: signedIn.headers['set-cookie'][0].split(';')[0], accept: 'text/html' };
  const id = `pump-${String(Math.floor(count / 2)).padStart(7, '0')}`;
  const list = (asked) => `/portal/devices?${new URLSearchParams(asked)}`;
  for (const path of [
    '/portal', list({}), list({ size: 100 }), list({ search: id.slice(0, 8) }), list({ search: id }),
    list({ filter: "tags.site = 'north' AND status = 'enabled'" }), list({ filter: "status = 'disabled'" }),
    `/portal/device?id=${id}`, `/portal/device/twin?id=${id}`, `/portal/device/modules?id=${id}`,
    `/portal/device/messages?id=${id}`, `/portal/device/method?id=${id}`, '/portal/events',
    '/portal/query', '/portal/query?query=SELECT%20*%20FROM%20devices', '/portal/transfers',
    '/portal/routes', '/portal/endpoint', '/portal/policies', '/portal/certificates', '/portal/settings',
  ]) {
    const times = [];
    let answer;
    for (let round = 0; round < ROUNDS; round += 1) {
      const began = performance.now();
      answer = await ask(path, { headers });
      times.push(performance.now() - began);
    }
    times.sort((one, other) => one - other);
    const [median, longest] = [times[ROUNDS / 2], times[ROUNDS - 1]].map((time) => time.toFixed(1));
    const size = `${(answer.bytes / 1000).toFixed(0)} kB`;
    process.stdout.write(`${median.padStart(7)} ${longest.padStart(7)} ms ${size.padStart(7)}  ${answer.status}  ${path}\n`);
  }
}
