// Working with the keyboard alone.
import assert from 'node:assert/strict';

/** Presses Tab until the element has the focus; fails if that does not show. */
export async function tabTo(page, target, { limit = 120 } = {}) {
  await target.waitFor();
  for (let presses = 0; presses < limit; presses += 1) {
    if (await hasFocus(target)) {
      assert.ok(await target.evaluate(showsFocus), `${target} has the focus, but nothing shows it`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  assert.fail(`${target} is not reached by pressing Tab ${limit} times`);
}

/** Goes to the element and presses a key there. */
export async function pressOn(page, target, key = 'Enter') {
  await tabTo(page, target);
  await page.keyboard.press(key);
}

/** Goes to a field and replaces what is in it. */
export async function typeInto(page, target, text) {
  await tabTo(page, target);
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}

function hasFocus(target) {
  return target.evaluate((element) => element === document.activeElement);
}

function showsFocus(element) {
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
}

/**
 * Watches where the focus goes on the page as it is now.
 *
 * `expected` is how many presses of Tab take it everywhere; `missed()` and `unseen()` say
 * where it was not, and where nothing showed that it was there.
 */
export async function watchFocus(page) {
  const expected = await page.evaluate(() => {
    const kinds = 'a[href], button, input:not([type="hidden"]), select, textarea, summary, [tabindex="0"]';
    // Of a group of radio buttons, Tab goes to one.
    const group = (element) => (element.type === 'radio' ? `${element.form?.id} ${element.name}` : null);
    const groups = new Set();
    window.toReach = new Set([...document.querySelectorAll(kinds)].filter((element) => {
      if (element.disabled || element.tabIndex < 0 || !element.checkVisibility()) return false;
      const name = group(element);
      if (name !== null && groups.has(name)) return false;
      groups.add(name);
      return true;
    }));
    window.unseen = [];
    document.addEventListener('focusin', ({ target }) => {
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(target);
      const shows = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
      if (!shows) window.unseen.push(target.outerHTML.slice(0, 200));
      for (const element of window.toReach) {
        const sameGroup = group(target) !== null && group(element) === group(target);
        if (element === target || sameGroup) window.toReach.delete(element);
      }
    });
    return window.toReach.size + 2;
  });
  return {
    expected,
    missed: () => page.evaluate(() =>
      [...window.toReach].map((element) => element.outerHTML.slice(0, 200))),
    unseen: () => page.evaluate(() => window.unseen),
  };
}
