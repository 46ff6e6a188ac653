// Short notices at the edge of the page, and the undo that most of them offer.

import { t } from "./language.js";

// Milliseconds that a notice stays; while it has the focus or the pointer it stays longer.
const STAYS = 10_000;
// How many steps back one can go.
const STEPS = 50;

const undos = [];
const region = document.getElementById("notices");

// Where the keyboard was before it came to a notice.
let before = null;

region.addEventListener("focusin", ({ relatedTarget }) => {
  if (relatedTarget && !region.contains(relatedTarget)) before = relatedTarget;
});

// Takes a notice away. Who had the keyboard's focus on it has it again where it was, or in the field.
function dismiss(notice) {
  const focused = notice.contains(document.activeElement);
  notice.remove();
  if (focused) (before?.isConnected ? before : document.getElementById("new"))?.focus({ preventScroll: true });
}

// Says something, in the place of what was said before; `kind` is "good" or "bad".
export function say(text, kind = "good", ...buttons) {
  const notice = document.createElement("div");
  notice.className = `toast ${kind}`;
  const words = document.createElement("span");
  words.dir = "auto";
  words.textContent = text;
  const close = button("×", () => dismiss(notice), "close");
  close.setAttribute("aria-label", t("close"));
  notice.append(words, ...buttons, close);
  region.replaceChildren(notice);
  leaveLater(notice);
  return notice;
}

// Says what was done; `undo` takes it back, by its button or by a key, and long after the notice has gone.
export function offerUndo(text, undo) {
  if (!undo) return say(text);
  undos.push(undo);
  if (undos.length > STEPS) undos.shift();
  const notice = say(text, "good", button(t("undo"), () => {
    dismiss(notice);
    take(undo);
  }, "undo"));
  undo.notice = notice;
  return { remove: () => { notice.remove(); forget(undo); } };
}

// Takes back what was done last.
export function undoLast() {
  const undo = undos.at(-1);
  if (!undo) return say(t("nothing_to_undo"));
  undo.notice.remove();
  return take(undo);
}

function take(undo) {
  forget(undo);
  return undo();
}

function forget(undo) {
  const at = undos.indexOf(undo);
  if (at >= 0) undos.splice(at, 1);
}

export function button(label, act, name = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.className = `quiet ${name}`.trim();
  made.textContent = label;
  made.addEventListener("click", act);
  return made;
}

function leaveLater(notice) {
  setTimeout(leave, STAYS);
  function leave() {
    if (notice.matches(":hover, :focus-within")) setTimeout(leave, STAYS);
    else notice.remove();
  }
}
