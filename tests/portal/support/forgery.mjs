// Posts that no form of the portal sends, with the cookies of a page.
import { cookieHeader } from './browser.mjs';

/**
 * Posts `fields` as a form to `path` with the page's session.
 *
 * `csrf` is the session's token unless it says otherwise (`null`: none); `headers` replace
 * those that a browser would send from the portal.
 */
export async function forge(page, hub, path, fields, { csrf, headers = {} } = {}) {
  const token = csrf === undefined ? await csrfToken(page) : csrf;
  const form = new URLSearchParams(fields);
  if (token !== null) form.set('csrf', token);
  return hub.send(path, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      cookie: cookieHeader(await page.context().cookies()),
      origin: hub.origin,
      'sec-fetch-site': 'same-origin',
      ...headers,
    },
    body: form.toString(),
  });
}

/** The token that the forms of this page carry; sign-out is on each page. */
function csrfToken(page) {
  return page.locator('[name="csrf"]').first().inputValue();
}
