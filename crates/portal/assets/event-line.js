// A line of the list of events: the same that the server writes (events/row.rs).

/** How much of a body a line shows. */
const PREVIEW = 160;
const PREVIEW_BYTES = 24;

const SOURCES = {
  twinChangeEvents: "Twin changes",
  deviceLifecycleEvents: "Device life cycle",
  deviceConnectionStateEvents: "Connection state",
  deviceJobLifecycleEvents: "Job life cycle",
  digitalTwinChangeEvents: "Digital twin changes",
};

// One formatter for all lines: making one is what takes time.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const number = new Intl.NumberFormat();

/** The line of an event of the stream. */
export function eventLine(event) {
  const line = document.createElement("tr");
  const link = document.createElement("a");
  link.href = `/portal/events/event?partition=${event.partition}&sequenceNumber=${event.sequenceNumber}`;
  const time = document.createElement("time");
  time.dateTime = event.enqueuedTime;
  time.title = event.enqueuedTime;
  time.dataset.local = "";
  time.textContent = moment.format(new Date(event.enqueuedTime));
  link.append(time);
  const body = document.createElement("code");
  body.textContent = preview(event);
  const sender = event.moduleId === undefined ? event.deviceId : `${event.deviceId}/${event.moduleId}`;
  const size = cell(number.format(sizeOf(event.bodyBase64)));
  size.className = "number";
  line.append(cell(link), cell(sender), cell(SOURCES[event.source] ?? event.source), cell(body), size);
  return line;
}

function cell(content) {
  const cell = document.createElement("td");
  cell.append(content);
  return cell;
}

function preview({ body, bodyBase64 }) {
  if (body === undefined) return hex(bodyBase64);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  // Twice as much holds enough letters, of one unit or two.
  const letters = [...text.slice(0, 2 * PREVIEW + 2)];
  const begin = letters.slice(0, PREVIEW).join("").replaceAll(/\p{Cc}/gu, " ");
  return letters.length > PREVIEW ? `${begin}…` : begin;
}

function hex(base64) {
  const bytes = atob(base64.slice(0, (4 * PREVIEW_BYTES) / 3 + 4));
  const shown = [...bytes].slice(0, PREVIEW_BYTES);
  const text = shown.map((byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
  return bytes.length > PREVIEW_BYTES ? `${text}…` : text;
}

function sizeOf(base64) {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}
