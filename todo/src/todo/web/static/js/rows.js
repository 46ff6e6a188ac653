// One item of the list as an element: the markup of the server's rows, out of <template id="row">.

import * as dates from "./dates.js";
import { visible } from "./item-text.js";
import { filled } from "./language.js";

const template = document.getElementById("row").content.firstElementChild;
// Here scripts do what the form would. With it, inserting a row takes the longer the more rows there are:
// browsers look through all of them for the form's buttons.
for (const button of template.querySelectorAll("[form]")) {
  button.removeAttribute("form");
  button.type = "button";
}
// The attributes that name the item or its address, and so hold {item} or {id}.
const NAMES = [...template.querySelectorAll("[data-do], input.done")].flatMap((element) =>
  [...element.attributes]
    .filter(({ value }) => /\{(id|item)\}/.test(value))
    .map(({ name, value }) => ({ selector: selectorOf(element), name, form: value })));

function selectorOf(element) {
  return element.dataset.do ? `[data-do="${element.dataset.do}"]` : "input.done";
}

const part = (row, selector) => row.querySelector(selector);

export function rowOf(id) {
  return document.getElementById(`item-${id}`);
}

// A new row, which `fill` has yet to fill.
export function makeRow() {
  return template.cloneNode(true);
}

// Makes a row show this item with this mark (see item-states.js); what is the same already is left alone.
export function fill(row, item, mark) {
  const words = visible(item.item);
  if (row.dataset.id !== item.id || part(row, ".text").textContent !== words) {
    fillNames(row, item.id, words);
  }
  row.dataset.version = item.version;
  row.dataset.position = item.position;
  const due = dates.due(item.due);
  row.classList.toggle("is-done", item.done);
  row.classList.toggle("is-late", Boolean(due?.late && !item.done));
  part(row, "input.done").checked = item.done;
  fillDue(part(row, ".due"), due, item);
  fillTags(part(row, ".tags"), item.tags);
  part(row, ".notes-mark").hidden = !item.notes;
  fillMark(row, mark);
}

// Shows how far an item has got on its way; without the rest, which does not change by waiting.
export function fillMark(row, { state, words = "", actions = [] }) {
  const mark = part(row, ".mark");
  row.dataset.state = state;
  const key = JSON.stringify([words, actions.map(({ label }) => label)]);
  if (mark.dataset.shows === key || (!words && !mark.hasChildNodes())) return;
  mark.dataset.shows = key;
  mark.textContent = words;
  for (const { label, act } of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small";
    button.textContent = label;
    button.addEventListener("click", act);
    mark.append(" ", button);
  }
}

// Labels name the item, so that each button of the page says what it is for.
function fillNames(row, id, words) {
  row.id = `item-${id}`;
  row.dataset.id = id;
  const values = { id: encodeURIComponent(id), item: words };
  for (const { selector, name, form } of NAMES) {
    part(row, selector)?.setAttribute(name, filled(form, values));
  }
  part(row, ".text").textContent = words;
}

function fillDue(element, due, item) {
  element.hidden = !due;
  element.textContent = (item.done ? due?.words : due?.told) ?? "";
  element.classList.toggle("late", Boolean(due?.late));
  element.classList.toggle("today", Boolean(due?.today));
  if (due) element.setAttribute("datetime", item.due);
  else element.removeAttribute("datetime");
}

function fillTags(list, tags) {
  const here = [...list.children].map((one) => one.textContent);
  if (here.join() === tags.map((tag) => `#${tag}`).join()) return;
  list.replaceChildren(...tags.map((tag) => {
    const entry = document.createElement("li");
    const link = document.createElement("a");
    link.className = "tag";
    link.dir = "auto";
    link.href = `/?tag=${encodeURIComponent(tag)}`;
    link.textContent = `#${tag}`;
    entry.append(link);
    return entry;
  }));
}
