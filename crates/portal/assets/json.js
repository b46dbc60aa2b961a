// Fields that take JSON say at once where it is wrong, before a form is sent.
//
// <textarea data-json="object"> takes an object, data-json="any" any JSON; an
// empty field is the form's business. With data-json-if="name=value" only while
// the form's field `name` has that value.

/** The first error in a text that should be JSON: `{ line, column, what }`, or null. */
export function findError(text, wanted = "any") {
  const scan = new Scan(text);
  try {
    scan.space();
    if (wanted === "object" && scan.next() !== "{") scan.fail("an object, { … }, must stand here");
    scan.value(0);
    scan.space();
    if (scan.next() !== undefined) scan.fail("nothing may follow here");
    return null;
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const before = text.slice(0, error.at).split("\n");
    return { at: error.at, line: before.length, column: before.at(-1).length + 1, what: error.what };
  }
}

class Misfit extends Error {
  constructor(at, what) {
    super(what);
    this.at = at;
    this.what = what;
  }
}

class Scan {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  next() { return this.text[this.at]; }
  fail(what) { throw new Misfit(this.at, what); }
  space() { while (" \t\r\n".includes(this.next() ?? "x")) this.at += 1; }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at += found[0].length;
    return found !== null;
  }

  value(depth) {
    if (depth > 100) this.fail("this nests too deep");
    const next = this.next();
    if (next === "{") return this.list("}", () => this.member(depth));
    if (next === "[") return this.list("]", () => this.value(depth + 1));
    if (next === '"') return this.string();
    if (this.take(/-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y)) return this.end();
    if (this.take(/true|false|null/y)) return this.end();
    return this.fail(next === undefined ? "the text ends too early" : "a value must stand here");
  }

  end() {
    if (/[\w.+-]/.test(this.next() ?? " ")) this.fail("this is no number and no word of JSON");
  }

  member(depth) {
    if (this.next() !== '"') this.fail('a name in "quotes" must stand here');
    this.string();
    this.space();
    if (this.next() !== ":") this.fail("a colon must stand here");
    this.at += 1;
    this.space();
    this.value(depth + 1);
  }

  list(end, item) {
    this.at += 1;
    this.space();
    if (this.next() === end) { this.at += 1; return; }
    for (;;) {
      item();
      this.space();
      if (this.next() === end) { this.at += 1; return; }
      if (this.next() === undefined) this.fail("the text ends too early");
      if (this.next() !== ",") this.fail(`a comma or ${end} must stand here`);
      this.at += 1;
      this.space();
    }
  }

  string() {
    this.at += 1;
    for (;;) {
      this.take(/[^"\\\u0000-\u001f]+/y);
      if (this.next() === '"') { this.at += 1; return; }
      if (this.next() === undefined) this.fail("a text has no closing quote");
      if (!this.take(/\\(["\\/bfnrt]|u[0-9a-fA-F]{4})/y)) {
        this.fail(this.next() === "\\" ? "this escape is none of JSON's" : "a line break in a text is written \\n");
      }
    }
  }
}

function isWanted(field) {
  const [name, value] = (field.dataset.jsonIf ?? "").split("=");
  return !name || new FormData(field.form).get(name) === value;
}

function errorOf(field) {
  if (field.value.trim() === "" || !isWanted(field)) return null;
  return findError(field.value, field.dataset.json);
}

/** Shows what is wrong with a field below it, or that nothing is. */
function show(field, error) {
  const id = `${field.id}-error`;
  let place = document.getElementById(id);
  if (!error) {
    place?.remove();
    field.removeAttribute("aria-invalid");
    describe(field, id, false);
    return;
  }
  if (!place) {
    place = document.createElement("p");
    place.id = id;
    place.className = "field-error";
    field.after(place);
  }
  place.textContent = `This is not JSON: line ${error.line}, column ${error.column}: ${error.what}.`;
  if (error.what.startsWith("an object")) place.textContent = `Line ${error.line}, column ${error.column}: ${error.what}.`;
  field.setAttribute("aria-invalid", "true");
  describe(field, id, true);
}

function describe(field, id, on) {
  const ids = new Set((field.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
  if (on) ids.add(id);
  else ids.delete(id);
  if (ids.size) field.setAttribute("aria-describedby", [...ids].join(" "));
  else field.removeAttribute("aria-describedby");
}

for (const field of document.querySelectorAll("textarea[data-json]")) {
  // What the server found stays until something is typed.
  field.addEventListener("change", () => show(field, errorOf(field)));
  field.addEventListener("input", () => {
    if (field.getAttribute("aria-invalid") === "true") show(field, errorOf(field));
  });
}

document.addEventListener("submit", (submit) => {
  const fields = [...submit.target.querySelectorAll("textarea[data-json]")];
  const wrong = fields.map((field) => [field, errorOf(field)]).filter(([, error]) => error);
  for (const [field, error] of wrong) show(field, error);
  if (wrong.length === 0) return busy(submit);
  const [[field, error]] = wrong;
  submit.preventDefault();
  field.focus();
  field.setSelectionRange(error.at, Math.min(error.at + 1, field.value.length));
});

// <form data-busy="Waiting…">: what takes long says so on its button.
function busy(submit) {
  const text = submit.target.dataset.busy;
  const button = submit.submitter;
  if (!text || !button) return;
  const before = button.textContent;
  // Not before the form has been read: a disabled button is no part of it.
  setTimeout(() => {
    button.textContent = text;
    button.disabled = true;
  });
  addEventListener("pageshow", () => {
    button.textContent = before;
    button.disabled = false;
  }, { once: true });
}
