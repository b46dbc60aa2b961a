// Requests that no page makes: the hub's API, and forged posts to the portal.
import { createHmac } from 'node:crypto';
import { request } from 'node:https';

export const API_VERSION = '2021-04-12';
export const PROVIDER_VERSION = '2023-06-30';

/** Sends one request and reads the whole answer; trusts `ca` and nothing else. */
export function send(ca, url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, ca, agent: false, timeout: 30_000 }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: answer.statusCode, headers: answer.headers, text });
      });
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer from ${url} within 30 s`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A token for the whole hub that lives an hour. */
export function policyToken(host, policy, key) {
  const resource = encodeURIComponent(host);
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const signature = createHmac('sha256', Buffer.from(key, 'base64'))
    .update(`${resource}\n${expiry}`)
    .digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}` +
    `&se=${expiry}&skn=${policy}`;
}

/** The parts of a connection string by name. */
export function parseConnectionString(text) {
  return Object.fromEntries(text.trim().split(';').map((part) => {
    const split = part.indexOf('=');
    return [part.slice(0, split), part.slice(split + 1)];
  }));
}
