// Message routing: routes, custom endpoints with a receiver of their own, enrichments, trials.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import {
  HOSTILE, Message, allowTrouble, assertAccessible, assertFits, assertInert, checkLooks,
  connectDevice, eventually, forge, identityString, openPage, screenshot, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const resource =
  `/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/${await hubName()}`;

async function hubName() {
  const { value } = await hub.manage('GET',
    '/subscriptions/s/providers/Microsoft.Devices/IotHubs');
  return value[0].name;
}

async function routing() {
  return (await hub.manage('GET', resource)).properties.routing;
}

/** Sets routing beside the portal; what is not named is empty. */
function setRouting(wanted) {
  const kinds = { webhooks: [], natsSubjects: [], amqpQueues: [] };
  return hub.manage('PUT', resource, {
    properties: { routing: { ...wanted, endpoints: { ...kinds, ...wanted.endpoints } } },
  });
}

const route = (name, condition = 'true', endpoint = 'events', isEnabled = true) => ({
  name, source: 'DeviceMessages', condition, endpointNames: [endpoint], isEnabled,
});

/** A receiver on loopback; `answer` is the status of what is sent to it. */
async function startReceiver(t) {
  const receiver = { events: [], headers: [], answer: 200 };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    response.setHeader('WebHook-Allowed-Origin', '*');
    if (request.method === 'POST') {
      if (receiver.answer === 200) receiver.events.push(...JSON.parse(body));
      receiver.headers.push(request.headers);
      response.statusCode = receiver.answer;
    }
    response.end(receiver.answer === 200 ? '' : `not today ${HOSTILE}`);
  });
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  t.after(() => { server.close(); server.closeAllConnections(); });
  receiver.url = `http://127.0.0.1:${server.address().port}/secret-path`;
  return receiver;
}

const alert = (page) => page.getByRole('alert').first();
const told = (page) => page.getByRole('status').first();

test('a route is added, changed, disabled, enabled and deleted', async (t) => {
  await setRouting({});
  const page = await openPage(t, hub);

  await page.goto('/portal/routes');
  await page.getByRole('link', { name: 'Add route' }).click();
  await page.getByLabel('Name').fill('hot');
  await page.getByLabel('Condition').fill("level = 'high'");
  await page.getByRole('button', { name: 'Add route' }).click();
  assert.equal(await told(page).innerText(), 'Route hot is added.');

  await page.getByRole('link', { name: 'hot', exact: true }).click();
  await page.getByLabel('Source').selectOption('TwinChangeEvents');
  await page.getByRole('button', { name: 'Save' }).click();
  assert.equal(await told(page).innerText(), 'Route hot is saved.');

  await page.getByRole('button', { name: 'Disable hot' }).click();
  await page.getByRole('button', { name: 'Enable hot' }).waitFor();
  assert.deepEqual((await routing()).routes, [
    { ...route('hot', "level = 'high'", 'events', false), source: 'TwinChangeEvents' }]);

  await page.getByRole('button', { name: 'Enable hot' }).click();
  await page.getByRole('link', { name: 'Delete hot' }).click();
  assert.equal((await routing()).routes[0].isEnabled, true);
  await page.getByRole('button', { name: 'Delete' }).click();
  assert.equal(await told(page).innerText(), 'Route hot is deleted.');
  assert.deepEqual((await routing()).routes, []);
});

test('the fallback route is disabled and enabled', async (t) => {
  await setRouting({ routes: [route('all')] });
  const page = await openPage(t, hub);

  await page.goto('/portal/routes');
  await page.getByRole('button', { name: 'Disable the fallback route' }).click();
  await page.getByText('Telemetry that no route takes is lost.').waitFor();
  assert.equal((await routing()).fallbackRoute.isEnabled, false);

  await page.getByRole('button', { name: 'Enable the fallback route' }).click();
  await page.getByText('goes to the built-in endpoint').waitFor();
  assert.equal((await routing()).fallbackRoute.isEnabled, true);
});

