// One event beside the list: what its own page shows, which the server writes.

import { ask, localise } from "./portal.js";

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
    const shown = await nodesOf(line.querySelector("a").href);
    // Another line was chosen meanwhile, or none is any more.
    if (chosen !== line) return;
    part("look-content").replaceChildren(...shown);
    look.hidden = false;
    look.focus();
  });
  part("close").addEventListener("click", close);
  look.addEventListener("keydown", (key) => {
    if (key.key === "Escape") close();
  });
}

/** What the page of an event shows, or why there is nothing to show. */
async function nodesOf(address) {
  try {
    const answer = await ask(address, { headers: { accept: "text/html" } });
    if (answer.redirected || answer.status === 401) {
      location.reload();
      return [];
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const event = page.getElementById("event") ?? page.querySelector("[role=alert]");
    if (!event) return sorry("The hub has no answer that can be shown here.");
    const link = document.createElement("a");
    link.href = address;
    link.textContent = page.querySelector("h1")?.textContent ?? "Event";
    const heading = document.createElement("h2");
    heading.append(link);
    for (const button of event.querySelectorAll("button[data-copy]")) button.hidden = false;
    localise(event);
    return [heading, event];
  } catch {
    return sorry("The hub does not answer. Choose the event again in a moment.");
  }
}

function sorry(sentence) {
  const notice = document.createElement("p");
  notice.className = "notice error";
  notice.setAttribute("role", "alert");
  notice.textContent = sentence;
  return [notice];
}
