// Starts everything that the list consists of.

import * as acting from "./actions.js";
import * as adding from "./add-field.js";
import * as banner from "./banner.js";
import { today } from "./dates.js";
import { toggleDetails } from "./details-panel.js";
import * as dragging from "./drag.js";
import { startEditing } from "./edit-field.js";
import * as finding from "./filters.js";
import * as following from "./live-updates.js";
import * as keys from "./keys.js";
import { QUIET } from "./item-states.js";
import { undoLast } from "./notices.js";
import { readQuery } from "./list-query.js";
import * as scrolling from "./next-page.js";
import * as state from "./state.js";
import * as totals from "./totals.js";
import * as view from "./view.js";
import { tellZone } from "./time-zone.js";

// What the parts of a row do, by their data-do.
const ACTIONS = {
  edit: (item) => startEditing(item.id),
  due: (item) => toggleDetails(item.id, "due"),
  notes: (item) => toggleDetails(item.id, "notes"),
  more: toggleTools,
  up: (item) => dragging.step(item, "up"),
  down: (item) => dragging.step(item, "down"),
  remove: acting.remove,
};

// Where there is no pointer to hover with, the tools are behind a button.
function toggleTools(item, button) {
  button.setAttribute("aria-expanded", button.closest("li").classList.toggle("open"));
}

// The item that keys are for: the one that has the focus, or had it last.
let current = null;

function itemAt(element) {
  const row = element.closest?.("li.item");
  return row && state.shown(row.dataset.id);
}

function listenToRows() {
  for (const id of ["now-items", "items"]) {
    const list = document.getElementById(id);
    list.addEventListener("click", clicked);
    list.addEventListener("change", ({ target }) => {
      const item = target.matches("input.done") && itemAt(target);
      if (item) acting.complete(item, target.checked);
    });
    list.addEventListener("focusin", ({ target }) => { current = itemAt(target)?.id ?? current; });
    list.addEventListener("keydown", movedByKeys);
  }
}

function clicked(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const target = event.target.closest("[data-do], .notes-mark");
  const item = target && itemAt(target);
  const act = ACTIONS[target?.dataset.do ?? "notes"];
  if (!item || !act) return;
  event.preventDefault();
  act(item, target);
}

function movedByKeys(event) {
  const way = { ArrowUp: "up", ArrowDown: "down" }[event.key];
  // In a field they are for what is written there: they move the cursor, or open what can be chosen.
  const isField = event.target.matches("input:not(.done), textarea, select");
  const item = event.altKey && way && !isField && itemAt(event.target);
  if (!item) return;
  event.preventDefault();
  dragging.step(item, way);
}

// Out of the field, so that keys are for the list again.
function leaveByEscape() {
  for (const id of ["new", "q"]) {
    document.getElementById(id).addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && !event.isComposing) event.target.blur();
    });
  }
}

// What a key does to the current item, if there is one.
const onCurrent = (act) => () => {
  const item = current && state.shown(current);
  if (item && view.isShown(item.id)) act(item);
};

function go(way) {
  const ids = view.shownIds();
  const at = ids.indexOf(current);
  const to = at < 0 ? 0 : Math.min(Math.max(at + way, 0), ids.length - 1);
  if (ids.length) view.focusRow(ids[to]);
}

function listenToKeys() {
  keys.listenTo({
    n: adding.focusField,
    "/": finding.focusSearch,
    j: () => go(1),
    k: () => go(-1),
    x: onCurrent((item) => acting.complete(item)),
    e: onCurrent(ACTIONS.edit),
    d: onCurrent(ACTIONS.due),
    Delete: onCurrent(ACTIONS.remove),
    u: undoLast,
    "?": keys.showHelp,
  });
}

// Rows say what waits once it has waited long enough.
function watchWaiting() {
  state.onChange((ids) => {
    view.refresh(ids);
    setTimeout(() => view.refresh([...ids].filter((id) => state.shown(id)?.since != null)), QUIET + 20);
  });
}

// What is due today is another matter tomorrow.
function watchDay() {
  let day = today();
  setInterval(() => {
    if (day === today()) return view.refreshNow();
    day = today();
    view.refreshAll();
  }, 60_000);
}

tellZone();
watchWaiting();
listenToRows();
listenToKeys();
totals.start();
finding.start();
leaveByEscape();
scrolling.start();
dragging.start();
banner.start();
view.ask(readQuery());
adding.start();
following.start(readQuery());
watchDay();
navigator.serviceWorker?.register("/service-worker.js");