for (const script of [true, false]) {
  test(`a condition that makes no sense is marked where it goes wrong, ${script ? 'with' : 'without'} script`, async (t) => {
    await setRouting({});
    const page = await openPage(t, hub, { script });
    allowTrouble(page, /status of 400/);

    await page.goto('/portal/routes/route');
    await page.getByLabel('Name').fill('odd');
    await page.getByLabel('Condition').fill("level = 'high'\nAND AND");
    await page.getByRole('button', { name: 'Add route' }).click();

    const condition = page.getByLabel('Condition');
    assert.match(await page.locator('#condition-error').innerText(), /Line 2, column 5: /);
    assert.match(await page.locator('#condition-error pre').innerText(), /AND AND\n {4}\^\^\^/);
    assert.equal(await condition.getAttribute('aria-invalid'), 'true');
    assert.equal(await condition.inputValue(), "level = 'high'\nAND AND");
    assert.equal(await page.getByLabel('Name').inputValue(), 'odd');
    await screenshot(page, `routes-condition-wrong${script ? '' : '-no-script'}`);
    if (script) await assertAccessible(page);
    await assertFits(page);

    await condition.fill("level = 'high'");
    await page.getByRole('button', { name: 'Add route' }).click();
    assert.equal(await told(page).innerText(), 'Route odd is added.');
  });
}

test('a name that is taken is told at its field', async (t) => {
  await setRouting({ routes: [route('hot')] });
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);

  await page.goto('/portal/routes/route');
  await page.getByLabel('Name').fill('HOT');
  await page.getByRole('button', { name: 'Add route' }).click();

  assert.match(await page.locator('#name-error').innerText(), /given twice/);
});

test('a condition is tried before it is saved', async (t) => {
  await setRouting({});
  await hub.createDevice('north-pump');
  await hub.patchTwin({ tags: { site: 'north' } }, 'north-pump');
  const page = await openPage(t, hub);
  const verdict = page.locator('.verdict');
  const tryIt = page.getByRole('button', { name: 'Test', exact: true });

  await page.goto('/portal/routes/route');
  await page.getByLabel('Condition').fill("$body.temperature > 30 AND $twin.tags.site = 'north'");
  await tryIt.click();
  assert.match(await verdict.innerText(), /Does not match.*the twin/s);

  await page.getByLabel('Twin of device').fill('north-pump');
  await tryIt.click();
  assert.match(await verdict.innerText(), /Matches/);

  allowTrouble(page, /status of 400/);
  await page.getByLabel('Twin of device').fill('nope');
  await tryIt.click();
  await page.getByText('There is no device nope').waitFor();
  await page.getByLabel('Twin of device').fill('north-pump');

  await page.getByLabel('System properties').fill('');
  await tryIt.click();
  assert.match(await verdict.innerText(), /contentType application\/json/);
  assert.equal(await page.getByLabel('Twin of device').inputValue(), 'north-pump');
  await screenshot(page, 'routes-route-tried');
  await assertAccessible(page);
  assert.deepEqual((await routing()).routes, []);
});

test('a message that can not be read is told at its fields', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);

  await page.goto('/portal/routes/test');
  await page.getByLabel('Application properties').fill('level');
  await page.getByLabel('or a twin').fill('{');
  await page.getByRole('button', { name: 'Test' }).click();

  assert.match(await page.locator('#properties-error').innerText(), /Line 1/);
  assert.match(await page.locator('#twin-error').innerText(), /not JSON: line 1/);
  assert.equal(await page.getByLabel('Application properties').inputValue(), 'level');
});

test('a message is tried on all routes, with the reason of each that does not match', async (t) => {
  await setRouting({ routes: [
    route('hot', '$body.temperature > 30'),
    route('cold', '$body.temperature < 10'),
    route('tagged', "$twin.tags.site = 'north'"),
    route('off', 'true', 'events', false),
    { ...route('twins'), source: 'TwinChangeEvents' },
  ] });
  const page = await openPage(t, hub);

  await page.goto('/portal/routes/test');
  await page.getByRole('button', { name: 'Test' }).click();

  const why = async (name) => page.getByRole('row', { name: new RegExp(`^${name} `) }).innerText();
  assert.match(await why('hot'), /Matches.*goes to events/s);
  assert.match(await why('cold'), /Does not match.*false/s);
  assert.match(await why('tagged'), /Does not match.*twin/s);
  assert.match(await why('off'), /Disabled/);
  assert.match(await why('twins'), /Other source.*TwinChangeEvents/s);
  await screenshot(page, 'routes-test-all');
  await assertAccessible(page);

  await page.getByLabel('Body').fill('{"temperature": 20}');
  await page.getByRole('button', { name: 'Test' }).click();
  assert.match(await told(page).innerText(), /fallback route brings it/);
});

