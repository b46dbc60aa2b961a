// Waiting for something to happen, never for time to pass.
'use strict';

/** Settles like `promise`, or fails naming `what` when nothing comes in time. */
function within(seconds, what, promise) {
  let timer;
  const limit = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** The first event `name` whose value satisfies `accept`. */
function nextEvent(emitter, name, accept = () => true) {
  return within(20, `event ${name}`, new Promise((resolve) => {
    const listener = (value) => {
      if (!accept(value)) return;
      emitter.removeListener(name, listener);
      resolve(value);
    };
    emitter.on(name, listener);
  }));
}

/** Asks `probe` again and again until it says yes. */
async function eventually(what, probe) {
  const deadline = Date.now() + 10_000;
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`no ${what} within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

module.exports = { eventually, nextEvent, within };
