// How a page looks: accessibility by axe-core, pictures, and the width of a telephone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPage } from './browser.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** The folder that pictures go to; nothing is kept in the tree. */
export const screenshots = process.env.TWINHUB_SCREENSHOTS ?? join(tmpdir(), 'twinhub-screenshots');

export async function screenshot(page, name, options = { fullPage: true }) {
  await mkdir(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), ...options });
}

/** Fails with each violation of WCAG 2 (A and AA) on the page as it is now. */
export async function assertAccessible(page) {
  await page.evaluate(axeSource);
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

const LOOKS = {
  wide: {},
  narrow: { narrow: true },
  dark: { dark: true },
  'no-script': { script: false },
};

/**
 * Looks at a page wide, narrow, in the dark and without script: it must be there, be
 * accessible and fit. Pictures go to `screenshots`: `name-wide.png` and so on.
 *
 * `ready(page)` may wait for what the page shows, and look further.
 */
export async function checkLooks(t, hub, name, path, { ready = () => {}, ...options } = {}) {
  for (const [look, how] of Object.entries(LOOKS)) {
    await t.test(look, async (inner) => {
      const page = await openPage(inner, hub, { ...options, ...how });

      const response = await page.goto(path);
      await ready(page);

      await screenshot(page, `${name}-${look}`);
      assert.equal(response.status(), 200);
      await assertFits(page);
      // axe is a script, too.
      if (how.script !== false) await assertAccessible(page);
    });
  }
}
