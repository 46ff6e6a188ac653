// The other fields of an item, in a panel under it: due date, tags, notes.

import { save as saveFields } from "./actions.js";
import { addressOf, why } from "./changes.js";
import * as dates from "./dates.js";
import { button, say } from "./notices.js";
import { rowOf } from "./rows.js";
import * as state from "./state.js";
import { focusRow, refresh } from "./view.js";
import { t } from "./language.js";

// Opens it with the focus on one of its fields, or closes it.
export function toggleDetails(id, name = "due") {
  const row = rowOf(id);
  const item = state.shown(id);
  const open = row?.querySelector("form.details");
  if (open) return close(open, id);
  if (!row || !item) return;
  if (item.local) return say(t("offline_change"), "bad");
  const form = makeForm(item);
  row.append(form);
  form.scrollIntoView({ block: "nearest" });
  form.elements[name].focus({ preventScroll: true });
}

function makeForm(item) {
  const due = dates.due(item.due);
  const form = document.createElement("form");
  form.className = "details";
  form.noValidate = true;
  const error = document.createElement("p");
  error.className = "error";
  error.setAttribute("role", "alert");
  const history = document.createElement("a");
  history.href = addressOf(item.id);
  history.textContent = t("history");
  const save = document.createElement("button");
  save.className = "small";
  save.textContent = t("save");
  const actions = document.createElement("p");
  actions.className = "details-actions";
  actions.append(save, button(t("cancel"), () => close(form, item.id), "small"), history);
  form.append(
    labelled("due", input("date", "due", due?.day ?? "")),
    labelled("time", input("time", "time", due?.time ?? "")),
    labelled("tags", input("text", "tags", item.tags.join(" "))),
    labelled("notes", notes(item.notes)),
    error,
    actions,
  );
  form.addEventListener("input", () => {
    if (state.shown(item.id)) error.textContent = "";
    form.classList.add("written");
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form, item, error);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(form, item.id);
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    else return;
    event.preventDefault();
  });
  return form;
}

function labelled(name, field) {
  const label = document.createElement("label");
  label.className = `details-${name}`;
  const words = document.createElement("span");
  words.textContent = t(`field_${name}`);
  label.append(words, field);
  return label;
}

function input(type, name, value) {
  const field = document.createElement("input");
  Object.assign(field, { type, name, value, autocomplete: "off" });
  return field;
}

function notes(value) {
  const field = document.createElement("textarea");
  Object.assign(field, { name: "notes", value, rows: 3, dir: "auto" });
  return field;
}

// Only what is not as it was when the panel was opened is changed.
async function submit(form, item, error) {
  const { due, time, tags, notes } = form.elements;
  const before = dates.due(item.due);
  // A time alone is one of today; but who takes the day away wants it due no more.
  if (!due.value && before) time.value = "";
  if (time.value && !due.value) due.value = dates.today();
  if (!due.validity.valid || !time.validity.valid) return error.append(t("due_wrong"));
  const wanted = {
    due: dates.valueOf(due.value, time.value),
    tags: tags.value.split(/[\s,]+/).map((tag) => tag.replace(/^#+/, "")).filter(Boolean),
    notes: notes.value,
  };
  if ((before?.day ?? "") === due.value && (before?.time ?? "") === time.value) wanted.due = item.due;
  const names = Object.keys(wanted).filter((name) => String(wanted[name]) !== String(item[name]));
  const values = Object.fromEntries(names.map((name) => [name, wanted[name]]));
  // Before the panel closes: an item that is gone has to be back by then, or its row leaves with the panel.
  const saved = names.length ? saveFields(state.shown(item.id) ?? item, values) : null;
  close(form, item.id);
  try {
    await saved;
  } catch (refusal) {
    rowOf(item.id)?.append(form);
    if (form.isConnected) error.textContent = why(refusal);
    else say(why(refusal), "bad");
  }
}

function close(form, id) {
  // The row may go now, or move; where it goes, the keyboard is on the one in its place.
  form.classList.remove("written");
  refresh([id]);
  form.remove();
  if (rowOf(id)) focusRow(id);
}

// Whoever writes about an item that somebody else deletes meanwhile is told.
state.onChange((ids) => {
  for (const id of ids) {
    const error = !state.shown(id) && rowOf(id)?.querySelector(".details.written .error");
    if (error) error.textContent = t("edit_gone");
  }
});
