// Debian's Chromium, and the pages that tests open in it.
import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { chromium } from 'playwright-core';
import { Guards } from './guards.mjs';
import { signIn } from './sessions.mjs';

export const NARROW = { width: 360, height: 740 };
export const WIDE = { width: 1280, height: 900 };

const browsers = new Map();
const sessions = new Map();
const guards = new WeakMap();

/**
 * Opens a page that is signed in to the hub and closed when the test `t` ends, which fails if
 * the page did what no page may do (see guards.mjs).
 *
 * - `as`: `operator` (by a one-time link), the name of a policy (by its connection string), or
 *   `nobody`; pages that are signed in alike share a session, unless `ownSession` is true
 * - `narrow`, `dark`, `script: false`, `locale`: how the page is looked at
 */
export async function openPage(t, hub, options = {}) {
  const { as = 'operator', narrow, dark, script = true, locale = 'en-GB', ownSession } = options;
  const browser = await browserFor(hub);
  const context = await browser.newContext({
    baseURL: hub.origin,
    storageState: as === 'nobody' || ownSession ? undefined : await sharedSession(hub, as),
    viewport: narrow ? NARROW : WIDE,
    colorScheme: dark ? 'dark' : 'light',
    javaScriptEnabled: script,
    locale,
    timezoneId: 'Europe/Berlin',
  });
  context.setDefaultTimeout(15_000);
  const watching = new Guards(context, hub.origin);
  t.after(async () => {
    await context.close();
    await watching.assertClean();
  });

  const page = await context.newPage();
  guards.set(context, watching);
  if (ownSession) await signIn(page, hub, as);
  return page;
}

/** Says that a trouble of this page which matches is what the test is about. */
export function allowTrouble(page, pattern) {
  guards.get(page.context()).allow(pattern);
}

/** The troubles that the page has had so far. */
export function troubles(page) {
  return guards.get(page.context()).troubles();
}

/** The header `cookie` of the session that pages signed in like this share. */
export async function sessionCookie(hub, as = 'operator') {
  const { cookies } = await sharedSession(hub, as);
  return cookieHeader(cookies);
}

/** Cookies as a browser sends them. */
export function cookieHeader(cookies) {
  return cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
}

/** The cookies of a session, made at the first call. */
function sharedSession(hub, as) {
  const name = `${hub.origin} ${as}`;
  if (!sessions.has(name)) sessions.set(name, newSession(hub, as));
  return sessions.get(name);
}

async function newSession(hub, as) {
  const context = await (await browserFor(hub)).newContext({ baseURL: hub.origin });
  try {
    await signIn(await context.newPage(), hub, as);
    return await context.storageState();
  } finally {
    await context.close();
  }
}

function browserFor(hub) {
  if (!browsers.has(hub)) {
    const launched = launch(hub);
    browsers.set(hub, launched);
    hub.atEnd(async () => (await launched).close());
  }
  return browsers.get(hub);
}

/** A browser that trusts this hub's key, which its CA vouched for, and no other. */
async function launch(hub) {
  return chromium.launch({
    executablePath: executable(),
    args: [`--ignore-certificate-errors-spki-list=${await keyHash(hub)}`],
  });
}

function keyHash(hub) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hub.host, port: 443, ca: hub.ca }, () => {
      const key = socket.getPeerX509Certificate().publicKey;
      socket.end();
      resolve(createHash('sha256').update(key.export({ type: 'spki', format: 'der' }))
        .digest('base64'));
    });
    socket.once('error', reject);
  });
}

function executable() {
  const folders = (process.env.PATH ?? '').split(':');
  const found = ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find(isExecutable);
  if (!found) throw new Error('no Chromium on the path (Debian: apt install chromium)');
  return found;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
