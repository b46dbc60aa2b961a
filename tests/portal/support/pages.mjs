// All pages of the portal, for the tests that ask the same of each.
import { sessionCookie } from './browser.mjs';

/** Addresses of the pages of a device and a module on it. */
export function pages(deviceId, moduleId) {
  const device = new URLSearchParams({ id: deviceId });
  const module = new URLSearchParams({ id: deviceId, module: moduleId });
  return {
    device: `/portal/device?${device}`,
    'device-twin': `/portal/device/twin?${device}`,
    'device-modules': `/portal/device/modules?${device}`,
    'device-events': `/portal/device/events?${device}`,
    module: `/portal/module?${module}`,
    'module-twin': `/portal/module/twin?${module}`,
  };
}

/**
 * The pages that links lead to, from the overview on: one of each kind, by its name, in the
 * order of their names.
 */
export async function everyPage(hub, as = 'operator') {
  const cookie = await sessionCookie(hub, as);
  const found = new Map();
  const open = ['/portal'];
  for (const path of open) {
    const name = nameOf(path);
    if (found.has(name)) continue;
    const { status, headers, text } = await hub.send(path, { headers: { cookie, accept: 'text/html' } });
    const isPage = /^text\/html/.test(headers['content-type']) &&
      !/^attachment/.test(headers['content-disposition'] ?? '');
    if (status !== 200 || !isPage) continue;
    found.set(name, path);
    open.push(...linksOf(text));
  }
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1));
}

/** `/portal/device/twin?id=pump` is `device-twin`. */
function nameOf(path) {
  return path.split('?')[0].slice('/portal/'.length).replaceAll('/', '-') || 'overview';
}

function linksOf(html) {
  return [...html.matchAll(/\shref="(\/portal[^"]*)"/g)]
    .map(([, href]) => href.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(code))
      .replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&'))
    .filter((href) => !href.startsWith('/portal/assets/'));
}

/** The forms of a page that change something, as a browser would send them. */
export function writingForms(page) {
  return page.locator('form[method="post" i]').evaluateAll((forms) => forms.flatMap((form) => {
    const fields = [...new FormData(form)].filter(([, value]) => typeof value === 'string');
    const buttons = [...form.querySelectorAll('[formaction]')].map((button) => button.formAction);
    return [form.action, ...buttons].map((action) => ({ action, fields }));
  }));
}
