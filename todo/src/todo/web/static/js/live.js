// What the server tells while the page is open. One stream serves all tabs of the browser that are looked at:
// in a shared worker, or, where there is none, in one of the tabs.
//
// Deltas come in the order in which they are true: of two of one item, the later one counts, and so does
// what /items tells after {"kind": "reset"}, whatever versions there were before.

import { leadOrFollow } from "./live-tabs.js";

// Milliseconds: a tab that is looked at says so, and one that is not leaves a little later, in case one comes back.
const [SIGN_OF_LIFE, GRACE] = [20_000, 2000];

const deltas = new Set();
const states = new Set();
let seen = "";
let state = "off";
let line = null;
let leaving = 0;
// The browser has said that it is offline. A connection that is dead may take long to show it, so none counts that
// was made before the browser is online again.
let doubtful = !navigator.onLine;

// Told of each delta, and of its place.
export function onDelta(listener) {
  deltas.add(listener);
}

// Told "on", "off", "doubtful" or "signed-out", now and whenever that changes.
export function onState(listener) {
  states.add(listener);
  listener(state);
}

// What the page shows is as it was at this place, the `cursor` of /items: from there on everything is told.
export function start(cursor) {
  seen = cursor;
  if (line) return;
  line = open();
  document.addEventListener("visibilitychange", look);
  addEventListener("offline", () => {
    doubtful = true;
    say("doubtful");
    line.renew("offline");
  });
  addEventListener("online", () => line.renew("online"));
  addEventListener("pagehide", () => line.leave());
  addEventListener("pageshow", ({ persisted }) => persisted && look());
  setInterval(() => document.hidden || line.join(seen), SIGN_OF_LIFE);
  look();
}

function look() {
  clearTimeout(leaving);
  if (!document.hidden) line.join(seen);
  else leaving = setTimeout(() => line.leave(), GRACE);
}

function open() {
  if (!globalThis.SharedWorker) return leadOrFollow(take);
  const worker = new SharedWorker(new URL("./live-worker.js", import.meta.url), { type: "module" });
  const post = (message) => worker.port.postMessage(message);
  worker.port.addEventListener("message", ({ data }) => take(data));
  worker.port.start();
  return {
    join: (from) => post({ kind: "join", seen: from }),
    leave: () => post({ kind: "leave" }),
    renew: (reason) => post({ kind: "renew", reason }),
  };
}

function take(message) {
  if (message.state) return hear(message.state);
  if (message.id) seen = message.id;
  for (const listener of deltas) listener(message.delta, message.id);
}

// Of a stream that is renewed, "off" is told first: the "on" behind that is of another connection.
function hear(now) {
  if (navigator.onLine && now !== "on") doubtful = false;
  say(doubtful && now === "on" ? "doubtful" : now);
}

function say(now) {
  if (now === state) return;
  state = now;
  for (const listener of states) listener(now);
}
