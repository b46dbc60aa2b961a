// Without script, no page offers what only a script could do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyPage, openPage, startHub } from './support/portal.mjs';

const hub = await startHub();
await hub.createDevice('pump');
await hub.createModule('pump', 'controller');

test('every button does something without script, and every form can be sent', async (t) => {
  const page = await openPage(t, hub, { script: false });

  const dead = [];
  for (const [name, path] of await everyPage(hub)) {
    await page.goto(path);
    const found = await page.evaluate(() => [
      ...[...document.querySelectorAll('button[type="button"]:not([popovertarget])')]
        .filter((button) => button.checkVisibility()),
      ...[...document.querySelectorAll('a[href^="#"]')]
        .filter((link) => !document.querySelector(link.getAttribute('href'))),
      ...[...document.forms].filter((form) => form.checkVisibility() &&
        ![...form.elements].some((element) => ['submit', 'image'].includes(element.type))),
    ].map((element) => element.outerHTML.slice(0, 200)));
    dead.push(...found.map((element) => `${name}: ${element}`));
  }

  assert.deepEqual(dead, []);
});

test('no page says that it waits for a script', async (t) => {
  const page = await openPage(t, hub, { script: false });

  for (const [name, path] of await everyPage(hub)) {
    await page.goto(path);
    const text = await page.getByRole('main').innerText();
    assert.ok(text.length > 40, `${name} says only: ${text}`);
    assert.doesNotMatch(text, /\bloading\b|please wait|enable javascript/i, name);
  }
});
