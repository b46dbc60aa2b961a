// Events as they come, in the list that the server has begun.
//
// However many come, the page stays usable: what arrives is taken apart for a
// few milliseconds per frame, and the browser reads no faster than that, so
// that the hub holds the rest back; of what is between two paintings only the
// last ROWS are parsed; and the list never has more lines. What was left out
// is counted. Nothing is painted while the page is paused or hidden, and a page
// that is hidden for a while gives its stream back, to go on later where it was.

import { announce } from "./portal.js";
import { eventLine, localiseTime } from "./event-line.js";
import { looking } from "./event-look.js";
import { Messages } from "./event-stream.js";

/** How many lines the list has at most. */
const ROWS = 300;
/** How many characters of events wait to be painted at most. */
const WAITING_CHARACTERS = 16_000_000;
/** How long arrivals are taken apart per frame. */
const SLICE_MS = 8;
/** How often lines are painted at most. */
const PAINT_MS = 200;
/** How many lines are written per frame. */
const LINES_PER_FRAME = 50;
/** Between paintings so many times as long is left to others as one has taken... */
const PAINT_SHARE = 4;
/** ...up to this. */
const PAINT_MAX_MS = 1_000;
/** How often somebody who does not see the page is told of events. */
const TELL_MS = 15_000;
/** How long a hidden page keeps its stream. */
const HIDDEN_MS = 20_000;
/** From how many seconds on the page says that it is behind. */
const BEHIND_S = 5;

const section = document.getElementById("events");
const rows = document.getElementById("rows");
const part = (id) => document.getElementById(id);

/** Events that came and are not painted yet: the last ROWS of them. */
let waiting = [];
let waitingCharacters = 0;
let place = section.dataset.place ?? "";
let stream = section.dataset.stream;
let connection = null;
let clockAhead = 0;
let paused = false;
let painting = false;
/** A line is being clicked, and stays where it is. */
let held = false;
/** How often the list was cleared. */
let cleared = 0;
let came = rows.rows.length;
let leftOut = 0;
let newest = null;
/** How many came in the last second. */
let rate = 0;

function take(message) {
  if (message.id) place = message.id;
  if (message.event === "error") return { stop: sentenceOf(message.data) };
  if (message.data === null) return {};
  came += 1;
  waiting.push(message.data);
  waitingCharacters += message.data.length;
  if (waiting.length >= 2 * ROWS) leaveOut(waiting.length - ROWS);
  while (waitingCharacters > WAITING_CHARACTERS) leaveOut(Math.ceil(waiting.length / 2));
  return {};
}

/** Forgets the oldest of those that wait. */
function leaveOut(events) {
  for (const data of waiting.splice(0, events)) waitingCharacters -= data.length;
  leftOut += events;
}

/** Takes all that wait, ROWS at most. */
function takeWaiting() {
  if (waiting.length > ROWS) leaveOut(waiting.length - ROWS);
  waitingCharacters = 0;
  return waiting.splice(0);
}

function sentenceOf(data) {
  try {
    return JSON.parse(data).message;
  } catch {
    return "The hub could not read its log.";
  }
}

/** Writes what waits into the list, some lines per frame. */
async function paint() {
  if (painting || paused || held || document.hidden || waiting.length === 0) return;
  painting = true;
  const era = cleared;
  const batch = takeWaiting();
  try {
    for (let from = 0; from < batch.length && era === cleared; from += LINES_PER_FRAME) {
      if (from > 0) await breath();
      add(batch.slice(from, from + LINES_PER_FRAME));
    }
  } finally {
    painting = false;
  }
  count();
}

function add(batch) {
  const lines = document.createDocumentFragment();
  for (const data of batch) {
    try {
      const event = JSON.parse(data);
      lines.prepend(eventLine(event));
      newest = event;
    } catch (error) {
      leftOut += 1;
      console.error("an event can't be shown", error);
    }
  }
  rows.prepend(lines);
  while (rows.rows.length > ROWS) {
    rows.lastElementChild.remove();
    leftOut += 1;
  }
  part("none").hidden = true;
}

/** Paints again and again, as often as the machine can bear. */
async function keepPainting() {
  for (;;) {
    const begun = performance.now();
    await paint();
    // What layout costs is known once the next frame begins.
    await breath();
    const rest = (performance.now() - begun) * PAINT_SHARE;
    await later(Math.min(Math.max(PAINT_MS, rest), PAINT_MAX_MS));
  }
}

const number = new Intl.NumberFormat();

/** The figures beside the buttons. */
function count() {
  const shown = rows.rows.length;
  const facts = [`${number.format(came)} events`, `${number.format(rate)} per second`];
  if (paused && waiting.length > 0) facts.push(`${number.format(waiting.length)} waiting`);
  if (leftOut > 0) facts.push(`the last ${number.format(shown)} shown, ${number.format(leftOut)} left out`);
  const behind = secondsBehind();
  if (behind > BEHIND_S) facts.push(`${number.format(behind)} seconds behind`);
  part("skip").hidden = behind <= BEHIND_S;
  part("counts").textContent = facts.join(" · ");
}

