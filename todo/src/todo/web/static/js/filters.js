// The filters of the list: search while typing, state, tag and order. All of it is in the address.

import { asked, load, onLoaded } from "./list-loader.js";
import { say } from "./notices.js";
import { addressOf, readQuery } from "./list-query.js";
import { why } from "./changes.js";
import { shownIds } from "./view.js";
import { language, t } from "./language.js";

// Milliseconds without a key press.
const PAUSE = 120;
const form = document.getElementById("search");
const field = form.elements.q;
const order = form.elements.sort;
const summary = document.getElementById("summary");
const heading = document.querySelector("h1");
// The application's, which ends each title.
const name = document.title.split(" · ").at(-1);
let timer = null;
// The query and the tags that are on the page.
let tagsShown = "";

export function start() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && field.value) {
      event.preventDefault();
      field.value = "";
      search();
    }
  });
  order.addEventListener("change", () => show({ ...asked(), sort: order.value }, "push"));
  document.addEventListener("click", followed);
  addEventListener("popstate", () => {
    const query = readQuery();
    field.value = query.q;
    show(query);
  });
  onLoaded(showState);
}

export function focusSearch() {
  field.focus();
  field.select();
}

// A search that is written on is one step back, not one for each letter.
function search() {
  clearTimeout(timer);
  const q = field.value.trim();
  if (q === asked()?.q) return;
  show({ ...(asked() ?? readQuery()), q }, asked()?.q && q ? "replace" : "push");
}

// A link to another list of this page does not load the page anew.
function followed(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const { origin, pathname, search } = new URL(link.href);
  const isList = origin === location.origin && ["/", "/list"].includes(pathname);
  if (!isList || link.closest("header") && !search) return;
  event.preventDefault();
  show(readQuery(search), "push");
}

// Reads and shows it; `how` it comes into the browser's history.
async function show(query, how = null) {
  const address = addressOf(query);
  if (how === "push") history.pushState(null, "", address);
  if (how === "replace") history.replaceState(null, "", address);
  try {
    await load(query);
  } catch (error) {
    say(why(error), "bad");
  }
}

// What says on the page which items these are. A field that is being written in is left alone.
function showState({ query, next, search }) {
  if (document.activeElement !== field) field.value = query.q;
  order.value = query.sort;
  heading.textContent = query.tag ? `#${query.tag}` : t(`heading_${query.status}`);
  heading.dir = query.tag ? "auto" : "";
  document.title = `${query.q || heading.textContent} · ${name}`;
  for (const link of document.querySelectorAll("[data-status]")) {
    link.href = addressOf({ ...query, status: link.dataset.status });
    mark(link, link.dataset.status === query.status);
  }
  const kind = query.q ? "search" : query.tag ? "tag" : query.status;
  const [title, hint] = document.querySelectorAll("#empty p");
  title.textContent = t(`empty_${kind}`);
  hint.textContent = t(`empty_${kind}_hint`, { tag: query.tag });
  summary.textContent = query.q ? found(shownIds().length, next) + (search === "plain" ? ` · ${t("search_plain")}` : "") : "";
}

const found = (n, next) => t("found", { n }) + (next === null ? "" : "+");

function mark(link, on) {
  if (on) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

// Where they are the same, nothing has to be laid out anew.
export function showTags(query, tags) {
  const now = JSON.stringify([query, tags]);
  if (now === tagsShown) return;
  tagsShown = now;
  const list = document.getElementById("filters");
  const links = tags.map(([tag, count]) => {
    const link = chip(`#${tag} `, addressOf({ ...query, tag }));
    const number = document.createElement("span");
    number.className = "count";
    number.textContent = count.toLocaleString(language);
    link.append(number);
    mark(link, tag === query.tag);
    return link;
  });
  if (query.tag || query.q) links.unshift(chip(t("filter_off"), addressOf({ ...query, tag: "", q: "" }), "off"));
  list.hidden = links.length === 0;
  list.replaceChildren(...links.map((link) => {
    const entry = document.createElement("li");
    entry.append(link);
    return entry;
  }));
}

function chip(text, href, kind = "") {
  const link = document.createElement("a");
  link.className = `chip ${kind}`.trim();
  link.dir = "auto";
  link.href = href;
  link.textContent = text;
  return link;
}
