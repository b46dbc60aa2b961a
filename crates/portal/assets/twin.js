// Keeps a twin's page up to date: what its device reports shows at once and is
// marked, and so is that somebody else has changed what is being edited here.
// What is typed is never touched.
import { announce, localise, signedOut } from "./portal.js";

const SECONDS = 3;
const form = document.getElementById("twin-form");

if (form) follow();

async function follow() {
  for (;;) {
    await new Promise((done) => setTimeout(done, SECONDS * 1000));
    if (document.hidden) continue;
    try {
      const answer = await fetch(form.dataset.now, { headers: { accept: "text/html" } });
      if (answer.status === 401) signedOut();
      if (answer.ok) refresh(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The hub is away for a moment: what is shown stays.
    }
  }
}

function refresh(fresh) {
  const now = fresh.getElementById("now");
  if (!now) return;
  const changed = take(fresh, "reported", ".line[data-path]", "path");
  take(fresh, "writes", "tr[data-write]", "write");
  if (changed) announce("The reported properties have changed.");
  document.getElementById("meanwhile").hidden = now.dataset.etag === form.dataset.etag;
}

/** Replaces a section if it says something else, and marks what is new in it. */
function take(fresh, id, items, key) {
  const old = document.getElementById(id);
  const section = fresh.getElementById(id);
  if (!old || !section) return false;
  const said = (root) => [...root.querySelectorAll(items)].map((item) => [item.dataset[key], meaning(item)]);
  const before = new Map(said(old));
  const after = said(section);
  const isSame = before.size === after.length && whole(old) === whole(section) &&
    after.every(([name, text]) => before.get(name) === text);
  if (isSame) return false;
  for (const item of section.querySelectorAll(items)) {
    if (before.get(item.dataset[key]) !== meaning(item)) item.classList.add("changed");
  }
  old.replaceWith(section);
  localise(section);
  return true;
}

/** The JSON of a section; lines of a long one are no items. */
function whole(section) {
  return section.querySelector("pre")?.textContent;
}

/** What an item says, in whatever format its time is. */
function meaning(item) {
  const time = item.querySelector("time")?.dateTime ?? item.title;
  return `${time} ${item.querySelector("code")?.textContent ?? item.textContent.trim().replace(/,$/, "")}`;
}
