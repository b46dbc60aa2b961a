// The hub under test: the built binary on an address and a data folder of its own.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freeAddress } from './addresses.mjs';
import {
  API_VERSION, PROVIDER_VERSION, parseConnectionString, policyToken, send,
} from './requests.mjs';

const run = promisify(execFile);

/**
 * Starts a hub that is stopped, and its folder removed, when what started it ends: the file, if
 * it is called outside of tests.
 */
export async function startHub(...options) {
  const hub = new Hub(await freeAddress(), await mkdtemp(join(tmpdir(), 'twinhub-portal-')));
  after(() => hub.remove());
  await hub.start(...options);
  return hub;
}

export class Hub {
  #process;
  #keys = new Map();
  #endings = [];

  /** `host` is the name in the certificate and in connection strings. */
  constructor(host, folder, address = host) {
    this.host = host;
    this.address = address;
    this.origin = `https://${host}`;
    this.folder = folder;
    this.dataFolder = join(folder, 'data');
    this.logFile = join(folder, 'log');
  }

  /** Starts the hub and waits until it is ready; `options` are further ones of `serve`. */
  async start(...options) {
    const log = openSync(this.logFile, 'a');
    // A write beyond the limit that `stopWrites` sets shall fail, not end the hub.
    this.#process = spawn(
      'sh',
      ['-c', 'trap "" XFSZ; exec "$0" "$@"', binary(), 'serve', '--data-dir', this.dataFolder,
        '--listen', this.address, '--hostname', this.host, ...options],
      { stdio: ['ignore', log, log], env: cleanEnvironment() });
    process.once('exit', () => this.#process.kill('SIGKILL'));

    const deadline = Date.now() + 20_000;
    while (!(await this.#isReady())) {
      if (this.#process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the hub did not get ready\n${this.logTail()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #isReady() {
    if (!existsSync(this.caFile)) return false;
    return send(this.ca, `${this.origin}/readyz`).then(({ status }) => status === 200, () => false);
  }

  /** Ends the hub as an operator would. */
  async stop() {
    if (!this.#process || this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => { this.#process.once('exit', resolve); });
    this.#process.kill('SIGTERM');
    const overdue = setTimeout(() => this.#process.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(overdue);
  }

  /** No file takes more from here on, as if the disk were full. */
  stopWrites() {
    this.#limitFiles('1000:unlimited');
  }

  /** There is room again. */
  allowWrites() {
    this.#limitFiles('unlimited:unlimited');
  }

  #limitFiles(bytes) {
    execFileSync('prlimit', ['--pid', String(this.#process.pid), `--fsize=${bytes}`]);
  }

  /** Says what is to end before the hub. */
  atEnd(ending) {
    this.#endings.push(ending);
  }

  async remove() {
    for (const ending of this.#endings) await ending();
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  logTail(lines = 30) {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-lines).join('\n');
  }

  /** The program under test. */
  get binary() {
    return binary();
  }

  get caFile() {
    return join(this.dataFolder, 'tls', 'ca.pem');
  }

  get ca() {
    return readFileSync(this.caFile);
  }

  /** What a `twinhub` command on this hub's folder prints. */
  async cli(...words) {
    const { stdout } = await run(
      binary(), [...words, '--data-dir', this.dataFolder], { env: cleanEnvironment() });
    return stdout.trim();
  }

  async connectionString(policy) {
    return `HostName=${this.host};SharedAccessKeyName=${policy};` +
      `SharedAccessKey=${await this.policyKey(policy)}`;
  }

  async policyKey(policy) {
    if (!this.#keys.has(policy)) {
      const printed = await this.cli('connection-string', '--policy', policy);
      this.#keys.set(policy, parseConnectionString(printed).SharedAccessKey);
    }
    return this.#keys.get(policy);
  }

  /** Says that the policy's keys are not what they were. */
  forgetKey(policy) {
    this.#keys.delete(policy);
  }

  /** Any request to this hub. */
  send(path, options) {
    return send(this.ca, new URL(path, this.origin), options);
  }

  /** A call of the data plane that must succeed; the body of its answer. */
  async call(method, path, body, { policy = 'iothubowner', headers = {} } = {}) {
    const token = policyToken(this.host, policy, await this.policyKey(policy));
    return this.#call(method, path, API_VERSION, body, { authorization: token, ...headers });
  }

  /** A call of the resource provider or of the operator that must succeed. */
  async manage(method, path, body) {
    const token = readFileSync(join(this.dataFolder, 'operator-token'), 'utf8').trim();
    return this.#call(method, path, PROVIDER_VERSION, body, { authorization: `Bearer ${token}` });
  }

  async #call(method, path, version, body, headers) {
    const url = `${path}${path.includes('?') ? '&' : '?'}api-version=${version}`;
    const answer = await this.send(url, {
      method,
      headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${answer.text}\n${this.logTail(5)}`);
    }
    return answer.text ? JSON.parse(answer.text) : undefined;
  }

  /** Registers a device; `fields` are members of its document. */
  createDevice(deviceId, fields = {}) {
    return this.call('PUT', `/devices/${encodeURIComponent(deviceId)}`, { deviceId, ...fields });
  }

  createModule(deviceId, moduleId, fields = {}) {
    return this.call('PUT', modulePath('/devices', deviceId, moduleId),
      { deviceId, moduleId, ...fields });
  }

  /** Registers many devices, a hundred in a call. */
  async createDevices(deviceIds) {
    for (let from = 0; from < deviceIds.length; from += 100) {
      const hundred = deviceIds.slice(from, from + 100)
        .map((id) => ({ id, importMode: 'create', authentication: { type: 'sas' } }));
      await this.call('POST', '/devices', hundred);
    }
  }

  twin(deviceId, moduleId) {
    return this.call('GET', modulePath('/twins', deviceId, moduleId));
  }

  /** Merges into tags and desired properties, whatever the ETag. */
  patchTwin(patch, deviceId, moduleId) {
    return this.call('PATCH', modulePath('/twins', deviceId, moduleId), patch,
      { headers: { 'if-match': '*' } });
  }
}

function modulePath(root, deviceId, moduleId) {
  const device = `${root}/${encodeURIComponent(deviceId)}`;
  return moduleId === undefined ? device : `${device}/modules/${encodeURIComponent(moduleId)}`;
}

/** The binary under test: TWINHUB_BIN, else what cargo built last for release or dev. */
function binary() {
  if (process.env.TWINHUB_BIN) return process.env.TWINHUB_BIN;
  const target = process.env.CARGO_TARGET_DIR ??
    fileURLToPath(new URL('../../../target', import.meta.url));
  const built = ['release', 'debug']
    .map((profile) => join(target, profile, 'twinhub'))
    .find((candidate) => existsSync(candidate));
  if (!built) throw new Error(`no twinhub under ${target}; run \`cargo build --release\``);
  return built;
}

/** The environment without settings that would reach into the hub. */
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TWINHUB|IOTHUB)_/.test(name)));
}
