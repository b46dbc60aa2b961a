// What makes every page handier. All of it works without: times are UTC then,
// numbers plain, texts are copied by hand, and a page is loaded anew.

/** Writes times and numbers as the reader does. */
export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.dataset.local = "";
    time.title = time.dateTime;
    time.textContent = moment.toLocaleString(undefined, {
      dateStyle: "medium",
      timeStyle: "medium",
    });
  }
  for (const data of root.querySelectorAll("data[value]:not([data-local])")) {
    const value = Number(data.value);
    if (Number.isNaN(value)) continue;
    data.dataset.local = "";
    data.textContent = data.dataset.unit === "byte" ? bytes(value) : value.toLocaleString();
  }
  // The texts of charts are short: 20K, not 20,000. What a language calls a thousand is its own.
  for (const text of root.querySelectorAll("text[data-number]:not([data-local])")) {
    text.dataset.local = "";
    const value = Number(text.dataset.number);
    const notation = value >= 1e4 ? "compact" : "standard";
    const shown = value.toLocaleString(undefined, { notation, maximumSignificantDigits: 4 });
    text.textContent = shown.replace("-", "\u2212") + (text.dataset.unit ?? "");
  }
}

/** A size in the largest unit that leaves at least one, with the unit in the page's language. */
export function bytes(value) {
  const units = [value === 1 ? "byte" : "bytes", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (value >= 999.95 && power + 1 < units.length && (power > 0 || value >= 1000)) {
    value /= 1000;
    power += 1;
  }
  return `${value.toLocaleString(undefined, { maximumFractionDigits: 1 })}\u00a0${units[power]}`;
}

/** Says something to who does not see the page. */
export function announce(text) {
  let place = document.getElementById("announcements");
  if (!place) {
    place = document.createElement("p");
    place.id = "announcements";
    place.className = "visually-hidden";
    place.setAttribute("role", "status");
    document.body.append(place);
  }
  place.textContent = text;
}

/** When which button says again what it does. */
const flashing = new WeakMap();

/** A button says for a moment what became of it; so is who does not see it told. */
export function flash(button, text, told = text) {
  const label = button.dataset.label ??= button.textContent;
  button.textContent = text;
  announce(told);
  clearTimeout(flashing.get(button));
  flashing.set(button, setTimeout(() => { button.textContent = label; }, 2000));
}

/** Asks the portal for something, as a page of it. */
export function ask(address, options = {}) {
  const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  return fetch(address, { ...options, headers: { ...options.headers, "x-csrf-token": csrf } });
}

// <button data-copy="#id"> copies what an element says, or what a field holds.
function showCopying(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
}

function copying() {
  showCopying(document);
  document.addEventListener("click", async (click) => {
    const button = click.target.closest?.("button[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    const text = source?.value ?? source?.textContent ?? "";
    try {
      await navigator.clipboard.writeText(text);
      flash(button, "Copied");
    } catch {
      select(source);
      flash(button, "Copy by hand", "It can't be copied here: it is selected, copy it by hand.");
    }
  });
}

// Marks a field's text or an element's for a person to copy.
function select(source) {
  if (source?.select) return source.select();
  if (source) getSelection().selectAllChildren(source);
}

// <section id="x" data-live="/portal/..." data-every="5"> is replaced by the
// element of the same id in that page, so many seconds after the last time,
// while somebody looks.
function refreshing() {
  for (const { id } of document.querySelectorAll("[data-live][id]")) refresh(id);
}

async function refresh(id) {
  const old = document.getElementById(id);
  if (!old) return;
  const seconds = Number(old.dataset.every) || 5;
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const busy = document.hidden || old.contains(document.activeElement);
  if (!busy) {
    try {
      const answer = await ask(old.dataset.live, { headers: { accept: "text/html" } });
      if (answer.status === 401) signedOut();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = answer.ok ? page.getElementById(id) : null;
      if (fresh) {
        document.getElementById(id)?.replaceWith(fresh);
        localise(fresh);
        showCopying(fresh);
      }
      if (answer.status < 500) outdated(id, false);
    } catch {
      outdated(id, true);
    }
  }
  refresh(id);
}

// The session has ended. A page to look at leads to the sign-in; one on which
// something can be typed stays, and goes on once somebody has signed in again.
const FIELDS = "main form[method=post] :is(textarea, select, input:not([type=hidden]))";
let isOut = false;

export function signedOut() {
  if (isOut) return;
  isOut = true;
  if (!document.querySelector(FIELDS)) return location.reload();
  const notice = document.createElement("p");
  notice.id = "signed-out";
  notice.className = "notice error";
  notice.setAttribute("role", "alert");
  const link = document.createElement("a");
  Object.assign(link, { href: "/portal/sign-in", target: "_blank", textContent: "Sign in in another tab" });
  notice.append("Your session has ended. ", link, ", and go on here: what you typed stays.");
  document.querySelector("h1")?.after(notice);
  awaitSession();
}

async function awaitSession() {
  while (isOut) {
    await new Promise((done) => setTimeout(done, 3000));
    try {
      const answer = await ask("/portal", { headers: { accept: "text/html" } });
      if (answer.ok) goOn(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The hub is away for a moment.
    }
  }
}

/** Forms are of the new session from here on. */
function goOn(page) {
  const token = page.querySelector('meta[name="csrf-token"]')?.content;
  if (!token) return;
  document.querySelector('meta[name="csrf-token"]').content = token;
  for (const field of document.querySelectorAll('input[name="csrf"]')) field.value = token;
  document.getElementById("signed-out")?.remove();
  isOut = false;
  announce("You are signed in again.");
}

// Says that the hub is away for some part of the page: what is shown stays, and
// is asked for again.
const away = new Set();

function outdated(id, isAway) {
  if (isAway) away.add(id);
  else away.delete(id);
  const shown = document.getElementById("outdated");
  if (away.size === 0) return shown?.remove();
  if (shown) return;
  const notice = document.createElement("p");
  notice.id = "outdated";
  notice.className = "notice warn";
  notice.setAttribute("role", "status");
  notice.textContent = "The hub does not answer. What you see is of before; it is asked for again.";
  document.querySelector("h1")?.after(notice);
}

// A box in the head of a table ticks all below it.
function ticking() {
  for (const all of document.querySelectorAll("input[data-all]")) all.hidden = false;
  document.addEventListener("change", (change) => {
    const all = change.target.closest?.("input[data-all]");
    if (!all) return;
    for (const box of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
  });
}

localise(document);
copying();
refreshing();
ticking();