test('a webhook gets what is routed to it, and its health turns bad when it refuses', async (t) => {
  await setRouting({});
  const receiver = await startReceiver(t);
  const device = await connectDevice(t, hub, identityString(hub, await hub.createDevice('pump')));
  const page = await openPage(t, hub);
  const row = page.getByRole('row', { name: /^hook / });

  await page.goto('/portal/routes/endpoints');
  await page.getByRole('link', { name: 'Add endpoint' }).click();
  await page.getByRole('link', { name: 'Webhook' }).click();
  await page.getByLabel('Name').fill('hook');
  await page.getByLabel('URL').fill(receiver.url);
  await page.getByLabel('Headers').fill('X-Key: open sesame');
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  assert.match(await told(page).innerText(), /Endpoint hook is added/);
  assert.match(await row.innerText(), /Unknown/);
  assert.doesNotMatch(await page.content(), /secret-path|sesame/);

  await page.getByRole('link', { name: 'hook', exact: true }).click();
  await page.getByRole('link', { name: 'Add a route' }).click();
  await page.getByLabel('Name').fill('to-hook');
  assert.equal(await page.getByLabel('Endpoint').inputValue(), 'hook');
  await page.getByRole('button', { name: 'Add route' }).click();

  await page.goto('/portal/routes/endpoints');
  await device.sendEvent(new Message('first'));
  await row.getByText('Healthy').waitFor();
  assert.equal(receiver.events.length, 1);
  assert.equal(receiver.events[0].data.systemProperties['iothub-connection-device-id'], 'pump');
  assert.equal(receiver.headers[0]['x-key'], 'open sesame');

  receiver.answer = 500;
  await device.sendEvent(new Message('second'));
  await row.getByText('Unhealthy').waitFor();
  assert.match(await row.innerText(), /500/);
  assert.match((await row.getByRole('cell').nth(4).innerText()), /^1$/, 'one event waits');
  await screenshot(page, 'routes-endpoint-unhealthy');
  await assertAccessible(page);
  await assertInert(page);

  await page.goto('/portal/routes');
  await page.getByRole('row', { name: /^to-hook / }).getByText('Unhealthy').waitFor();

  await page.goto('/portal/routes/endpoint?name=hook');
  await page.locator('#health').getByText('Unhealthy').waitFor();
  await screenshot(page, 'routes-endpoint-one');
  receiver.answer = 200;
  await page.locator('#health').getByText('Healthy', { exact: true }).waitFor({ timeout: 60_000 });
  assert.equal(receiver.events.length, 2);
});

test('secrets that are not typed anew are kept', async (t) => {
  const receiver = await startReceiver(t);
  await setRouting({
    endpoints: { webhooks: [{ name: 'hook', url: receiver.url, headers: { 'X-Key': 'sesame' } }] },
    routes: [route('to-hook', 'true', 'hook')],
  });
  const device = await connectDevice(t, hub, identityString(hub, await hub.createDevice('valve')));
  const page = await openPage(t, hub);

  await page.goto('/portal/routes/endpoint?name=hook');
  assert.equal(await page.getByLabel('URL').inputValue(), '');
  assert.equal(await page.getByLabel('Headers').inputValue(), 'X-Key: ****');
  assert.doesNotMatch(await page.content(), /secret-path|sesame/);
  await page.getByLabel('Headers').fill('X-Key: ****\nX-More: yes');
  await page.getByRole('button', { name: 'Save' }).click();
  assert.equal(await told(page).innerText(), 'Endpoint hook is saved.');

  await device.sendEvent(new Message('still there'));
  await eventually('message', () => receiver.events.length === 1);
  assert.equal(receiver.headers[0]['x-key'], 'sesame');
  assert.equal(receiver.headers[0]['x-more'], 'yes');
});

