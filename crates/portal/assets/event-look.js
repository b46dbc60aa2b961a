// One event beside the list: what its own page shows, which the server writes.

import { localise } from "./portal.js";

/** A click on a line shows its event beside the list; the link works, too. */
export function looking() {
  const part = (id) => document.getElementById(id);
  const rows = part("rows");
  const look = part("look");
  let chosen = null;
  const close = () => {
    look.hidden = true;
    chosen?.classList.remove("chosen");
    (chosen?.isConnected ? chosen.querySelector("a") : rows.closest(".table")).focus();
    chosen = null;
  };
  rows.addEventListener("click", async (click) => {
    const line = click.target.closest("tr");
    if (!line || click.ctrlKey || click.metaKey || click.shiftKey || String(getSelection())) return;
    click.preventDefault();
    chosen?.classList.remove("chosen");
    chosen = line;
    line.classList.add("chosen");
    await fill(part("look-content"), line.querySelector("a").href);
    look.hidden = false;
    look.focus();
  });
  part("close").addEventListener("click", close);
  look.addEventListener("keydown", (key) => {
    if (key.key === "Escape") close();
  });
}

/** Puts the event of a page into the box. */
async function fill(box, address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (answer.redirected || answer.status === 401) return location.reload();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const event = page.getElementById("event") ?? page.querySelector("[role=alert]");
  if (!event) return;
  const link = document.createElement("a");
  link.href = address;
  link.textContent = page.querySelector("h1")?.textContent ?? "Event";
  const heading = document.createElement("h2");
  heading.append(link);
  box.replaceChildren(heading, event);
  for (const button of box.querySelectorAll("button[data-copy]")) button.hidden = false;
  localise(box);
}
