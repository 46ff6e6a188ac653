// Applies what the server tells to the list, and shows whether the page is up to date.

import { edit } from "./actions.js";
import { textOf, why } from "./changes.js";
import * as live from "./live.js";
import { asked, heard, load, onLoaded } from "./list-loader.js";
import { say } from "./notices.js";
import * as outbox from "./outbox.js";
import { Offline } from "./requests.js";
import * as state from "./state.js";

// Milliseconds until the list is read again where that failed.
const AGAIN = 2_000;
const listeners = new Set();
let timer = null;
// Of queue and database nothing is known before the server has told.
let status = { live: "starting", told: false, queue: "ok", database: "ok", waiting: 0, more: false };

// Told of {live, told, queue, database, waiting, more} whenever one of them changes.
export function onStatus(listener) {
  listeners.add(listener);
  listener(status);
}

function stand(changed) {
  status = { ...status, ...changed };
  for (const listener of listeners) listener(status);
}

// Of items.
const KINDS = {
  item: ({ item, saved }) => state.put(item, saved),
  gone: ({ id, saved }) => state.gone(id, saved),
  change: ({ id, change, field, value }) => state.overlay(id, change, { [field]: value }),
  failed: ({ id, change, reason, letter }) => state.fail(id, change, { reason, letter }),
  superseded: ({ id, change }) => supersede(id, textOf(id, change)),
};
const OTHERS = {
  status: ({ queue, database, waiting, more }) => stand({ told: true, queue, database, waiting, more }),
  reset: () => read(asked()),
};

// Reads the list of this query and follows it from there.
export function start(query) {
  let follows = false;
  onLoaded(({ cursor, counts }) => {
    if (!follows) live.start(cursor);
    follows = true;
    if (counts === null) readLater(asked());
  });
  live.onDelta((delta, place) => {
    const show = KINDS[delta.kind];
    if (show) heard(place, () => show(delta));
    else OTHERS[delta.kind]?.(delta);
  });
  live.onState(follow);
  read(query);
}

function follow(state) {
  // Before the first reading nothing is followed.
  if (asked()) stand({ live: state });
  if (state === "on") outbox.flush();
  // Loading the page anew leads to signing in.
  if (state === "signed-out") location.reload();
}

// Until the list could be read, the page shows what it came with.
async function read(query) {
  try {
    await load(query, true);
  } catch (error) {
    if (error instanceof Offline) stand({ live: "off" });
    readLater(query);
  }
}

// It could not be read, or not all of it, without the database.
function readLater(query) {
  clearTimeout(timer);
  timer = setTimeout(() => read(asked() ?? query), AGAIN);
}

// A later text, made without seeing the one from here, has replaced it: whoever wrote it can have it back.
function supersede(id, text) {
  if (text === undefined) return;
  const again = async () => {
    const item = state.shown(id);
    state.amend(id, { superseded: null });
    try {
      await edit(item, text, item.version);
    } catch (error) {
      say(why(error), "bad");
    }
  };
  state.amend(id, { superseded: { text, again } });
}