function secondsBehind() {
  if (rate === 0 || paused || newest === null) return 0;
  const enqueued = Date.parse(newest.enqueuedTime);
  return Math.round((Date.now() + clockAhead - enqueued) / 1000);
}

const STATES = {
  connecting: ["Connecting", ""],
  live: ["Live", "good"],
  paused: ["Paused", "warn"],
  lost: ["Connection lost, trying again", "bad"],
  resting: ["Resting while hidden", ""],
  ended: ["Ended", "bad"],
};

let state = "connecting";

function show(next = state) {
  state = next;
  const [text, kind] = STATES[paused && next === "live" ? "paused" : next];
  const badge = part("state");
  if (badge.textContent !== text) badge.textContent = text;
  badge.className = `badge ${kind}`;
}

function later(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** Lets the browser paint, and do what a person asks for. */
function breath() {
  return new Promise((done) => (document.hidden ? setTimeout(done, 50) : requestAnimationFrame(done)));
}

/** Reads until the stream ends; tells why if it is no use to try again. */
async function follow(signal) {
  const headers = place ? { "last-event-id": place } : {};
  const answer = await fetch(stream, { headers, signal, cache: "no-store" });
  if (!answer.ok) return refusal(answer);
  const date = Date.parse(answer.headers.get("date") ?? "");
  if (!Number.isNaN(date)) clockAhead = date - Date.now();
  show("live");
  const messages = new Messages();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return {};
    let begun = performance.now();
    for (const message of messages.push(value)) {
      const { stop } = take(message);
      if (stop) return { stop };
      if (performance.now() - begun > SLICE_MS) {
        await breath();
        begun = performance.now();
      }
    }
  }
}

async function refusal(answer) {
  if (answer.status === 401) return { stop: "Your session has ended. Load the page anew to sign in." };
  const sentence = await answer.text();
  // A full hub makes room, and one that restarts comes back.
  return answer.status >= 500 ? { again: sentence } : { stop: sentence };
}

/** Follows, and tries again for as long as that may help. */
async function run() {
  let tries = 0;
  for (;;) {
    connection = new AbortController();
    const begun = performance.now();
    let end = {};
    try {
      end = await follow(connection.signal);
    } catch {
      // The hub is away, or the stream was given back.
    }
    if (end.stop) return stopped(end.stop);
    if (document.hidden && connection.signal.aborted) {
      show("resting");
      await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
      continue;
    }
    if (connection.signal.aborted) continue;
    tries = performance.now() - begun > 10_000 ? 0 : tries + 1;
    show("lost");
    if (end.again) part("counts").textContent = end.again;
    await later(Math.min(15_000, 500 * 2 ** tries));
  }
}

function stopped(sentence) {
  show("ended");
  const notice = document.createElement("p");
  notice.className = "notice error";
  notice.setAttribute("role", "alert");
  notice.textContent = sentence;
  section.before(notice);
}

function holdWhilePressed() {
  rows.addEventListener("pointerdown", () => { held = true; });
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { held = false; });
}

function restWhileHidden() {
  let timer = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => connection?.abort(), HIDDEN_MS);
  });
}

function buttons() {
  part("pause").addEventListener("click", () => {
    paused = !paused;
    part("pause").textContent = paused ? "Resume" : "Pause";
    show();
    paint();
  });
  part("clear").addEventListener("click", () => {
    rows.replaceChildren();
    takeWaiting();
    cleared += 1;
    rate = 0;
    came = 0;
    leftOut = 0;
    part("none").hidden = false;
    count();
    announce("The list is empty");
  });
  part("skip").addEventListener("click", () => {
    const from = new URL(stream, location.href);
    from.searchParams.set("from", "now");
    stream = from.pathname + from.search;
    place = "";
    connection?.abort();
    announce("Skipped to now");
  });
}

function begin() {
  document.documentElement.classList.add("js");
  part("controls").hidden = false;
  part("still").hidden = true;
  part("none").hidden = came > 0;
  for (const time of rows.querySelectorAll("time")) localiseTime(time);
  buttons();
  looking();
  holdWhilePressed();
  restWhileHidden();
  keepPainting();
  count();
  document.addEventListener("visibilitychange", paint);
  let before = came;
  setInterval(() => {
    rate = Math.max(0, came - before);
    count();
    before = came;
  }, 1000);
  let told = came;
  setInterval(() => {
    if (came > told && !paused && !document.hidden) announce(`${number.format(came - told)} new events`);
    told = came;
  }, TELL_MS);
  run();
}

if (stream) begin();
