// Copies a key or a connection string without showing it: it is asked for when
// the button is pressed, and is never in the page.
import { announce, ask } from "./portal.js";

for (const button of document.querySelectorAll("button[data-copy-key]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

async function copy(button) {
  const before = button.dataset.label ??= button.textContent;
  const say = (text, told = text) => {
    button.textContent = text;
    announce(told);
    setTimeout(() => { button.textContent = before; }, 2000);
  };
  try {
    const { keys } = button.closest("[data-keys]").dataset;
    const answer = await ask(keys, { method: "POST", headers: { accept: "application/json" } });
    if (!answer.ok) return say("Refused", "The hub refused it: load the page anew.");
    const text = (await answer.json())[button.dataset.copyKey];
    await navigator.clipboard.writeText(text);
    say("Copied");
  } catch {
    say("Not copied", "It can't be copied here: show the keys and copy by hand.");
  }
}
