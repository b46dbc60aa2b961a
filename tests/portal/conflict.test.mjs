// A twin that two people edit at once: the second is told, and nothing of theirs is lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowTrouble, assertAccessible, openPage, pages, screenshot, startHub } from './support/portal.mjs';

const hub = await startHub();

const desired = (page) => page.getByRole('textbox', { name: 'Desired properties', exact: true });
const save = (page) => page.getByRole('main').getByRole('button', { name: 'Save', exact: true });

async function create(deviceId, moduleId) {
  await hub.createDevice(deviceId);
  if (moduleId) await hub.createModule(deviceId, moduleId);
  await hub.patchTwin({ properties: { desired: { interval: 1 } } }, deviceId, moduleId);
}

for (const [what, { name, ids, script }] of Object.entries({
  'a device\'s twin': { name: 'device-twin', ids: ['shared'] },
  'a module\'s twin': { name: 'module-twin', ids: ['shared-module', 'controller'] },
  'a twin without script': { name: 'device-twin', ids: ['shared-plain'], script: false },
})) {
  test(`of two who edit ${what}, the second is told of the first`, async (t) => {
    await create(...ids);
    const [first, second] = [
      await openPage(t, hub, { ownSession: true, script }),
      await openPage(t, hub, { ownSession: true, script })];
    allowTrouble(second, /status of 4(09|12)/);
    for (const page of [first, second]) await page.goto(pages(...ids)[name]);

    await desired(first).fill('{ "interval": 2 }');
    await save(first).click();
    await first.getByRole('status').or(first.getByRole('alert')).first().waitFor();
    await desired(second).fill('{ "interval": 3, "mine": true }');
    await save(second).click();

    assert.match(await second.getByRole('alert').first().innerText(), /changed|conflict/i);
    assert.equal((await hub.twin(...ids)).properties.desired.interval, 2);
    assert.match(await desired(second).inputValue(), /"mine": true/);
    assert.match(await second.getByRole('main').innerText(), /"interval": 2/);
    await screenshot(second, `conflict-${name}${script === false ? '-no-script' : ''}`);
    if (script !== false) await assertAccessible(second);

    await save(second).click();
    await second.getByRole('status').first().waitFor();
    assert.equal((await hub.twin(...ids)).properties.desired.interval, 3);
  });
}
