// A line of the list of events: the same that the server writes (events/row.rs).

/** How much of a body a line shows. */
const PREVIEW = 160;
const PREVIEW_BYTES = 24;
/** So much of a body in Base64 has as many letters, of four bytes at most. */
const PREVIEW_BASE64 = 4 * 300;

const SOURCES = {
  twinChangeEvents: "Twin changes",
  deviceLifecycleEvents: "Device life cycle",
  deviceConnectionStateEvents: "Connection state",
  deviceJobLifecycleEvents: "Job life cycle",
  digitalTwinChangeEvents: "Digital twin changes",
};

// One formatter for all lines: making one is what takes time. The year is no
// news in a list of days, and leaves its room to the body.
const moment = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
});
const text = new TextDecoder();
const number = new Intl.NumberFormat();

/** The line of an event of the stream. */
export function eventLine(event) {
  const line = document.createElement("tr");
  const link = document.createElement("a");
  link.href = `/portal/events/event?partition=${event.partition}&sequenceNumber=${event.sequenceNumber}`;
  const time = document.createElement("time");
  time.dateTime = event.enqueuedTime;
  localiseTime(time);
  link.append(time);
  const body = document.createElement("code");
  body.textContent = preview(event);
  const sender = event.moduleId === undefined ? event.deviceId : `${event.deviceId}/${event.moduleId}`;
  const size = cell(number.format(sizeOf(event.bodyBase64)));
  size.className = "number";
  line.append(cell(link), cell(sender), cell(SOURCES[event.source] ?? event.source), cell(body), size);
  return line;
}

/** Writes the time of a line as the reader does. */
export function localiseTime(time) {
  time.title = time.dateTime;
  time.dataset.local = "";
  time.textContent = moment.format(new Date(time.dateTime));
}

function cell(content) {
  const cell = document.createElement("td");
  cell.append(content);
  return cell;
}

/** How a body begins, as it was sent. */
function preview({ body, bodyBase64 }) {
  const bytes = Uint8Array.from(atob(bodyBase64.slice(0, PREVIEW_BASE64)), (byte) => byte.charCodeAt(0));
  if (body === undefined) return hex(bytes);
  const letters = [...text.decode(bytes).replaceAll(/[\s\p{Cc}]+/gu, " ")];
  const begin = letters.slice(0, PREVIEW).join("");
  return letters.length > PREVIEW ? `${begin}…` : begin;
}

function hex(bytes) {
  const shown = [...bytes.subarray(0, PREVIEW_BYTES)];
  const line = shown.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > PREVIEW_BYTES ? `${line}…` : line;
}

function sizeOf(base64) {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}
