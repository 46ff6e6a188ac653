// The order of items, as the server has it: texts compared by code point, the greatest position on top.

const text = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
const by = (field) => (one, other) => text(one[field], other[field]) || text(one.id, other.id);
// Those without a date come last.
const byDue = (one, other) =>
  (!one.due - !other.due) || text(one.due ?? "", other.due ?? "") || text(one.id, other.id);

const ORDERS = {
  "-position": (one, other) => by("position")(other, one),
  due: byDue,
  "-added": (one, other) => text(other.id, one.id),
  item: by("item"),
};

export function orderOf(sort) {
  return ORDERS[sort] ?? ORDERS["-position"];
}
