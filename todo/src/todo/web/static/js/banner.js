// The line on top that says what is not as usual.

import { onStatus } from "./live-updates.js";
import { t } from "./language.js";

// Milliseconds that something lasts before the banner says so: what is over sooner would move the page, and be gone
// before it was read.
const LASTING = { waiting: 5_000, offline: 1_500, queue: 1_500, database: 1_500 };
const banner = document.getElementById("banner");
const state = document.getElementById("live-state");
// When each began, in milliseconds of performance.now(); null where it does not last.
const began = { waiting: null, offline: null, queue: null, database: null };
let timer = null;
let status = null;

export function start() {
  // What the page came with has been said already.
  if (document.getElementById("trouble")) began.queue = began.database = -Infinity;
  onStatus((now) => {
    status = now;
    note("offline", status.live === "off");
    if (status.told) {
      note("waiting", status.waiting > 0);
      for (const what of ["queue", "database"]) note(what, status[what] !== "ok");
    }
    show();
  });
}

function note(what, is) {
  began[what] = is ? began[what] ?? performance.now() : null;
}

// Milliseconds until it has lasted long enough.
function rest(what) {
  return began[what] === null ? Infinity : LASTING[what] - (performance.now() - began[what]);
}

function show() {
  clearTimeout(timer);
  const next = Math.min(...Object.keys(LASTING).map(rest).filter((left) => left > 0));
  if (next < Infinity) timer = setTimeout(show, next);
  const offline = rest("offline") <= 0;
  if (offline) say([["offline", "bad"]]);
  else if (status.told) say(sentences());
  // The server hears of nothing while it cannot reach the queue.
  const live = status.live === "on" && status.queue !== "unreachable";
  state.className = `live-state ${live ? "on" : "off"}`;
  const words = status.live === "starting" ? "" : t(live ? "updates" : "not_live");
  if (state.textContent !== words) state.textContent = words;
}

function sentences() {
  const { queue, database, waiting: n, more } = status;
  const said = [];
  if (rest("queue") <= 0) said.push([`queue_${queue}`, "bad"]);
  if (rest("database") <= 0) said.push([`database_${database.replace(" ", "_")}`, "bad"]);
  if (n && (rest("waiting") <= 0 || rest("database") <= 0)) {
    said.push([more ? "waiting_more" : "waiting", "wait", n]);
  }
  return said;
}

// Nothing is touched while it says the same: it is read out whenever it changes.
function say(said) {
  const texts = said.map(([key, , n]) => t(key, { n }));
  if ([...banner.children].map((one) => one.textContent).join() === texts.join()) return;
  banner.replaceChildren(...said.map(([, kind], index) => {
    const line = document.createElement("p");
    line.className = `notice ${kind}`;
    line.textContent = texts[index];
    return line;
  }));
}
