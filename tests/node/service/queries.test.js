// Queries over twins through azure-iothub's Registry and its Query.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createDevice, createModule, freshId, openRegistry } = require('../support/hub.js');

const registry = openRegistry();

/** Devices with a tag that tells them from all others. */
async function createFleet(t, halls) {
  const fleet = freshId('fleet');
  const ids = [];
  for (const hall of halls) {
    const { deviceId } = await createDevice(t, registry);
    await registry.updateTwin(deviceId, { tags: { fleet, hall } }, '*');
    ids.push(deviceId);
  }
  return { fleet, ids: ids.sort() };
}

/** All pages of a query, as they come. Without its token, `next` of a promise begins anew. */
async function pagesOf(query) {
  const pages = [];
  while (query.hasMoreResults) {
    const { result } = await query.next(query.continuationToken);
    pages.push(result);
  }
  return pages;
}

test('twins come page by page', async (t) => {
  const { fleet, ids } = await createFleet(t, [1, 2, 3, 4, 5]);
  const query = registry.createQuery(`SELECT * FROM devices WHERE tags.fleet = '${fleet}'`, 2);

  const pages = [];
  while (query.hasMoreResults) {
    const { result } = await query.nextAsTwin();
    pages.push(result);
  }

  assert.deepEqual(pages.map((page) => page.length), [2, 2, 1]);
  assert.deepEqual(pages.flat().map((twin) => twin.deviceId), ids);
  assert.equal(pages[0][0].tags.fleet, fleet);
  assert.equal(typeof pages[0][0].update, 'function');
});

test('a full last page has no page after it', async (t) => {
  const { fleet } = await createFleet(t, [1, 2]);

  const pages = await pagesOf(
    registry.createQuery(`SELECT * FROM devices WHERE tags.fleet = '${fleet}'`, 2),
  );

  assert.deepEqual(pages.map((page) => page.length), [2]);
});

test('figures come under their names', async (t) => {
  const { fleet } = await createFleet(t, [3, 4, 4]);
  const where = `WHERE tags.fleet = '${fleet}'`;

  const [[folded]] = await pagesOf(
    registry.createQuery(
      `SELECT COUNT() AS n, AVG(tags.hall) AS mean, MAX(tags.hall) AS most FROM devices ${where}`,
    ),
  );
  const pages = await pagesOf(
    registry.createQuery(
      `SELECT tags.hall AS hall, COUNT() AS n FROM devices ${where} GROUP BY tags.hall`,
      1,
    ),
  );

  assert.equal(folded.n, 3);
  assert.ok(Math.abs(folded.mean - 11 / 3) < 1e-9);
  assert.equal(folded.most, 4);
  const groups = pages.flat().sort((a, b) => a.hall - b.hall);
  assert.deepEqual(groups, [{ hall: 3, n: 1 }, { hall: 4, n: 2 }]);
});

test('modules have a source of their own', async (t) => {
  const device = await createDevice(t, registry);
  const { moduleId } = await createModule(registry, device, freshId('cam'));

  const [rows] = await pagesOf(
    registry.createQuery(`SELECT * FROM devices.modules WHERE moduleId = '${moduleId}'`),
  );

  assert.deepEqual(rows.map((row) => [row.deviceId, row.moduleId]), [[device.deviceId, moduleId]]);
});

test('a text that is no query is refused with its place', async () => {
  const query = registry.createQuery("SELECT * FROM devices\nWHERE tags.group = 'x'");

  await assert.rejects(query.next(), (error) => {
    assert.equal(error.name, 'ArgumentError');
    assert.match(error.responseBody, /ArgumentInvalid;.*line 2, column 12/);
    return true;
  });
});
