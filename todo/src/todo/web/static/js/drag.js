// Reordering, by dragging a row at its handle, by keys or by buttons; only in the list's own order.

import { move } from "./actions.js";
import { asked, isComplete } from "./list-loader.js";
import { say } from "./notices.js";
import { isUsualOrder } from "./list-query.js";
import * as state from "./state.js";
import * as view from "./view.js";
import { t } from "./language.js";

const list = document.getElementById("items");

// The library is fetched when somebody first comes to a row: it is there when they reach for the handle.
export function start() {
  list.addEventListener("pointerover", prepare);
  list.addEventListener("touchstart", prepare, { passive: true });
}

async function prepare({ target }) {
  if (!target.closest(".item")) return;
  list.removeEventListener("pointerover", prepare);
  list.removeEventListener("touchstart", prepare);
  try {
    await import("../sortable/sortable.min.js");
  } catch {
    // The server is away, so nothing can be moved now; the next time may be better.
    return start();
  }
  globalThis.Sortable.create(list, {
    handle: ".handle",
    draggable: ".item",
    animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150,
    forceFallback: true,
    // Out of the list, whose rows have their places by it.
    fallbackOnBody: true,
    fallbackTolerance: 4,
    onStart: view.hold,
    onEnd: ({ item }) => {
      dropped(item);
      view.release();
    },
  });
  list.dataset.sortable = "";
}

function dropped(row) {
  const item = state.shown(row.dataset.id);
  if (!item) return;
  const [above, below] = [row.previousElementSibling, row.nextElementSibling].map(itemOf);
  const ids = view.orderedIds();
  if (above?.id !== ids[ids.indexOf(item.id) - 1]) place(item, above, below);
}

// One place up or down.
export function step(item, way) {
  const ids = view.orderedIds();
  const at = ids.indexOf(item.id);
  const to = at + (way === "up" ? -1 : 1);
  if (at < 0 || to < 0 || to >= ids.length) return;
  const [above, below] = way === "up" ? [ids[to - 1], ids[to]] : [ids[to], ids[to + 1]];
  place(item, itemOf(above), itemOf(below));
  view.focusRow(item.id);
}

function place(item, above, below) {
  if (item.local || !isUsualOrder(asked())) {
    view.refresh([item.id]);
    return say(t(item.local ? "offline_change" : "other_order"), "bad");
  }
  return move(item, above, below, isComplete());
}

const itemOf = (place) => state.shown(place?.dataset?.id ?? place) ?? null;
