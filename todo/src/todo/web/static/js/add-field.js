// The field that adds items: one with Enter, several by pasting lines.

import { chips, clearChips, onText } from "./quick-add-chips.js";
import { newId } from "./item-ids.js";
import { button, say } from "./notices.js";
import * as outbox from "./outbox.js";
import { positionOf } from "./positions.js";
import * as state from "./state.js";
import { complaint, isComposing, linesOf } from "./item-text.js";
import { isShown } from "./view.js";
import { t } from "./language.js";

const form = document.getElementById("add");
const field = document.getElementById("new");
const error = document.getElementById("new-error");
const offer = document.createElement("p");
// More lines than these are better imported.
const LINES_AT_MOST = 200;
const DRAFT = "todo.draft";

// What waits in the browser, by id: the steps that show it.
const steps = new Map();

export function start() {
  offer.className = "offer";
  offer.hidden = true;
  offer.addEventListener("keydown", (event) => {
    if (event.key === "Escape") keepAsOne();
  });
  error.before(offer);
  field.value ||= draft();
  for (const entry of outbox.entries()) show(entry);
  outbox.onOutcome(heard);
  form.addEventListener("submit", submitted);
  field.addEventListener("input", written);
  field.addEventListener("paste", pasted);
  // Enter that ends a composition adds nothing.
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && isComposing(event)) event.preventDefault();
  });
  addEventListener("storage", followOthers);
  // Written before this ran. It is no draft: it may be on its way to the server, by a form without scripts.
  if (field.value !== field.defaultValue) onText(field.value);
  outbox.flush();
}

// Another tab has written something down, or has sent or discarded it: then the live stream tells what became
// of it.
function followOthers() {
  const kept = new Map(outbox.entries().map((entry) => [entry.id, entry]));
  for (const [id, entry] of kept) if (!steps.has(id)) show(entry);
  for (const [id, step] of steps) {
    if (kept.has(id) || outbox.isSending(id)) continue;
    steps.delete(id);
    state.drop(step);
  }
}

export function focusField() {
  field.focus();
  field.select();
}

function submitted(event) {
  event.preventDefault();
  const text = field.value.trim();
  const wrong = complaint(text);
  tellError(wrong);
  if (wrong) return field.focus();
  add(text, chips(text));
  field.value = "";
  written();
  field.focus();
}

// Adds one; `known` is what the words of the text mean, as far as that is known already.
function add(text, known, id = newId()) {
  const item = {
    id,
    item: known?.text ?? text,
    done: false,
    due: known?.due ?? null,
    tags: known?.tags ?? [],
    notes: "",
    position: positionOf(id),
    date_added: new Date().toISOString(),
    date_saved: null,
    version: "",
    state: "accepted",
    waiting: [],
    failure: null,
  };
  const entry = { id, fields: known?.fields ?? { item: text }, item, text };
  show(entry);
  if (!isShown(id)) say(t("added_elsewhere", { item: item.item }));
  return outbox.send(entry);
}

function show(entry) {
  const { item, waits, refused } = entry;
  const local = refused !== undefined ? "refused" : waits ? "offline" : undefined;
  steps.set(entry.id, state.begin(entry.id, { item: { ...item, refused }, local }));
}

function heard(entry, outcome, told) {
  const step = steps.get(entry.id);
  if (!step) return;
  if (outcome === "accepted") {
    steps.delete(entry.id);
    if (told.item) step.item = { ...step.item, ...told.item };
    state.accepted(step, told.change ?? entry.id);
  } else if (outcome === "offline") {
    state.update(step, { local: "offline" });
  } else if (field.value.trim()) {
    state.update(step, { local: "refused", item: { ...step.item, refused: told.message } });
  } else {
    takeBack(entry, told.message || t("not_accepted"));
  }
}

// The text is in the field again, as if it had not been sent.
function takeBack(entry, reason) {
  outbox.discard(entry.id);
  state.drop(steps.get(entry.id));
  steps.delete(entry.id);
  field.value = entry.text;
  written();
  tellError(reason);
}

function written() {
  tellError("");
  offer.hidden = true;
  keepDraft(field.value);
  if (field.value) onText(field.value);
  else clearChips();
}

function tellError(text) {
  error.textContent = text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

// Several lines may be several items: it is offered, never done unasked.
function pasted(event) {
  const lines = linesOf(event.clipboardData.getData("text/plain"));
  if (lines.length < 2) return;
  event.preventDefault();
  field.setRangeText(lines.join(" "), field.selectionStart, field.selectionEnd, "end");
  written();
  if (lines.length > LINES_AT_MOST) return tellError(t("lines_too_many", { n: lines.length }));
  offerLines(lines);
}

function offerLines(lines) {
  const several = button(t("add_lines", { n: lines.length }), () => addLines(lines), "small");
  const one = button(t("add_one_line"), keepAsOne, "small");
  offer.replaceChildren(t("lines_pasted", { n: lines.length }), " ", several, " ", one);
  offer.hidden = false;
  several.focus();
}

function keepAsOne() {
  offer.hidden = true;
  field.focus();
}

// The first line is to stand on top, where the newest item is.
function addLines(lines) {
  const wrong = lines.map((line) => [line, complaint(line)]).find(([, said]) => said);
  if (wrong) return tellError(t("line_wrong", { line: wrong[0], reason: wrong[1] }));
  field.value = "";
  written();
  field.focus();
  for (const line of lines.reverse()) add(line, null);
}

function draft() {
  try {
    return sessionStorage[DRAFT] ?? "";
  } catch {
    return "";
  }
}

function keepDraft(text) {
  try {
    sessionStorage[DRAFT] = text;
  } catch { /* then a reload loses what was not sent yet */ }
}
