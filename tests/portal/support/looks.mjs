// How a page looks: accessibility by axe-core, pictures, and the width of a telephone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NARROW, WIDE, openPage } from './browser.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** The folder that pictures go to; nothing is kept in the tree. */
export const screenshots = process.env.TWINHUB_SCREENSHOTS ?? join(tmpdir(), 'twinhub-screenshots');

export async function screenshot(page, name, options = { fullPage: true }) {
  await mkdir(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), ...options });
}

/** Fails with each violation of WCAG 2 (A and AA) on the page as it is now. axe is brought once. */
export async function assertAccessible(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
  const { violations } = await page.evaluate(
    (tags) => globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] }), TAGS);
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} (${help}) at ${target}: ${failureSummary}`));
  assert.deepEqual(found, [], `${page.url()} is not accessible`);
}

/** Fails if the page has to be scrolled sideways. */
export async function assertFits(page) {
  const { needed, given } = await page.evaluate(() => ({
    needed: document.documentElement.scrollWidth,
    given: document.documentElement.clientWidth,
  }));
  assert.ok(needed <= given, `${page.url()} needs ${needed} px of ${given}`);
}

/** How a page that is open comes to look otherwise. */
const LOOKS = {
  wide: () => {},
  narrow: (page) => page.setViewportSize(NARROW),
  dark: async (page) => {
    await page.setViewportSize(WIDE);
    await page.emulateMedia({ colorScheme: 'dark' });
  },
};

/**
 * Looks at a page wide, narrow, in the dark and without script: it must be there, be
 * accessible and fit. Pictures go to `screenshots`: `name-wide.png` and so on. One page is
 * opened for all that a script may see.
 *
 * `ready(page)` may wait for what the page shows, and look further.
 */
export async function checkLooks(t, hub, name, path, { ready = () => {}, ...options } = {}) {
  const page = await openPage(t, hub, options);
  const response = await page.goto(path);
  assert.equal(response.status(), 200);
  for (const [look, change] of Object.entries(LOOKS)) {
    await t.test(look, async () => {
      await change(page);
      await ready(page);

      await screenshot(page, `${name}-${look}`);
      await assertFits(page);
      await assertAccessible(page);
    });
  }
  await t.test('no-script', async (inner) => {
    const plain = await openPage(inner, hub, { ...options, script: false });

    const answer = await plain.goto(path);
    await ready(plain);

    await screenshot(plain, `${name}-no-script`);
    assert.equal(answer.status(), 200);
    await assertFits(plain);
  });
}
