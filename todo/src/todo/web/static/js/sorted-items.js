// Items in order, each found by its id.

export class Sorted {
  #order;
  #all = [];
  #byId = new Map();

  constructor(order) {
    this.#order = order;
  }

  get ids() {
    return this.#all.map((item) => item.id);
  }

  get size() {
    return this.#all.length;
  }

  has(id) {
    return this.#byId.has(id);
  }

  // Puts it where it belongs, wherever it was; answers the id of the one behind it, null at the end.
  put(item) {
    this.take(item.id);
    const at = this.#placeOf(item);
    this.#all.splice(at, 0, item);
    this.#byId.set(item.id, item);
    return this.#all[at + 1]?.id ?? null;
  }

  take(id) {
    const item = this.#byId.get(id);
    if (!item) return;
    this.#byId.delete(id);
    this.#all.splice(this.#placeOf(item), 1);
  }

  #placeOf(item) {
    let [low, high] = [0, this.#all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#order(this.#all[middle], item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
