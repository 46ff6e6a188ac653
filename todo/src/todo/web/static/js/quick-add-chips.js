// Chips below the field that adds items: the date and the tags that were read. Each can be refused.

import * as dates from "./dates.js";
import { addressOf } from "./list-query.js";
import { get } from "./requests.js";
import { t } from "./language.js";
import { zone } from "./time-zone.js";

// Milliseconds without a key press.
const PAUSE = 120;
const list = document.getElementById("chips");
let timer = null;
let asking = null;
// The last answer, and the text that it is about.
let known = null;
// The words of what was refused, by what it is: it stays so while they stand in the text.
const refused = new Map();

export function onText(text) {
  for (const [key, words] of refused) if (!text.includes(words)) refused.delete(key);
  clearTimeout(timer);
  timer = setTimeout(() => ask(text), PAUSE);
}

export function clearChips() {
  clearTimeout(timer);
  asking?.abort();
  refused.clear();
  known = null;
  list.replaceChildren();
}

async function ask(text) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const answer = await get(addressOf({ text, today: dates.today(), zone }, "/words"), signal);
    known = { ...answer, of: text };
    show();
  } catch { /* the server finds them when the item is added */ }
}

// Several words may say one thing: a day and a time of day.
function show() {
  const shown = new Map(known.found.filter((one) => !isRefused(one)).map((one) => [keyOf(one), one]));
  list.replaceChildren(...[...shown.values()].map(chip));
}

function chip(one) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "chip";
  const words = one.kind === "due" ? dates.due(one.value)?.words ?? one.value : `#${one.value}`;
  made.textContent = words;
  made.setAttribute("aria-label", t(`refuse_${one.kind}`, { words }));
  made.addEventListener("click", () => {
    refused.set(keyOf(one), one.words);
    show();
    document.getElementById("new").focus();
  });
  return made;
}

const keyOf = ({ kind, value }) => `${kind} ${value}`;
const isRefused = (one) => refused.has(keyOf(one));

// What to send and to show for this text. Where its words are not known (yet), the server finds them. What was
// refused stays in the text.
export function chips(text) {
  if (known?.of.trim() !== text) return { text, due: null, tags: [], fields: unread(text) };
  const taken = known.found.filter((one) => !isRefused(one));
  const rest = taken.length === known.found.length ? known.text : without(known.of, taken);
  const due = taken.find(({ kind }) => kind === "due")?.value ?? null;
  const tags = taken.filter(({ kind }) => kind === "tag").map(({ value }) => value);
  return { text: rest, due, tags, fields: { item: rest, due: due ?? "", tags: tags.join(" ") } };
}

// Who refused a date or a tag and has written on since has not seen what else of that kind might be found.
function unread(text) {
  const kinds = new Set([...refused.keys()].map((key) => key.split(" ", 1)[0]));
  return { item: text, ...(kinds.has("due") && { due: "" }), ...(kinds.has("tag") && { tags: "" }) };
}

function without(text, found) {
  const places = found.map(({ at }) => at).sort(([one], [other]) => other - one);
  const rest = places.reduce((left, [from, to]) => left.slice(0, from) + left.slice(to), text);
  return rest.replace(/\s+/g, " ").trim();
}
