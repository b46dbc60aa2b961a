// All pages of the portal, for the tests that ask the same of each.

/** Addresses by name, of a device and a module on it. */
export function pages(deviceId, moduleId) {
  const device = new URLSearchParams({ id: deviceId });
  const module = new URLSearchParams({ id: deviceId, module: moduleId });
  return {
    overview: '/portal',
    devices: '/portal/devices',
    'devices-new': '/portal/devices/new',
    device: `/portal/device?${device}`,
    'device-twin': `/portal/device/twin?${device}`,
    'device-modules': `/portal/device/modules?${device}`,
    'device-modules-new': `/portal/device/modules/new?${device}`,
    'device-messages': `/portal/device/messages?${device}`,
    'device-method': `/portal/device/method?${device}`,
    'device-events': `/portal/device/events?${device}`,
    module: `/portal/module?${module}`,
    'module-twin': `/portal/module/twin?${module}`,
    'module-method': `/portal/module/method?${module}`,
    events: '/portal/events',
    query: '/portal/query',
    policies: '/portal/policies',
    endpoint: '/portal/endpoint',
    routes: '/portal/routes',
    transfers: '/portal/transfers',
    certificates: '/portal/certificates',
    settings: '/portal/settings',
  };
}

/** The forms of a page that change something, as a browser would send them. */
export function writingForms(page) {
  return page.locator('form[method="post" i]').evaluateAll((forms) => forms.flatMap((form) => {
    const fields = [...new FormData(form)].filter(([, value]) => typeof value === 'string');
    const buttons = [...form.querySelectorAll('[formaction]')].map((button) => button.formAction);
    return [form.action, ...buttons].map((action) => ({ action, fields }));
  }));
}
