// The field in a row that edits the text of an item: Enter saves, Esc cancels.

import { edit, save } from "./actions.js";
import { why } from "./changes.js";
import { copy } from "./item-states.js";
import { button, say } from "./notices.js";
import { rowOf } from "./rows.js";
import * as state from "./state.js";
import { complaint, isComposing } from "./item-text.js";
import { focusRow, refresh } from "./view.js";
import { t } from "./language.js";

// Puts a field in the place of the text of this item.
export function startEditing(id, text = undefined) {
  const row = rowOf(id);
  const item = state.shown(id);
  const open = row?.querySelector(".editor textarea");
  if (open) return open.focus();
  if (!row || !item) return;
  if (item.local) return say(t("offline_change"), "bad");
  new Editor(row, item, text ?? item.item);
}

class Editor {
  constructor(row, item, text) {
    this.item = item;
    this.row = row;
    this.shown = row.querySelector(".text");
    this.box = document.createElement("div");
    this.box.className = "editor";
    this.field = document.createElement("textarea");
    this.field.rows = 1;
    this.field.dir = "auto";
    this.field.value = text;
    this.field.setAttribute("aria-label", t("edit_text"));
    this.note = document.createElement("p");
    this.note.className = "error";
    this.note.setAttribute("role", "alert");
    this.box.append(this.field, this.note);
    this.shown.hidden = true;
    this.shown.before(this.box);
    this.field.addEventListener("keydown", (event) => this.pressed(event));
    this.field.addEventListener("input", () => this.written());
    this.field.addEventListener("blur", () => this.left());
    this.written();
    this.field.focus();
    this.field.setSelectionRange(text.length, text.length);
    watched.set(item.id, this);
  }

  pressed(event) {
    if (isComposing(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.save();
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.close(true);
    }
  }

  // As high as its text.
  written() {
    if (state.shown(this.item.id)) this.note.textContent = "";
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  // Whoever goes on elsewhere wants what they have written; what cannot be saved stays here.
  left() {
    if (this.closed || !document.hasFocus() || !state.shown(this.item.id)) return;
    if (this.field.value.trim() === this.item.item) this.close(false);
    else this.save(false);
  }

  async save(focus = true) {
    const text = this.field.value.trim();
    const wrong = complaint(text);
    if (wrong) return this.tell(wrong);
    const theirs = state.shown(this.item.id);
    if (text === theirs?.item) return this.close(focus);
    const values = text === this.item.item ? {} : { item: text };
    // Before the editor closes: an item that is gone has to be back by then, or its row leaves with it.
    const saved = theirs ? edit(theirs, text, this.item.version) : save(this.item, values);
    this.close(focus);
    try {
      await saved;
    } catch (error) {
      startEditing(this.item.id, text);
      const again = watched.get(this.item.id);
      if (again) again.tell(why(error));
      else say(t("edit_lost", { text, reason: why(error) }), "bad", copying(text));
    }
  }

  tell(text) {
    this.note.textContent = text;
  }

  close(focus) {
    this.closed = true;
    watched.delete(this.item.id);
    // The row may go now, or move; where it goes, the keyboard is on the one in its place.
    this.box.className = "";
    refresh([this.item.id]);
    this.box.remove();
    this.shown.hidden = false;
    if (focus && this.row.isConnected) focusRow(this.item.id);
  }

  // Somebody else has changed it meanwhile: what is written here stays, and the author knows.
  changed() {
    const now = state.shown(this.item.id);
    if (!now) return this.tell(t("edit_gone"));
    if (now.item !== this.item.item) this.tell(t("edit_theirs", { theirs: now.item }));
  }
}

const copying = (text) => button(t("copy"), () => copy(text));

// The editors that are open, by item.
const watched = new Map();

state.onChange((ids) => {
  for (const id of ids) watched.get(id)?.changed();
});
