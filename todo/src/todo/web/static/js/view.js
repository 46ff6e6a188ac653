// The rows of the page, kept in place and in order as items change.

import { markOf } from "./item-states.js";
import { dueFirst, isNow, matches, sortOf } from "./list-query.js";
import { fill, makeRow, rowOf } from "./rows.js";
import { Sorted } from "./sorted-items.js";
import * as state from "./state.js";
import { t } from "./language.js";

const lists = { now: document.getElementById("now-items"), items: document.getElementById("items") };
const field = document.getElementById("new");

let query = null;
let order = null;
let sections = { now: new Sorted(dueFirst), items: null };
// What the server has found by searching, the best first.
let found = new Map();
// The last item that was told, where there are more behind it.
let edge = null;
let isRead = false;
let isApart = true;

// From now on the page shows what this query asks for.
export function ask(asked) {
  query = asked;
  order = sortOf(query);
  found = new Map();
  edge = null;
  isApart = true;
  start();
}

// What is due now may be late a moment later.
export function refreshNow() {
  refresh(sections.now.ids);
}

// What the server tells of a query: its items in their order, and whether there are more.
export function told({ now, items }, { more, ranked }) {
  isRead = true;
  // Where very many are due, none stands apart.
  isApart &&= now.length > 0 || !items.some((item) => isNow(item, query));
  if (query.q) for (const item of items) found.set(item.id, found.size);
  if (ranked && order !== byRank) {
    order = byRank;
    start();
  }
  edge = more ? items.at(-1) ?? null : null;
}

// Takes away rows that the page came with and that are not among what was told since.
export function dropStrangers() {
  for (const list of Object.values(lists)) {
    for (const row of [...list.children]) if (!isShown(row.dataset.id) && !isWrittenIn(row)) row.remove();
  }
}

// Every item on the page, from the top.
export function shownIds() {
  return [...sections.now.ids, ...sections.items.ids];
}

// Those in the order that people make.
export function orderedIds() {
  return sections.items.ids;
}

export function isShown(id) {
  return sections.now.has(id) || sections.items.has(id);
}

// What is to be shown once rows may move again; null while they may.
let held = null;

// While one row is dragged the others stay where they are.
export function hold() {
  held = new Set();
}

export function release() {
  const ids = held;
  held = null;
  refresh(ids);
}

// Shows these items as they are now; nothing else of the page is touched.
export function refresh(ids) {
  if (held) return ids.forEach((id) => held.add(id));
  const focus = holdFocus();
  for (const id of ids) place(id);
  focus();
  showSections();
}

function showSections() {
  const [now, rest] = [sections.now.size > 0, sections.items.size > 0];
  document.getElementById("now").hidden = !now;
  const heading = document.getElementById("rest-heading");
  heading.classList.toggle("unseen", !now);
  const words = t(now ? "later" : "rest");
  if (heading.textContent !== words) heading.textContent = words;
  document.getElementById("rest").hidden = !rest;
  // Before the first reading the server has said whether there is anything.
  if (isRead) document.getElementById("empty").hidden = now || rest;
}

// The same for all, as on another day.
export function refreshAll() {
  start();
  refresh(state.ids());
}

function start() {
  sections = { now: new Sorted(dueFirst), items: new Sorted(order) };
}

function byRank(one, other) {
  return (found.get(one.id) ?? -1) - (found.get(other.id) ?? -1) || sortOf(query)(one, other);
}

function place(id) {
  const item = state.shown(id);
  const name = item && sectionOf(item);
  const shown = rowOf(id);
  if (isWrittenIn(shown)) return item && fill(shown, item, markOf(item));
  for (const other of ["now", "items"]) if (other !== name) sections[other].take(id);
  const row = shown ?? (name && makeRow());
  if (!name) return row?.remove();
  fill(row, item, markOf(item));
  const next = sections[name].put(item);
  const before = next && rowOf(next);
  if (row.parentNode !== lists[name] || row.nextElementSibling !== before) {
    lists[name].insertBefore(row, before);
  }
}

// What somebody writes stays where it is until they have ended: a row that goes or moves would take it along.
function isWrittenIn(row) {
  return row !== null && row.querySelector(".editor, .details.written") !== null;
}

function sectionOf(item) {
  if (!found.has(item.id) && !matches(item, query)) return null;
  if (isApart && isNow(item, query)) return "now";
  return isBeyond(item) ? null : "items";
}

// Whether it comes behind the last item that was told, and so will be told later.
function isBeyond(item) {
  if (!edge || state.isOwn(item.id) || sections.items.has(item.id)) return false;
  return order(edge, item) < 0;
}

// What had the focus has it again, or else the row that is now in its place.
function holdFocus() {
  const focused = document.activeElement;
  const row = focused?.closest("li.item");
  const at = row ? shownIds().indexOf(row.dataset.id) : -1;
  return () => {
    if (at < 0 || document.activeElement === focused) return;
    if (focused.isConnected) return focused.focus({ preventScroll: true });
    const ids = shownIds();
    focusRow(ids[Math.min(at, ids.length - 1)]);
  };
}

// The row's checkbox, by which keys know which row they are for; without rows, the field.
export function focusRow(id) {
  (id && rowOf(id)?.querySelector("input.done") || field).focus();
}
