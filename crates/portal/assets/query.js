// The editor of queries: Ctrl+Enter runs, and the place where a query goes wrong
// is selected.

const editor = document.getElementById("query");
const form = document.getElementById("query-form");

/** Where a character of a line is, lines and characters counted from 1. */
function offsetOf(text, line, column) {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
  // The hub counts whole characters, browsers the halves of some.
  const inLine = [...(lines[line - 1] ?? "")].slice(0, column - 1).join("");
  return before + inLine.length;
}

/** Selects the word at the place that the hub named. */
function goToPlace() {
  const { line, column } = editor.dataset;
  if (line === undefined) return;
  const begin = offsetOf(editor.value, Number(line), Number(column));
  const [word] = editor.value.slice(begin).match(/^(\w+|\S|)/u) ?? [""];
  editor.focus();
  editor.setSelectionRange(begin, begin + word.length);
}

editor.addEventListener("keydown", (key) => {
  if (key.key !== "Enter" || !(key.ctrlKey || key.metaKey)) return;
  key.preventDefault();
  form.requestSubmit(document.getElementById("run"));
});

// A query over many twins takes a moment.
form.addEventListener("submit", ({ submitter }) => {
  if (submitter?.id === "run") submitter.textContent = "Running…";
});
addEventListener("pageshow", () => {
  document.getElementById("run").textContent = "Run";
});

goToPlace();
