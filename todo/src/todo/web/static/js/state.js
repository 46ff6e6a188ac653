// What this page knows: items as the server last told them, and over them what was done here since.

const items = new Map();
// Steps by item: what was done here and is not known to be saved.
const steps = new Map();
// Changes that were saved before the answer that names them came.
const early = new Set();
const EARLY_AT_MOST = 1000;
const listeners = new Set();

// Told of the ids of items that are not as they were, and whether that comes of reading the list.
export function onChange(listener) {
  listeners.add(listener);
}

function tell(ids, isRead = false) {
  for (const listener of listeners) listener(ids, isRead);
}

// The item as it is to be shown, or null where it is not there (any more). `since` says from when on it waits
// to be saved, in milliseconds of performance.now(), null where it does not; `local` what only this page knows
// of it: "offline", "refused".
export function shown(id) {
  const item = known(id);
  return item?.removed ? null : item;
}

// The same, but with `removed` where that waits to be saved.
export function known(id) {
  return withSteps(id, steps.get(id));
}

// All items as `known` has them, without the steps that were accepted after this moment or not yet: most likely
// that is what the server knew then. In milliseconds of performance.now().
export function knownAt(moment) {
  const all = new Map(items);
  for (const [id, own] of steps) all.set(id, withSteps(id, own.filter(({ accepted }) => accepted <= moment)));
  return all;
}

function withSteps(id, own) {
  let item = items.get(id) ?? own?.find((step) => step.item)?.item ?? null;
  if (!item || !own) return item;
  for (const step of own) {
    const { fields, local, removed = item.removed, change } = step;
    const waiting = change && !item.waiting.includes(change) ? [...item.waiting, change] : item.waiting;
    item = { ...item, ...fields, waiting, removed, since: Math.min(item.since ?? Infinity, step.since) };
    if (local) item.local = local;
  }
  return item;
}

// Those of whose steps the server has accepted one after this moment, or not yet.
export function ownSince(moment) {
  const isLater = ({ accepted }) => !(accepted <= moment);
  return [...steps].filter(([, own]) => own.some(isLater)).map(([id]) => id);
}

export function ids() {
  return new Set([...items.keys(), ...steps.keys()]);
}

// Whether something was done to it here that is not known to be saved.
export function isOwn(id) {
  return steps.has(id);
}

// Something has happened: the item is now like this, and these changes were saved with it.
export function put(item, saved = []) {
  know(item, performance.now());
  settle(item.id, saved);
  tell([item.id]);
}

// The server has told these when it was asked, which may be longer ago than what has happened, unless they are
// to count `anew`. Those that wait do so from before this page was there.
export function putAll(told, anew = false) {
  for (const item of told) {
    if (!anew && items.get(item.id)?.version > item.version) continue;
    know(item, -Infinity);
    settle(item.id, []);
  }
  tell(told.map(({ id }) => id), true);
}

// The same, and what it did not tell is forgotten, but for what was done here.
export function replaceAll(told, anew) {
  const before = ids();
  const all = new Set(told.map(({ id }) => id));
  for (const id of items.keys()) if (!all.has(id)) items.delete(id);
  putAll(told, anew);
  tell(before, true);
}

function know(item, now) {
  const before = items.get(item.id);
  const waits = item.state === "accepted" || item.waiting.length > 0;
  const since = waits ? before?.since ?? now : null;
  items.set(item.id, { ...item, since, superseded: before?.superseded });
}

// Something else became known of an item, as what somebody has changed and is not saved yet.
export function amend(id, fields) {
  const item = items.get(id);
  if (!item) return;
  items.set(id, { ...item, ...fields });
  tell([id]);
}

// A change that somebody made and that is not saved yet.
export function overlay(id, change, fields) {
  const item = items.get(id);
  if (!item || item.version >= change || item.waiting.includes(change)) return;
  const since = item.since ?? performance.now();
  amend(id, { ...fields, waiting: [...item.waiting, change], since });
}

// A change became a dead letter: it is not made, and somebody has to decide.
export function fail(id, change, failure) {
  const step = (steps.get(id) ?? []).find((one) => one.change === change);
  if (step?.item && !items.has(id)) items.set(id, step.item);
  if (step) drop(step);
  amend(id, { failure, since: null });
}

// The server no longer has it.
export function gone(id, saved = []) {
  items.delete(id);
  settle(id, saved);
  tell([id]);
}

// Something done here, shown at once: `item` adds one, `fields` change it, `removed` takes it away or back.
export function begin(id, what) {
  const step = { id, since: performance.now(), change: null, ...what };
  steps.set(id, [...(steps.get(id) ?? []), step]);
  tell([id]);
  return step;
}

// More is known of a step, as that only this page has it.
export function update(step, what) {
  Object.assign(step, what);
  tell([step.id]);
}

// The server has accepted it, as the change of this id.
export function accepted(step, change) {
  if (early.delete(change)) drop(step);
  else update(step, { change, local: undefined, accepted: performance.now() });
}

// It is as if it had not been done; or it is saved, and the item has it.
export function drop(step) {
  const rest = (steps.get(step.id) ?? []).filter((one) => one !== step);
  if (rest.length) steps.set(step.id, rest);
  else steps.delete(step.id);
  tell([step.id]);
}

function settle(id, saved) {
  const known = items.get(id);
  const unknown = new Set(saved);
  const rest = (steps.get(id) ?? []).filter(
    (step) => !(step.change && unknown.delete(step.change)) && !isIn(step, known),
  );
  for (const change of unknown) remember(change);
  if (rest.length) steps.set(id, rest);
  else steps.delete(id);
}

// Whether the saved item has it, though nobody said so: not every application publishes what it has saved.
function isIn(step, item) {
  if (!step.change || item?.state !== "saved" || item.waiting.includes(step.change)) return false;
  return step.item !== undefined || item.version >= step.change;
}

function remember(change) {
  early.add(change);
  if (early.size > EARLY_AT_MOST) early.delete(early.values().next().value);
}

// Forgets an item that only this page has.
export function forget(id) {
  items.delete(id);
  steps.delete(id);
  tell([id]);
}
