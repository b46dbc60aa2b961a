// Certificates of authorities: adding, proof of possession, deleting.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  HOSTILE, allowTrouble, assertAccessible, assertInert, checkLooks, openPage, screenshot, startHub,
} from './support/portal.mjs';

const hub = await startHub();
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

const button = (page, name) => page.getByRole('button', { name, exact: true });
const link = (page, name) => page.getByRole('link', { name, exact: true });
const alert = (page) => page.getByRole('alert');
const pemOf = (page) => page.getByLabel('Certificate of the authority');

function openssl(...words) {
  execFileSync('openssl', words, { cwd: hub.folder, stdio: 'ignore' });
}

/** An authority with its files in the hub's folder. */
function makeAuthority(name, subject = `/O=Plant/CN=${name}`) {
  openssl('req', '-x509', ...EC, '-days', '3650', '-keyout', `${name}.key`, '-out', `${name}.pem`,
    '-subj', subject);
  const file = join(hub.folder, `${name}.pem`);
  const pem = readFileSync(file, 'utf8');
  return { name, file, pem, thumbprint: new X509Certificate(pem).fingerprint.replaceAll(':', '') };
}

/** A certificate of the authority with that common name. */
function issue({ name }, commonName) {
  openssl('req', '-new', ...EC, '-keyout', 'proof.key', '-out', 'proof.csr', '-subj',
    `/CN=${commonName}`);
  openssl('x509', '-req', '-in', 'proof.csr', '-CA', `${name}.pem`, '-CAkey', `${name}.key`,
    '-CAcreateserial', '-days', '1', '-out', 'proof.pem');
  return readFileSync(join(hub.folder, 'proof.pem'), 'utf8');
}

async function add(page, { name, pem }, { verified = false } = {}) {
  await page.goto('/portal/certificates');
  await link(page, 'Add certificate').click();
  await page.getByLabel('Name').fill(name);
  await pemOf(page).fill(pem);
  if (verified) await page.getByLabel('Set certificate status to verified').check();
  await button(page, 'Add certificate').click();
}

test('no certificate at all can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'certificates-none', '/portal/certificates'));

test('the form can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'certificates-new', '/portal/certificates/new'));

test('a certificate is read from a file', async (t) => {
  const authority = makeAuthority('from-file');
  const page = await openPage(t, hub);
  await page.goto('/portal/certificates/new');

  await page.getByLabel('Name').fill(authority.name);
  await page.getByLabel('File').setInputFiles(authority.file);
  await button(page, 'Add certificate').click();

  await page.getByText('Certificate from-file is added.').waitFor();
  const facts = await page.getByRole('region', { name: 'Certificate', exact: true }).innerText();
  assert.match(facts, /Unverified/);
  assert.ok(facts.toUpperCase().includes(authority.thumbprint));
});

for (const script of [true, false]) {
  test(`possession is proven, ${script ? 'with' : 'without'} script`, async (t) => {
    const authority = makeAuthority(`proven-${script}`);
    const page = await openPage(t, hub, { script });
    allowTrouble(page, /status of 400/);
    await add(page, authority);

    await button(page, 'Generate verification code').click();
    const code = await page.locator('#code').innerText();
    await page.getByLabel('Verification certificate').fill(issue(authority, 'something-else'));
    await button(page, 'Verify').click();
    await alert(page).waitFor();
    assert.equal(await page.locator('#code').innerText(), code, 'the code is still there');
    if (script) await assertAccessible(page);
    await screenshot(page, 'certificate-proof');
    await page.getByLabel('Verification certificate').fill(issue(authority, code));
    await button(page, 'Verify').click();

    await page.getByText(`Certificate ${authority.name} is verified.`).waitFor();
    await page.getByText('Verified', { exact: true }).waitFor();
    assert.equal(await page.getByText('Proof of possession').count(), 0);
  });
}

test('what is no certificate is refused and stays in the form', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 400/);

  await add(page, { name: 'nothing', pem: HOSTILE });

  await alert(page).waitFor();
  assert.equal(await pemOf(page).inputValue(), HOSTILE);
  assert.equal(await page.getByLabel('Name').inputValue(), 'nothing');
  await assertInert(page);
});

test('a certificate that is there is not replaced by another of its name', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 412/);
  await add(page, makeAuthority('taken'), { verified: true });
  await page.getByText('Certificate taken is added.').waitFor();

  await add(page, { name: 'taken', pem: makeAuthority('other').pem });

  await alert(page).filter({ hasText: 'Choose another name' }).waitFor();
});

test('a certificate is replaced, unless somebody else was quicker', async (t) => {
  const page = await openPage(t, hub);
  allowTrouble(page, /status of 412/);
  await add(page, makeAuthority('renewed'), { verified: true });
  await page.getByText('Certificate renewed is added.').waitFor();
  const [quick, next] = [makeAuthority('quick'), makeAuthority('next')];

  await link(page, 'Replace certificate').click();
  await page.getByText('only the old one vouches for').waitFor();
  await assertAccessible(page);
  await screenshot(page, 'certificate-replace');
  const other = await page.context().newPage();
  await other.goto(page.url());
  await pemOf(other).fill(quick.pem);
  await button(other, 'Replace certificate').click();
  await other.getByText('Certificate renewed is replaced.').waitFor();
  const facts = other.getByRole('region', { name: 'Certificate', exact: true });
  assert.match(await facts.innerText(), /Unverified/, 'possession of the new key is not proven');
  await pemOf(page).fill(next.pem);
  await button(page, 'Replace certificate').click();
  await alert(page).filter({ hasText: 'Somebody else has changed' }).waitFor();
  assert.equal((await pemOf(page).inputValue()).trim(), next.pem.trim());
  await page.getByLabel('Set certificate status to verified').check();
  await button(page, 'Replace certificate').click();

  await page.getByText('Certificate renewed is replaced.').waitFor();
  const now = await page.getByRole('region', { name: 'Certificate', exact: true }).innerText();
  assert.match(now, /Status\s+Verified/);
  assert.ok(now.toUpperCase().includes(next.thumbprint));
});

test('a subject is text, whatever it says', async (t) => {
  const authority = makeAuthority('hostile', `/CN=<script>window.hostile = 1</script>`.replace('</', '<\\/'));
  const page = await openPage(t, hub);

  await add(page, authority);
  await page.getByText('Certificate hostile is added.').waitFor();
  await assertInert(page);
  await page.goto('/portal/certificates');

  await page.getByText('<script>window.hostile = 1').waitFor();
  await assertInert(page);
});

test('a certificate is deleted after it was confirmed', async (t) => {
  const page = await openPage(t, hub);
  await add(page, makeAuthority('deleted'), { verified: true });

  await link(page, 'Delete certificate').click();
  await page.getByText('Devices that it let in are cut off').waitFor();
  await button(page, 'Delete').click();

  await page.getByText('Certificate deleted is deleted.').waitFor();
  assert.equal(await link(page, 'deleted').count(), 0);
});

test('the hub\'s own authority can be had by everybody', async () => {
  const { status, text } = await hub.send('/portal/ca.pem');

  assert.equal(status, 200);
  assert.equal(text.trim(), hub.ca.toString().trim());
});

test('certificates can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'certificates', '/portal/certificates'));

test('a certificate can be looked at everywhere', (t) =>
  checkLooks(t, hub, 'certificate', '/portal/certificates/certificate?name=from-file'));
