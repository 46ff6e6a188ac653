// The actions on items, by pointer or by key. Each shows a notice, and can be undone.

import { change, changeOrSay, isFromHere, why } from "./changes.js";
import { offerUndo, say } from "./notices.js";
import * as outbox from "./outbox.js";
import { between } from "./positions.js";
import { post } from "./requests.js";
import * as state from "./state.js";
import { t } from "./language.js";

// Done, or not done after all.
export function complete(item, done = !item.done) {
  if (item.local) return say(t("offline_change"), "bad");
  const way = (now) => ({ verb: now ? "complete" : "reopen", what: { fields: { done: now } } });
  const said = t(done ? "completed" : "reopened", { item: item.item });
  return changeOrSay(item.id, way(done), { said, back: way(!done) });
}

export function remove(item) {
  const said = t("removed", { item: item.item });
  if (item.local) {
    outbox.discard(item.id);
    state.forget(item.id);
    return say(said);
  }
  const back = { verb: "restore", what: { removed: false } };
  return changeOrSay(item.id, { verb: "remove", what: { removed: true } }, { said, back });
}

// Another text. `seen` is the version of the item that its author had before them. Raises what requests.js does.
export async function edit(item, text, seen) {
  const way = (to) => ({ verb: "edit", fields: { item: to, seen }, what: { fields: { item: to } } });
  const words = { said: t("edited", { item: text }), back: way(item.item) };
  const { replaced: theirs } = await change(item.id, way(text), words);
  if (theirs && !isFromHere(item.id, theirs)) say(t("edit_replaced", { theirs }));
}

// Several fields at once, `values` by their names: one step, which one undo takes back. Where somebody else has
// deleted the item, that brings it back. Raises what requests.js does.
export function save(item, values) {
  const gone = !state.shown(item.id);
  const names = Object.keys(values);
  const way = (to, removed) => ({
    verb: "save",
    fields: {
      ...Object.fromEntries(names.map((name) => [name, written(to[name])])),
      ...(gone && { removed: removed ? "yes" : "no" }),
    },
    what: [
      ...(gone ? [{ item, removed }] : []),
      ...names.map((name) => ({ fields: { [name]: to[name] } })),
    ],
  });
  const there = way(values, false);
  there.fields.seen = item.version;
  return change(item.id, there, { said: saidOf(item, values, gone), back: way(item, true) });
}

const written = (value) => (Array.isArray(value) ? value.join(" ") : value ?? "");

function saidOf(item, values, gone) {
  const names = Object.keys(values);
  const named = { item: values.item ?? item.item };
  if (gone) return t("brought_back", named);
  return t(names.length > 1 || names[0] === "item" ? "edited" : `changed_${names[0]}`, named);
}

// Another place: between these two of the list, one of which may be null; `isLast` where there is nothing below.
export function move(item, above, below, isLast) {
  const way = (position) => ({ verb: "move", fields: { position }, what: { fields: { position } } });
  const there = way(between(below?.position ?? null, above?.position ?? null));
  // What is below the last one that was read, only the server knows.
  if (!below && !isLast) there.fields = { after: above.id };
  return changeOrSay(item.id, there, { said: t("moved", { item: item.item }), back: way(item.position) });
}

// Takes away all that is done, whether this page has it or not.
export async function clearCompleted() {
  const done = [...state.ids()].map(state.shown).filter((item) => item?.done && !item.local);
  const steps = done.map((item) => state.begin(item.id, { removed: true }));
  const answer = post("/items/clear-completed", {});
  const notice = offerUndo(t("cleared", { n: done.length }), async () => {
    try {
      const { undo } = await answer;
      await post(undo.url, undo.fields);
      steps.forEach(state.drop);
      say(t("undone"));
    } catch (error) {
      say(why(error), "bad");
    }
  });
  try {
    await answer;
  } catch (error) {
    notice.remove();
    steps.forEach(state.drop);
    say(why(error), "bad");
  }
}
