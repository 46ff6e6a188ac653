// One connection to /live, made again whenever it is lost. It is read by hand, since an EventSource neither says
// that one is signed out, nor begins at a place that it is given.

// Milliseconds until the next attempt, the first and the longest.
const [FIRST_PAUSE, LONGEST_PAUSE] = [500, 5000];
// Milliseconds without a byte after which the connection is dead: the server says something every 15 seconds, which
// may be late by what a busy server and a slow network take together.
const SILENCE = 25_000;

// `onFrame` gets {id, delta} for each event; `onState` "on", "off" or "signed-out".
export class LiveStream {
  #onFrame;
  #onState;
  #stopping = null;
  // Everything until this place was read.
  place = "";

  constructor(onFrame, onState) {
    this.#onFrame = onFrame;
    this.#onState = onState;
  }

  get running() {
    return this.#stopping !== null;
  }

  start() {
    if (!this.#stopping) this.#run(this.#stopping = new AbortController());
  }

  stop() {
    this.#stopping?.abort();
    this.#stopping = null;
  }

  // Another connection, at once: whether the one that there is still lives is in doubt.
  renew() {
    if (!this.running) return;
    this.stop();
    this.start();
  }

  async #run(stopping) {
    const { signal } = stopping;
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      const outcome = await this.#read(signal).catch(() => "off");
      if (signal.aborted) return;
      if (outcome === "signed-out") this.#stopping = null;
      this.#onState(outcome === "signed-out" ? outcome : "off");
      if (outcome === "signed-out") return;
      pause = outcome === "ended" ? FIRST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE);
      // Not all browsers at the same moment, after the server was away.
      await woken(pause * (0.5 + Math.random()), signal);
    }
  }

  // Reads until the connection ends. "ended" where there was one.
  async #read(signal) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE);
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE);
    };
    try {
      const answer = await fetch(`/live?after=${encodeURIComponent(this.place)}`, {
        headers: { Accept: "text/event-stream" },
        cache: "no-store",
        signal: AbortSignal.any([signal, silence.signal]),
      });
      if (answer.status === 401) return "signed-out";
      if (!answer.ok) return "off";
      this.#onState("on");
      await this.#take(answer.body, alive).catch(() => {});
      return "ended";
    } finally {
      clearTimeout(timer);
    }
  }

  async #take(body, alive) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) this.#event(event);
    }
  }

  #event(event) {
    const fields = {};
    for (const line of event.split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
    }
    if (!fields.data) return;
    if (fields.id) this.place = fields.id;
    this.#onFrame({ id: fields.id ?? "", delta: JSON.parse(fields.data) });
  }
}

// Sooner where the browser says that the network is back.
function woken(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    for (const [target, name] of [[signal, "abort"], [globalThis, "online"]]) {
      target.addEventListener(name, () => (clearTimeout(timer), resolve()), { once: true });
    }
  });
}
