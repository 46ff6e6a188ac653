// Items that were written here and that the server has not accepted yet. The browser keeps them, each under a
// key of its own, so that they survive a reload and two tabs do not overwrite each other's.

import { Offline, Refused, post } from "./requests.js";

const PREFIX = "todo.outbox.";
// Milliseconds until the next try while the server cannot be reached.
const AGAIN = 3_000;
// Milliseconds after which what another tab is sending counts as left behind.
const LEFT = 30_000;

// Where the browser keeps nothing, they last as long as the page.
const memory = new Map();
const sending = new Set();
let timer = null;
let listener = () => {};

// Told of each outcome: (entry, "accepted" | "offline" | "refused", the answer or the error).
export function onOutcome(told) {
  listener = told;
}

// Those that are kept, the oldest first.
export function entries() {
  const kept = new Map(memory);
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX)) kept.set(key.slice(PREFIX.length), localStorage[key]);
    }
  } catch { /* the browser keeps nothing */ }
  return [...kept.keys()].sort().map((id) => JSON.parse(kept.get(id)));
}

export const isSending = (id) => sending.has(id);

export function keep(entry) {
  const text = JSON.stringify(entry);
  try {
    localStorage[PREFIX + entry.id] = text;
  } catch {
    memory.set(entry.id, text);
  }
}

export function discard(id) {
  memory.delete(id);
  try {
    localStorage.removeItem(PREFIX + id);
  } catch { /* the browser keeps nothing */ }
}

// Sends one; it is kept until the server has accepted it. Sending it again is harmless: it keeps its id. Those
// that are tried for the first time do not wait for each other, but what was written earlier and waits is sent
// before it.
export async function send({ refused, ...entry }) {
  if (sending.has(entry.id)) return;
  if (entries().some((one) => isWaiting(one) && one.id < entry.id)) {
    keep({ ...entry, waits: true });
    listener(entry, "offline");
    return flush();
  }
  return attempt(entry);
}

async function attempt(entry) {
  if (sending.has(entry.id)) return;
  sending.add(entry.id);
  keep({ ...entry, at: Date.now() });
  try {
    const answer = await post("/items", { ...entry.fields, id: entry.id });
    discard(entry.id);
    listener(entry, "accepted", answer);
  } catch (error) {
    if (isLasting(entry, error)) {
      keep({ ...entry, waits: true });
      schedule();
      listener(entry, "offline", error);
    } else {
      keep({ ...entry, waits: false, refused: error.message });
      listener(entry, "refused", error);
    }
  } finally {
    sending.delete(entry.id);
  }
}

const isWaiting = ({ waits, refused }) => waits && refused === undefined;

// Whether it goes on waiting. What waits already does so as well while the server is back but the queue is not.
function isLasting(entry, error) {
  if (error instanceof Offline) return true;
  return error instanceof Refused && (error.status === 401 || (entry.waits && error.status === 503));
}

// Sends what waits, one tab at a time and one item after the other in the order in which they were written,
// until one of them does not get through.
export function flush() {
  return alone(async () => {
    for (let entry; (entry = entries().find(isDue)); ) {
      await attempt(entry);
      if (entries().some((one) => one.id === entry.id && one.refused === undefined)) return;
    }
  });
}

function isDue(entry) {
  return isWaiting(entry) || (entry.refused === undefined && Date.now() - entry.at > LEFT);
}

function alone(work) {
  return navigator.locks ? navigator.locks.request("todo.outbox", work) : work();
}

function schedule() {
  timer ??= setTimeout(() => {
    timer = null;
    flush();
  }, AGAIN);
}

addEventListener("online", flush);