const FORMS = {
  'Storage container': {
    list: 'storageContainers',
    typed: { 'Connection string': `file://${hub.folder}`, 'Batch frequency (seconds)': '60' },
    stored: { connectionString: `file://${hub.folder}`, batchFrequencyInSeconds: 60, encoding: 'JSON' },
  },
  'Service Bus queue': {
    list: 'serviceBusQueues',
    typed: { 'Connection string': 'Endpoint=sb://127.0.0.1/;SharedAccessKeyName=n;SharedAccessKey=a2V5', Queue: 'orders' },
    stored: { connectionString: 'Endpoint=sb://127.0.0.1/;SharedAccessKeyName=n;SharedAccessKey=****', entityPath: 'orders' },
  },
  'Service Bus topic': {
    list: 'serviceBusTopics',
    typed: { 'Connection string': 'Endpoint=sb://127.0.0.1/;SharedAccessKeyName=n;SharedAccessKey=a2V5;EntityPath=t' },
    stored: { connectionString: 'Endpoint=sb://127.0.0.1/;SharedAccessKeyName=n;SharedAccessKey=****;EntityPath=t' },
  },
  'Event hub': {
    list: 'eventHubs',
    typed: { 'Connection string': 'Endpoint=sb://127.0.0.1/;SharedAccessKeyName=n;SharedAccessKey=a2V5', 'Event hub': 'hub' },
    stored: { entityPath: 'hub' },
  },
  'NATS subject': {
    list: 'natsSubjects',
    typed: { Servers: 'nats://user:word@127.0.0.1:4222', Subject: 'plant.{deviceid}' },
    stored: { servers: 'nats://user:****@127.0.0.1:4222', subject: 'plant.{deviceid}', jetStream: false },
  },
  'AMQP queue': {
    list: 'amqpQueues',
    typed: { 'Connection string': 'amqps://127.0.0.1', Address: 'orders' },
    stored: { connectionString: 'amqps://127.0.0.1', address: 'orders' },
  },
};

for (const [kind, { list, typed, stored }] of Object.entries(FORMS)) {
  test(`an endpoint is added and changed without script: ${kind}`, async (t) => {
    await setRouting({});
    const page = await openPage(t, hub, { script: false });

    await page.goto('/portal/routes/endpoints/new');
    await page.getByRole('link', { name: kind }).click();
    await page.getByLabel('Name', { exact: true }).fill('it');
    for (const [label, text] of Object.entries(typed)) {
      await page.getByLabel(label, { exact: true }).fill(text);
    }
    await page.getByRole('button', { name: 'Add endpoint' }).click();
    assert.match(await told(page).innerText(), /Endpoint it is added/);
    const [added] = (await routing()).endpoints[list];
    for (const [member, value] of Object.entries(stored)) assert.deepEqual(added[member], value);

    await page.getByRole('link', { name: 'it', exact: true }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    assert.equal(await told(page).innerText(), 'Endpoint it is saved.');
    assert.deepEqual((await routing()).endpoints[list], [added]);
  });
}

test('what an endpoint can not have is told at its field, and nothing typed is lost', async (t) => {
  await setRouting({});
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);

  await page.goto('/portal/routes/endpoint?kind=storageContainers');
  await page.getByLabel('Name', { exact: true }).fill('lake');
  await page.getByLabel('Connection string').fill('file:///tmp');
  await page.getByLabel('Container').fill('Not A Container');
  await page.getByLabel('Encoding').selectOption('Avro');
  await page.getByRole('button', { name: 'Add endpoint' }).click();

  assert.match(await page.locator('#containerName-error').innerText(), /lower-case letters/);
  assert.equal(await page.getByLabel('Encoding').inputValue(), 'Avro');
  assert.equal(await page.getByLabel('Connection string').inputValue(), 'file:///tmp');

  await page.getByLabel('Container').fill('events-that-are-nowhere');
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  assert.match(await page.locator('#connectionString-error').innerText(), /no such folder.*make it/);

  await page.getByLabel('Batch frequency (seconds)').fill('soon');
  await page.getByRole('button', { name: 'Add endpoint' }).click();
  assert.match(await page.locator('#batchFrequencyInSeconds-error').innerText(), /whole number/);
  await screenshot(page, 'routes-endpoint-refused');
  await assertAccessible(page);
});

