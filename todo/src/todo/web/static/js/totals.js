// Counts of items and tags, kept up to date as items change.

import { clearCompleted } from "./actions.js";
import { showTags } from "./filters.js";
import { asked, onLoaded } from "./list-loader.js";
import { addressOf } from "./list-query.js";
import { get } from "./requests.js";
import * as state from "./state.js";
import { focusRow, shownIds } from "./view.js";
import { language, t } from "./language.js";

// Milliseconds until the server is asked: after something of which only it knows what that means for the numbers,
// twice as long each time that this is so again; and after anything else, in case.
const [PAUSE, LATE] = [2_000, 30_000];
const left = document.getElementById("left");
const saved = document.getElementById("saved");
const clear = document.getElementById("clear");
let counts = null;
// How many active items have each tag; a tag is one whatever its case.
let tags = new Map();
// The items as they are in those numbers.
let known = new Map();
// Items with steps here that the server may have had when it counted, or not.
let doubtful = new Set();
let pause = PAUSE;
let timer = null;
// In milliseconds of performance.now(): when the server is asked next, and when something has changed last.
let due = Infinity;
let changed = -Infinity;

export function start() {
  onLoaded(take);
  state.onChange((ids, isRead) => {
    // What is read comes with numbers of its own.
    if (isRead) return;
    changed = performance.now();
    if (!counts) return;
    for (const id of ids) note(id);
    ask(LATE);
    show();
  });
  clear.addEventListener("click", (event) => {
    event.preventDefault();
    clearCompleted();
    focusRow(shownIds()[0]);
  });
}

// The server's numbers, and on top of them what it most likely did not know when it was asked.
function take(told) {
  clearTimeout(timer);
  due = Infinity;
  counts = told.counts && { ...told.counts };
  tags = new Map(told.tags.map(([tag, n]) => [tag.toLowerCase(), [tag, n]]));
  known = state.knownAt(told.moment);
  doubtful = new Set();
  if (counts) {
    const own = state.ownSince(told.moment);
    for (const id of own) note(id);
    doubtful = new Set(own);
  }
  const isSure = changed <= told.moment;
  if (!isSure) ask(pause);
  pause = isSure ? PAUSE : Math.min(2 * pause, LATE);
  showTags(asked(), [...tags.values()]);
  show();
}

function note(id) {
  const isNew = !known.has(id);
  const before = counted(known.get(id));
  const item = state.known(id);
  const now = counted(item);
  known.set(id, item);
  if (doubtful.has(id)) ask(PAUSE);
  // Whether it is new or only was not read yet is not known here.
  if (isNew && !state.isOwn(id)) return ask(PAUSE);
  count(before, -1);
  count(now, 1);
  const those = (one) => one.tags.join(" ");
  if (those(before) !== those(now)) showTags(asked(), [...tags.values()]);
}

// The numbers in which an item counts, and its tags.
function counted(item) {
  if (!item) return { numbers: {}, tags: [] };
  const isThere = !item.removed;
  const numbers = {
    active: Number(isThere && !item.done),
    done: Number(isThere && item.done),
    saved: Number(item.date_saved !== null),
    waiting: waits(item),
  };
  return { numbers, tags: isThere && !item.done ? item.tags : [] };
}

// How many changes of it, its adding included, are not saved.
function waits(item) {
  if (item.since === null || item.since === undefined) return 0;
  const changes = item.waiting.filter((change) => change !== item.id).length;
  return Math.max(1, changes + Number(item.date_saved === null));
}

function count({ numbers, tags: named }, by) {
  for (const name of Object.keys(numbers)) counts[name] += by * numbers[name];
  for (const tag of named) {
    const [name, n] = tags.get(tag.toLowerCase()) ?? [tag, 0];
    tags.set(tag.toLowerCase(), [name, n + by]);
  }
}

// Asks the server for the numbers after so many milliseconds, unless it is asked sooner.
function ask(after) {
  const at = performance.now() + after;
  if (at >= due) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(read, after);
}

async function read() {
  due = Infinity;
  const moment = performance.now();
  try {
    take({ ...await get(addressOf(asked(), "/items")), moment });
  } catch {
    ask(LATE);
  }
}

function said() {
  const all = t("count_saved", { n: counts.saved });
  return counts.waiting > 0 ? `${all} · ${t("count_waiting", { n: counts.waiting })}` : all;
}

function show() {
  write(left, counts ? t("left", { n: counts.active }) : "");
  write(saved, counts ? said() : "");
  clear.hidden = !counts?.done;
  write(clear, t("clear_completed", { n: counts?.done ?? 0 }));
  for (const link of document.querySelectorAll("[data-status] .count")) {
    write(link, counts?.[link.parentNode.dataset.status]?.toLocaleString(language) ?? "");
  }
}

// Where it is the same, nothing has to be laid out anew.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
