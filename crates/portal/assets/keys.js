// Copies a key or a connection string without showing it: it is asked for when
// the button is pressed, and is never in the page.
import { ask, flash } from "./portal.js";

for (const button of document.querySelectorAll("button[data-copy-key]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

async function copy(button) {
  try {
    const { keys } = button.closest("[data-keys]").dataset;
    const answer = await ask(keys, { method: "POST", headers: { accept: "application/json" } });
    if (!answer.ok) return flash(button, "Refused", "The hub refused it: load the page anew.");
    const text = (await answer.json())[button.dataset.copyKey];
    await navigator.clipboard.writeText(text);
    flash(button, "Copied");
  } catch {
    flash(button, "Not copied", "It can't be copied here: show the keys and copy by hand.");
  }
}
