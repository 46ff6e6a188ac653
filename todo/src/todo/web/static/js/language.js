// The texts of the scripts, in the language of the page.

const words = read("words");
// The names of days and months, and the forms of dates.
export const dates = read("dates");
export const language = document.documentElement.lang;
const plurals = new Intl.PluralRules(language);

function read(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

// The words of this key; `n` chooses between its forms for one and for several.
export function t(key, values = {}) {
  const found = words[key];
  const form = typeof found === "string" ? found : found[plurals.select(values.n)] ?? found.other;
  return filled(form, values);
}

// `{name}` replaced by the values, once: a value is text that somebody wrote.
export function filled(form, values) {
  return form.replace(/\{(\w+)\}/g, (all, name) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString(language) : value ?? all;
  });
}
