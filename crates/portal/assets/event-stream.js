// Messages out of the text of a stream of server-sent events.

/** Collects text until it is messages: `{id, event, data}`, each null if it is not said. */
export class Messages {
  #rest = "";

  /** The messages that are complete with this text. */
  *push(text) {
    const all = this.#rest + text;
    let begin = 0;
    for (let end = all.indexOf("\n\n"); end >= 0; end = all.indexOf("\n\n", begin)) {
      const message = all.slice(begin, end);
      begin = end + 2;
      yield { id: said(message, "id"), event: said(message, "event"), data: said(message, "data") };
    }
    this.#rest = all.slice(begin);
  }
}

/** The value of a line. A line begins the message, or stands behind another. */
function said(message, name) {
  const head = `${name}: `;
  const found = message.startsWith(head) ? 0 : message.indexOf(`\n${head}`) + 1;
  if (found === 0 && !message.startsWith(head)) return null;
  const begin = found + head.length;
  const end = message.indexOf("\n", begin);
  return end < 0 ? message.slice(begin) : message.slice(begin, end);
}
