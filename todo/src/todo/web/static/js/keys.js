// Keyboard shortcuts. They do nothing while one types, and can be switched off.

import { button } from "./notices.js";
import { t } from "./language.js";

const SETTING = "todo.keys";

export function areOn() {
  try {
    return localStorage[SETTING] !== "off";
  } catch {
    return true;
  }
}

export function switchOn(on) {
  try {
    if (on) localStorage.removeItem(SETTING);
    else localStorage[SETTING] = "off";
  } catch { /* then they are on again on the next page */ }
}

// `actions` by key.
export function listenTo(actions) {
  offerHelp();
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || isWritten(event)) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || !areOn()) return;
    event.preventDefault();
    action();
  });
}

// Whether the key is meant for a field, a dialog or the browser.
function isWritten({ target, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey) return true;
  if (!(target instanceof Element)) return false;
  const field = target.closest("input, textarea, select, [contenteditable]");
  return (field !== null && field.type !== "checkbox") || target.closest("dialog[open]") !== null;
}

// For those who do not know of them, or have switched them off.
function offerHelp() {
  document.querySelector(".foot").append(button(t("help"), showHelp, "small keys"));
}

// The dialog that lists them, with the switch.
export function showHelp() {
  const dialog = document.getElementById("help") ?? makeHelp();
  if (!dialog.open) dialog.showModal();
}

const LISTED = [
  ["n", "key_add"],
  ["/", "key_search"],
  ["j k", "key_move"],
  ["x", "key_done"],
  ["e", "key_edit"],
  ["d", "key_due"],
  ["Del", "key_remove"],
  ["Alt+↑ Alt+↓", "key_order"],
  ["u", "key_undo"],
  ["?", "key_help"],
];

function makeHelp() {
  const dialog = document.createElement("dialog");
  dialog.id = "help";
  dialog.setAttribute("aria-labelledby", "help-heading");
  const heading = document.createElement("h2");
  heading.id = "help-heading";
  heading.textContent = t("help");
  const list = document.createElement("dl");
  for (const [keys, words] of LISTED) list.append(...described(keys, words));
  dialog.append(heading, list, onOff(), closing(dialog));
  document.body.append(dialog);
  return dialog;
}

function described(keys, words) {
  const term = document.createElement("dt");
  for (const key of keys.split(" ")) {
    const shown = document.createElement("kbd");
    shown.textContent = key;
    term.append(shown, " ");
  }
  const description = document.createElement("dd");
  description.textContent = t(words);
  return [term, description];
}

function onOff() {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = areOn();
  box.addEventListener("change", () => switchOn(box.checked));
  label.append(box, " ", t("keys_on"));
  return label;
}

function closing(dialog) {
  const form = document.createElement("form");
  form.method = "dialog";
  const close = document.createElement("button");
  close.textContent = t("close");
  form.append(close);
  return form;
}