test('an endpoint that a route uses is not deleted', async (t) => {
  const subject = { name: 'bus', servers: 'nats://127.0.0.1:4222', subject: 's' };
  await setRouting({
    endpoints: { natsSubjects: [subject] },
    routes: [route('to-bus', 'true', 'bus')],
    enrichments: [{ key: 'site', value: 'x', endpointNames: ['bus'] }],
  });
  const page = await openPage(t, hub);

  await page.goto('/portal/routes/endpoints');
  await page.getByRole('link', { name: 'Delete bus' }).click();
  await page.getByText('A route leads here').waitFor();
  await page.getByText('An enrichment names it').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Delete' }).count(), 0);
  await screenshot(page, 'routes-endpoint-in-use');
  await assertAccessible(page);

  const seen = await page.locator('main [name="seen"]').inputValue();
  const forced = await forge(page, hub, '/portal/routes/endpoint/delete', { seen });
  assert.equal(forced.status, 409);
  assert.equal((await routing()).endpoints.natsSubjects.length, 1);

  await setRouting({ endpoints: { natsSubjects: [subject] } });
  await page.reload();
  await page.getByRole('button', { name: 'Delete' }).click();
  assert.equal(await told(page).innerText(), 'Endpoint bus is deleted.');
  assert.deepEqual((await routing()).endpoints.natsSubjects, []);
});

test('who edits a route that somebody has changed is told, and loses nothing', async (t) => {
  await setRouting({ routes: [route('hot', '$body.temperature > 30')] });
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 409/);

  await page.goto('/portal/routes/route?name=hot');
  await setRouting({ routes: [route('hot', '$body.temperature > 40'), route('other')] });
  await page.getByLabel('Condition').fill('$body.temperature > 50');
  await page.getByRole('button', { name: 'Save' }).click();

  assert.match(await alert(page).innerText(), /changed this route/);
  assert.equal(await page.getByLabel('Condition').inputValue(), '$body.temperature > 50');
  assert.match(await page.getByRole('region', { name: 'What stands now' }).innerText(), /> 40/);
  assert.equal((await routing()).routes[0].condition, '$body.temperature > 40');
  await screenshot(page, 'routes-conflict');
  await assertAccessible(page);

  await page.getByRole('button', { name: 'Save' }).click();
  assert.equal(await told(page).innerText(), 'Route hot is saved.');
  const { routes } = await routing();
  assert.deepEqual(routes.map(({ condition }) => condition), ['$body.temperature > 50', 'true']);
});

test('a change elsewhere in the hub is no conflict', async (t) => {
  await setRouting({ routes: [route('hot')] });
  const page = await openPage(t, hub);

  await page.goto('/portal/routes/route?name=hot');
  await setRouting({ routes: [route('new'), route('hot')] });
  await page.getByLabel('Condition').fill("a = '1'");
  await page.getByRole('button', { name: 'Save' }).click();

  assert.equal(await told(page).innerText(), 'Route hot is saved.');
  assert.deepEqual((await routing()).routes.map(({ condition }) => condition), ['true', "a = '1'"]);
});

test('a route that somebody has deleted can be added anew', async (t) => {
  await setRouting({ routes: [route('gone', "a = '1'")] });
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 409/);

  await page.goto('/portal/routes/route?name=gone');
  await setRouting({});
  await page.getByRole('button', { name: 'Save' }).click();
  assert.match(await alert(page).innerText(), /deleted this route/);

  await page.getByRole('button', { name: 'Add route' }).click();
  assert.equal((await routing()).routes[0].condition, "a = '1'");
});

