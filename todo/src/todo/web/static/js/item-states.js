// The state that a row shows: saved, waiting or failed. Nothing is shown as saved that is not.

import * as outbox from "./outbox.js";
import { say } from "./notices.js";
import { Offline, post } from "./requests.js";
import * as state from "./state.js";
import { t } from "./language.js";

// Milliseconds until waiting is said in words: saving normally takes less than a blink.
export const QUIET = 2_000;

// What a row shows of that: {state, words, actions}. The state is also for the style: "accepted" has a quiet
// mark only, "waiting" says it in words.
export function markOf(item, now = performance.now()) {
  if (item.failure) return failed(item);
  if (item.local === "refused") return refused(item);
  if (item.local === "offline") {
    return { state: "offline", words: t("mark_offline"), actions: [copying(item.item), unsending(item)] };
  }
  if (item.superseded) return superseded(item);
  if (item.since === null) return { state: "saved" };
  return now - item.since < QUIET ? { state: "accepted" } : { state: "waiting", words: t("mark_waiting") };
}

function failed(item) {
  const place = `/items/${encodeURIComponent(item.id)}`;
  const { reason, letter, value } = item.failure;
  const act = (verb) => async () => {
    try {
      await post(`${place}/${verb}`, { letter });
      if (verb === "discard") say(t("discarded", { item: item.item }));
      state.amend(item.id, { failure: null });
    } catch (error) {
      say(error instanceof Offline ? t("offline_change") : error.message, "bad");
    }
  };
  const actions = [
    { label: t("retry"), act: act("retry") },
    copying(typeof value === "string" && value || item.item),
    { label: t("discard"), act: act("discard") },
  ];
  return { state: "failed", words: t("mark_failed", { reason }), actions };
}

function refused(item) {
  const again = () => outbox.send(outbox.entries().find(({ id }) => id === item.id));
  const actions = [{ label: t("retry"), act: again }, copying(item.item), unsending(item)];
  return { state: "failed", words: t("mark_refused", { reason: item.refused }), actions };
}

// Somebody else's later text has replaced the one that was written here.
function superseded(item) {
  const actions = [
    { label: t("use_mine"), act: () => item.superseded.again() },
    { label: t("keep_theirs"), act: () => state.amend(item.id, { superseded: null }) },
  ];
  return { state: "superseded", words: t("mark_superseded", { mine: item.superseded.text }), actions };
}

function unsending(item) {
  return { label: t("discard"), act: () => { outbox.discard(item.id); state.forget(item.id); } };
}

function copying(text) {
  return { label: t("copy"), act: () => copy(text) };
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say(t("copied"));
  } catch {
    say(t("not_copied"), "bad");
  }
}
