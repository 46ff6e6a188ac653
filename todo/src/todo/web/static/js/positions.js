// Places in the list, as the server makes them: fractions in base 36 without their point, compared as texts.

const BASE = 36n;
// From so many places at least one is taken at random: two who use the same gap must not take the same.
const LEAST_GAP = BASE ** 3n;
// At the ends of the list only so far away, so that what is added later still is the newest.
const LONGEST_STEP = 36 ** 2;
// Digits in which that is counted.
const END_DIGITS = 37;

// Where an item stands that was never moved.
export function positionOf(id) {
  return `${id.replaceAll("-", "")}h`;
}

// A position between two others; null is the end of the list. One of them is none.
export function between(low, high) {
  if (low === null) return near(high, -1n);
  if (high === null || high <= low) return near(low, 1n);
  let length = Math.max(low.length, high.length);
  let [start, end] = [number(low, length), number(high, length)];
  for (; end - start < LEAST_GAP; length++) [start, end] = [start * BASE, end * BASE];
  // Any number from the middle half of the gap.
  const quarter = (end - start) / 4n;
  const share = BigInt(Math.floor(Math.random() * 2 ** 32));
  return text(start + quarter + (2n * quarter * share >> 32n), length);
}

function near(end, direction) {
  for (let length = Math.max(end.length, Math.min(end.length + 4, END_DIGITS)); ; length++) {
    const step = BigInt(1 + Math.floor(Math.random() * LONGEST_STEP));
    const found = number(end, length) + direction * step;
    if (found > 0n && found < BASE ** BigInt(length)) return text(found, length);
  }
}

function number(position, length) {
  const digits = [...position.padEnd(length, "0")];
  return digits.reduce((sum, digit) => sum * BASE + BigInt(parseInt(digit, 36)), 0n);
}

function text(found, length) {
  return found.toString(36).padStart(length, "0").replace(/0+$/, "");
}
