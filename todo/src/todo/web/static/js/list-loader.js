// Loads the list from the server: at first, for another query, and page by page.

import { hasSeen } from "./stream-position.js";
import { addressOf } from "./list-query.js";
import { get } from "./requests.js";
import * as state from "./state.js";
import * as view from "./view.js";

// Items that are shown at once. Between so many, the page can do something else.
const SLICE = 50;
const listeners = new Set();
// What is heard while something is read, for each reading: what that tells may be older.
const readings = new Set();
let query = null;
let next = null;
let asking = null;
// Nothing counts that was known before the next reading.
let forgets = false;

// Told of {query, next, counts, tags, search, cursor, moment} after each reading, which began at that moment,
// in milliseconds of performance.now().
export function onLoaded(listener) {
  listeners.add(listener);
}

export const asked = () => query;

// Whether there is nothing behind what was read.
export const isComplete = () => next === null;

// Something was heard, at this place of the live stream; `show` shows it.
export function heard(place, show) {
  for (const heards of readings) heards.push({ place, show });
  show();
}

// Reads the list of this query, which becomes what the page shows; `anew` where nothing counts that was known
// before. Answers false where another one was asked for meanwhile; raises server.Offline and server.Refused.
export async function load(wanted, anew = false) {
  asking?.abort();
  const mine = asking = new AbortController();
  forgets ||= anew;
  return reading(addressOf(wanted, "/items"), mine, (told) => {
    // Without the database only what waits is told: what is known of the rest is still the best there is.
    if (told.counts === null && query !== null && addressOf(query) === addressOf(wanted)) {
      state.putAll([...told.now, ...told.items]);
      return announce(told);
    }
    query = wanted;
    view.ask(query);
    arrive(told);
    state.replaceAll([...told.now, ...told.items], forgets);
    forgets = false;
    announce(told);
    view.dropStrangers();
  });
}

// Reads the next items of the same list, where there are any.
export async function loadMore() {
  if (next === null) return;
  const [after, mine] = [next, asking];
  await reading(addressOf(query, "/items", { after }), mine, async (told) => {
    arrive(told);
    const items = [...told.now, ...told.items];
    for (let start = 0; start < items.length; start += SLICE) {
      if (start) await new Promise((resolve) => setTimeout(resolve));
      if (mine.signal.aborted) return;
      state.putAll(items.slice(start, start + SLICE));
    }
    announce(told);
  });
}

// Asks, takes in what is told, and then what was heard meanwhile. Answers false where another list was asked for.
async function reading(address, { signal }, take) {
  const heards = [];
  const moment = performance.now();
  readings.add(heards);
  try {
    const told = { ...await get(address, signal), moment };
    if (signal.aborted) return false;
    await take(told);
    if (signal.aborted) return false;
    for (const { place, show } of heards) if (!hasSeen(told.cursor, place)) show();
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    readings.delete(heards);
  }
}

function arrive(told) {
  next = told.next;
  view.told(told, { more: next !== null, ranked: Boolean(query.q) && told.search === "full" });
}

function announce({ counts, tags, search, cursor, moment }) {
  for (const listener of listeners) listener({ query, next, counts, tags, search, cursor, moment });
}
