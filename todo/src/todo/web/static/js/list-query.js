// The query of the list: which items are shown, in which order. All of it is in the address.

import * as dates from "./dates.js";
import { orderOf } from "./order.js";

const USUAL = { status: "all", q: "", tag: "", sort: "-position" };

export function readQuery(search = location.search) {
  const given = new URLSearchParams(search);
  const fields = Object.keys(USUAL).map((name) => [name, given.get(name)?.trim() || USUAL[name]]);
  return Object.fromEntries(fields);
}

// The address of a list, without what is usual.
export function addressOf(query, path = "/", more = {}) {
  const given = Object.entries({ ...query, ...more }).filter(([name, value]) => value !== USUAL[name]);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

export function isUsualOrder(query) {
  return query.sort === USUAL.sort && !query.q;
}

export function matches(item, { status, q, tag }) {
  if (status !== "all" && item.done !== (status === "done")) return false;
  if (tag && !item.tags.some((one) => folded(one) === folded(tag))) return false;
  const text = folded([item.item, ...item.tags, item.notes].join(" "));
  return folded(q).split(/\s+/).every((word) => text.includes(word));
}

// Whether it stands on top, being overdue or due today. What is searched for has one order only.
export function isNow(item, query) {
  if (item.done || !item.due || query.q || query.status === "done") return false;
  const today = dates.today();
  // A time with the offset of another zone counts as what it is in this one, too.
  return item.due.slice(0, 10) <= today || (dates.due(item.due)?.day ?? item.due) <= today;
}

export const dueFirst = orderOf("due");

export function sortOf(query) {
  return orderOf(query.sort);
}

function folded(text) {
  return text.normalize("NFC").toLowerCase();
}
