// Ids that this browser makes: UUIDv7 (RFC 9562), each later than the one before.

let last = 0;
let counter = 0;

export function newId(now = Date.now()) {
  // 12 bits of counter, so that many items of one millisecond stay in the order in which they were written.
  if (now > last) [last, counter] = [now, 0];
  else if (++counter > 0xfff) [last, counter] = [last + 1, 0];
  const random = crypto.getRandomValues(new Uint8Array(8));
  random[0] = random[0] & 0x3f | 0x80;
  const rest = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const time = last.toString(16).padStart(12, "0");
  const count = counter.toString(16).padStart(3, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}
