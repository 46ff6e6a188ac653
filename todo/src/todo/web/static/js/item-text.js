// The rules for an item's text, the same as the server's, checked before anything is sent.

import { t } from "./language.js";

// Unicode code points.
const MAX_LENGTH = 256;
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cs}\p{Zs}\u2800\u3164\uffa0]/u;

// What is wrong with a text, in a sentence for people; "" where nothing is. The server has the last word.
export function complaint(text) {
  const trimmed = text.trim();
  if (!VISIBLE.test(trimmed)) return t(trimmed ? "text_invisible" : "text_missing");
  const length = [...trimmed].length;
  return length > MAX_LENGTH ? t("text_long", { n: length, most: MAX_LENGTH }) : "";
}

// The texts of several lines.
export function linesOf(text) {
  return text.split(/\r\n|\r|\n/).map((line) => line.trim()).filter(Boolean);
}

// Whether Enter belongs to an input method that is composing. Safari ends composing just before it says so.
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

// A text as it is shown: what it consists of where nothing of it is seen, as other publishers may have it.
export function visible(text) {
  if (VISIBLE.test(text)) return text;
  const codes = [...text].map((one) => `\\u${one.codePointAt(0).toString(16).padStart(4, "0")}`);
  return codes.join("");
}
