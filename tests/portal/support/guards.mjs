// What no page of the portal may do, watched on every page that a test opens:
// write an error to the console (a violated content-security policy is one),
// throw, ask another origin for anything, or weigh too much.
import assert from 'node:assert/strict';

/** A page with its style, script and images, as sent; live data is apart. */
const WEIGHT_BUDGET = 200_000;
const WEIGHED = new Set(['document', 'stylesheet', 'script', 'image', 'font', 'manifest']);

export class Guards {
  #origin;
  #troubles = [];
  #allowed = [];
  #weights = [];
  #assets = new Map();
  #measuring = [];

  constructor(context, origin) {
    this.#origin = origin;
    context.on('console', (message) => {
      if (message.type() === 'error') {
        this.#note(`console: ${message.text()} (${message.location().url})`);
      }
    });
    context.on('weberror', (error) => this.#note(`uncaught: ${error.error().message}`));
    context.on('request', (request) => this.#stayHome(request));
    context.on('requestfinished', (request) => this.#measuring.push(this.#weigh(request)));
  }

  /** Says that a trouble which matches is what the test is about. */
  allow(pattern) {
    this.#allowed.push(pattern);
  }

  /** What has been seen and was not allowed. */
  async troubles() {
    await Promise.all(this.#measuring);
    const heavy = this.#weights
      .filter(({ bytes }) => bytes() > WEIGHT_BUDGET)
      .map(({ url, bytes }) => `weight: ${url} is ${bytes()} bytes with its assets`);
    return [...new Set([...this.#troubles, ...heavy])]
      .filter((trouble) => !this.#allowed.some((pattern) => pattern.test(trouble)));
  }

  async assertClean() {
    assert.deepEqual(await this.troubles(), [], 'a page did what no page may do');
  }

  #note(trouble) {
    this.#troubles.push(trouble);
  }

  #stayHome(request) {
    const { origin, protocol } = new URL(request.url());
    if (origin !== this.#origin && !['data:', 'blob:', 'about:'].includes(protocol)) {
      this.#note(`left the hub: ${request.url()}`);
    }
  }

  async #weigh(request) {
    if (!WEIGHED.has(request.resourceType())) return;
    const response = await request.response().catch(() => null);
    if (!response || /^attachment/.test(response.headers()['content-disposition'] ?? '')) return;
    const sizes = await request.sizes().catch(() => null);
    if (!sizes) return;

    const url = request.url();
    // What comes from the browser's cache has no size the second time.
    this.#assets.set(url, Math.max(this.#assets.get(url) ?? 0, sizes.responseBodySize));
    if (request.isNavigationRequest()) {
      const parts = new Set([url]);
      const bytes = () => [...parts].reduce((sum, part) => sum + this.#assets.get(part), 0);
      this.#weights.push({ url, parts, bytes, page: pageOf(request) });
    } else {
      this.#weights.findLast(({ page }) => page === pageOf(request))?.parts.add(url);
    }
  }
}

function pageOf(request) {
  return request.frame().page();
}