test('an enrichment is added, changed and deleted', async (t) => {
  await setRouting({
    endpoints: { natsSubjects: [{ name: 'bus', servers: 'nats://127.0.0.1:4222', subject: 's' }] },
  });
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);

  await page.goto('/portal/routes/enrichments');
  await page.getByRole('link', { name: 'Add enrichment' }).click();
  await page.getByLabel('Key').fill('site');
  await page.getByLabel('Value').fill('$twin.tags');
  await page.getByLabel('events').check();
  await page.getByRole('button', { name: 'Add enrichment' }).click();
  assert.match(await page.locator('#value-error').innerText(), /\$twin\.tags\./);
  assert.ok(await page.getByLabel('events').isChecked());

  await page.getByLabel('Value').fill('$twin.tags.site');
  await page.getByRole('button', { name: 'Add enrichment' }).click();
  assert.equal(await told(page).innerText(), 'Enrichment site is added.');

  await page.getByRole('link', { name: 'site', exact: true }).click();
  await page.getByLabel('bus').check();
  await page.getByRole('button', { name: 'Save' }).click();
  assert.deepEqual((await routing()).enrichments,
    [{ key: 'site', value: '$twin.tags.site', endpointNames: ['events', 'bus'] }]);

  await page.getByRole('link', { name: 'Delete site' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  assert.equal(await told(page).innerText(), 'Enrichment site is deleted.');
  assert.deepEqual((await routing()).enrichments, []);
});

test('what is hostile is shown as it is and runs nowhere', async (t) => {
  const condition = `note = '${HOSTILE.replaceAll("'", '')}'`;
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);
  await setRouting({
    routes: [route('odd', condition)],
    enrichments: [{ key: 'note', value: HOSTILE, endpointNames: ['events'] }],
  });

  for (const path of ['', '/route?name=odd', '/delete?name=odd', '/enrichments',
    '/enrichment?key=note&endpoint=events', '/enrichment/delete?key=note&endpoint=events']) {
    await page.goto(`/portal/routes${path}`);
    await assertInert(page);
    assert.match(await page.content(), /&lt;script&gt;/, path);
  }

  await page.goto('/portal/routes/test');
  for (const label of ['Body', 'Application properties', 'System properties', 'Twin of device']) {
    await page.getByLabel(label).fill(HOSTILE);
  }
  await page.getByRole('button', { name: 'Test' }).click();
  await alert(page).waitFor();
  await assertInert(page);
  assert.equal(await page.getByLabel('Body').inputValue(), HOSTILE);
});

test('only operators see routing', async (t) => {
  const page = await openPage(t, hub, { as: 'iothubowner' });
  allowTrouble(page, /status of 403/);

  const answer = await page.goto('/portal/routes');

  assert.equal(answer.status(), 403);
  assert.match(await alert(page).innerText(), /portal-link/);
});

const SHOWN = {
  endpoints: {
    webhooks: [{ name: 'hook', url: 'https://127.0.0.1:9/in' }],
    natsSubjects: [{ name: 'plant-bus', servers: 'nats://127.0.0.1:4222', subject: 'plant.{deviceid}' }],
  },
  routes: [
    route('hot', '$body.temperature > 30', 'hook'),
    route('alarms', "level = 'critical' AND $twin.properties.reported.firmware.version != '1.0.0'", 'plant-bus'),
    route('archive', 'true', 'events', false),
  ],
  enrichments: [{ key: 'site', value: '$twin.tags.site', endpointNames: ['events', 'hook'] }],
};

test('a deletion that does not say what was shown is refused', async (t) => {
  await setRouting(SHOWN);
  const page = await openPage(t, hub);
  await page.goto('/portal/routes');

  for (const what of ['delete', 'endpoint/delete', 'enrichment/delete']) {
    const answer = await forge(page, hub, `/portal/routes/${what}`, { name: 'alarms' });

    assert.equal(answer.status, 400, what);
    assert.match(answer.text, /open its page again/i, what);
  }
});

for (const [name, path] of Object.entries({
  routes: '',
  'routes-route': '/route?name=alarms',
  'routes-delete': '/delete?name=alarms',
  'routes-test': '/test',
  'routes-endpoints': '/endpoints',
  'routes-kinds': '/endpoints/new',
  'routes-endpoint': '/endpoint?name=hook',
  'routes-storage': '/endpoint?kind=storageContainers',
  'routes-enrichments': '/enrichments',
  'routes-enrichment': '/enrichment?key=site&endpoint=hook',
})) {
  test(`the page ${name} can be looked at everywhere`, async (t) => {
    await setRouting(SHOWN);

    await checkLooks(t, hub, name, `/portal/routes${path}`);
  });
}
