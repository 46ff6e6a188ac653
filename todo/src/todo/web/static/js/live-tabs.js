// Where there is no shared worker: the tabs that are looked at agree, by a lock, on one that holds the stream, and
// the others hear from it on a channel. Without locks, as over plain HTTP from another machine, each has its own.

import { LiveHub } from "./live-hub.js";

const NAME = "todo-live";

// Calls `take` with what a hub tells.
export function leadOrFollow(take) {
  return navigator.locks ? new Tab(take) : alone(take);
}

function alone(take) {
  const hub = new LiveHub();
  return {
    join: (seen) => hub.join(take, seen),
    leave: () => hub.leave(take),
    renew: (reason) => hub.renew(take, reason),
  };
}

class Tab {
  #channel = new BroadcastChannel(NAME);
  #me = String(Math.random());
  #seen = "";
  // Ends taking part; null while this tab is not looked at.
  #end = null;
  // While this tab leads: the hub, and how other tabs are told, by their names.
  #hub = null;
  #others = new Map();
  #take;

  constructor(take) {
    this.#take = (message) => {
      if (message.id) this.#seen = message.id;
      take(message);
    };
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
  }

  join(seen) {
    if (this.#end) return;
    this.#seen = seen;
    const ending = new AbortController();
    this.#end = () => ending.abort();
    const { signal } = ending;
    const ended = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    navigator.locks.request(NAME, { signal }, () => this.#lead(ended)).catch(() => {});
    this.#ask("join");
  }

  leave() {
    if (!this.#end) return;
    this.#end();
    this.#end = null;
    this.#ask("leave");
  }

  renew(reason) {
    // There may be nobody who leads just now.
    this.#take({ state: "off" });
    if (this.#hub) this.#hub.renew(this.#take, reason);
    else this.#ask("renew", reason);
  }

  #ask(kind, reason = "") {
    this.#channel.postMessage({ kind, from: this.#me, seen: this.#seen, reason });
  }

  #hear({ kind, to, from, seen, reason, message }) {
    if (kind === "told" && to === this.#me && this.#end) this.#take(message);
    if (kind === "led" && this.#end) this.#ask("join");
    if (kind === "join") this.#hub?.join(this.#teller(from), seen);
    if (kind === "leave") this.#hub?.leave(this.#teller(from));
    if (kind === "renew") this.#hub?.renew(this.#teller(from), reason);
  }

  #teller(to) {
    if (!this.#others.has(to)) {
      this.#others.set(to, (message) => this.#channel.postMessage({ kind: "told", to, message }));
    }
    return this.#others.get(to);
  }

  async #lead(ended) {
    this.#hub = new LiveHub();
    this.#hub.join(this.#take, this.#seen);
    this.#channel.postMessage({ kind: "led" });
    await ended;
    for (const tell of [this.#take, ...this.#others.values()]) this.#hub.leave(tell);
    this.#others.clear();
    this.#hub = null;
  }
}
