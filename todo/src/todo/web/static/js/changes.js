// Changes of items: shown at once, then sent, and taken back where the server refuses them.

import { offerUndo, say } from "./notices.js";
import { Offline, Refused, post } from "./requests.js";
import * as state from "./state.js";
import { t } from "./language.js";

// The last request by item: changes of one item are sent one after the other, as they were made.
const lines = new Map();
// Texts that were sent, and of which item, by their change: they may turn out to be superseded.
const texts = new Map();
const TEXTS_AT_MOST = 100;

export const addressOf = (id) => `/items/${encodeURIComponent(id)}`;

// Sends behind everything of this item that is on its way.
export function inLine(id, send) {
  const sent = (lines.get(id) ?? Promise.resolve()).then(send);
  const done = sent.catch(() => {}).then(() => lines.get(id) === done && lines.delete(id));
  lines.set(id, done);
  return sent;
}

// Changes one item by one of the server's verbs; `what` is what that makes of it (see state.begin). `said`
// names it for people, `back` has the same three of the change that undoes it. Of a verb that changes several
// fields, `what` is a list, with an entry for each. Raises what requests.js does.
export async function change(id, { verb, fields = {}, what }, { said, back }) {
  const before = state.shown(id);
  const steps = [what].flat().map((one) => state.begin(id, one));
  const answer = inLine(id, () => post(`${addressOf(id)}/${verb}`, fields));
  const notice = offerUndo(said, () => undo(id, answer, { item: before, ...back }));
  try {
    const told = await answer;
    accept(id, steps, told, fields);
    return told;
  } catch (error) {
    notice.remove();
    steps.forEach(state.drop);
    throw error;
  }
}

// The same where there is nothing more to be done about a refusal than to say it.
export async function changeOrSay(id, way, words) {
  try {
    await change(id, way, words);
  } catch (error) {
    say(why(error), "bad");
  }
}

// Takes a change back, in the way that its answer has named: it knows what was there before.
async function undo(id, answer, back) {
  // It may be gone by now.
  const steps = [back.what].flat().map((one) => state.begin(id, { item: back.item, ...one }));
  try {
    const { undo: way } = await answer;
    const url = way?.url ?? `${addressOf(id)}/${back.verb}`;
    const fields = way?.fields ?? back.fields;
    accept(id, steps, await inLine(id, () => post(url, fields)), fields);
    say(t("undone"));
  } catch (error) {
    steps.forEach(state.drop);
    say(why(error), "bad");
  }
}

// The server has accepted it: each step is the change of its field.
function accept(id, steps, { change, changes = {} }, { item: text }) {
  if (text !== undefined) remember(id, changes.item ?? change, text);
  for (const step of steps) {
    const own = steps.length > 1 ? changes[Object.keys(step.fields ?? { removed: true })[0]] : change;
    if (own === undefined) state.drop(step);
    else state.accepted(step, own);
  }
}

// The text that this change has set, if it was sent from here, and no later one of the item was.
export function textOf(id, change) {
  const isReplacedHere = [...texts].some(([later, sent]) => sent.id === id && later > change);
  return isReplacedHere ? undefined : texts.get(change)?.text;
}

// Whether a text of this item was sent from here.
export const isFromHere = (id, text) => [...texts.values()].some((sent) => sent.id === id && sent.text === text);

function remember(id, change, text) {
  texts.set(change, { id, text });
  if (texts.size > TEXTS_AT_MOST) texts.delete(texts.keys().next().value);
  // Whoever writes another one has decided.
  if (state.shown(id)?.superseded) state.amend(id, { superseded: null });
}

// Why something was not accepted, for people.
export function why(error) {
  if (error instanceof Offline) return t("offline_change");
  if (!(error instanceof Refused)) throw error;
  return error.status === 401 ? t("signed_out") : error.message || t("not_accepted");
}
