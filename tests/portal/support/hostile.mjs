// Texts that would run if a page wrote them without escaping.
import assert from 'node:assert/strict';

export const SCRIPT = '<script>window.hostile = 1</script>';
export const IMAGE = '"><img src=x onerror="window.hostile = 1">';
export const LINK = 'javascript:window.hostile=1';
export const ENDINGS = "</textarea></title></pre>' onfocus='window.hostile = 1' autofocus='";

/** All of them in one text. */
export const HOSTILE = `${SCRIPT} ${IMAGE} ${LINK} ${ENDINGS}`;

/** The same without what a twin's names may not have: dots, dollars and spaces. */
export const HOSTILE_NAME = '"><img/src=x/onerror=hostile=1><script>hostile=1</script>';

/** Hostile as far as an ID may be (`<`, `>`, `"`, `&` and spaces are refused), and as long. */
export const HOSTILE_ID = "javascript:alert(1)'=%3Cscript%3E%22..".padEnd(128, 'AndSoOn');

/** Fails if anything of a hostile text has become more than text. */
export async function assertInert(page) {
  const found = await page.evaluate(() => ({
    ran: globalThis.hostile !== undefined,
    elements: [...document.querySelectorAll(
      'img[src="x"], script:not([src]):not([type="application/json"]), [onerror], [onfocus], ' +
      'a[href^="javascript:"]')].map((element) => element.outerHTML),
  }));
  assert.deepEqual(found, { ran: false, elements: [] }, `on ${page.url()}`);
}
