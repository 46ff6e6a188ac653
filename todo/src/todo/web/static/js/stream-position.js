// Positions in the live stream: "<epoch>-<number>". Numbers of two epochs cannot be compared.

function parsed(place) {
  const [epoch, number] = (place || "").split("-");
  return { epoch, number: Number(number) };
}

// Whether somebody who has seen everything until `seen` has seen what stands at `place`.
export function hasSeen(seen, place) {
  const [before, now] = [parsed(seen), parsed(place)];
  return Boolean(place) && before.epoch === now.epoch && before.number >= now.number;
}

// Whether `place` comes right behind `seen`, or was seen already: nothing is missed between them.
export function follows(seen, place) {
  const [before, now] = [parsed(seen), parsed(place)];
  return before.epoch === now.epoch && before.number + 1 >= now.number;
}
