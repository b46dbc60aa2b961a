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
