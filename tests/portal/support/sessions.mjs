// Ways into the portal.

/** Signs in as the operator (by a one-time link) or with a policy's connection string. */
export async function signIn(page, hub, as = 'operator') {
  if (as === 'operator') {
    await page.goto(await portalLink(hub));
  } else {
    await signInWith(page, await hub.connectionString(as));
  }
  await page.waitForURL('/portal');
}

/** Gives the sign-in page a connection string; what comes of it is for the test to see. */
export async function signInWith(page, connectionString) {
  await page.goto('/portal/sign-in');
  await page.locator('[name="connection-string"]').fill(connectionString);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** A one-time link, as the operator gets it. */
export async function portalLink(hub) {
  const printed = await hub.cli('portal-link');
  return printed.match(/https:[^"\s]+/)[0];
}
