// Shares one stream among the tabs of a browser. Each tab is told everything from the place that it has seen, once
// and in order; or, where that is not known here any more, that it has to read the list again.

import { follows, hasSeen } from "./stream-position.js";
import { LiveStream } from "./live-stream.js";

// Frames that are kept for tabs that come, or come back.
const MOST_KEPT = 1000;
// Milliseconds in which all tabs hear that the browser is offline, or online again.
const SAME_MOMENT = 1000;

export class LiveHub {
  // Tabs that are looked at: how each is told, by what it has seen.
  #tabs = new Map();
  #kept = [];
  #state = "off";
  #status = null;
  // The last renewal, in milliseconds of performance.now().
  #renewed = { reason: "", at: 0 };
  #stream = new LiveStream((frame) => this.#take(frame), (state) => this.#say(state));

  // A tab is looked at, and says so from time to time; `tell` gets {id, delta} and {state}.
  join(tell, seen) {
    if (this.#tabs.has(tell)) return;
    this.#tabs.set(tell, seen);
    if (!this.#stream.running) return this.#begin(seen);
    this.#catchUp(tell, seen);
    tell({ state: this.#state });
    if (this.#status) tell(this.#status);
  }

  // It no longer is. Nobody streams for tabs that nobody looks at.
  leave(tell) {
    this.#tabs.delete(tell);
    if (this.#tabs.size === 0) this.#stop();
  }

  // Nothing is said to be live until another connection is. `tell` is told so whether its tab is looked at or not;
  // all tabs ask at the same moment, for one reason.
  renew(tell, reason) {
    const now = performance.now();
    if (reason === this.#renewed.reason && now - this.#renewed.at < SAME_MOMENT) {
      tell({ state: "off" });
      return tell({ state: this.#state });
    }
    this.#renewed = { reason, at: now };
    if (!this.#tabs.has(tell)) tell({ state: "off" });
    this.#say("off");
    this.#stream.renew();
  }

  #begin(seen) {
    this.#kept = [];
    this.#stream.place = seen;
    this.#stream.start();
  }

  #stop() {
    this.#stream.stop();
    this.#state = "off";
    this.#status = null;
  }

  #catchUp(tell, seen) {
    const { place } = this.#stream;
    // A tab that has just been loaded may be ahead of the stream.
    if (hasSeen(seen, place)) return;
    const missed = this.#kept.filter(({ id }) => !hasSeen(seen, id));
    if (missed.length && follows(seen, missed[0].id)) missed.forEach((frame) => this.#tell(tell, frame));
    else this.#tell(tell, { id: place, delta: { kind: "reset" } });
  }

  #take(frame) {
    if (!frame.id) this.#status = frame;
    else if (frame.delta.kind === "reset") this.#kept = [];
    else this.#kept.push(frame);
    if (this.#kept.length > MOST_KEPT) this.#kept.shift();
    for (const tell of this.#tabs.keys()) this.#tell(tell, frame);
  }

  #tell(tell, frame) {
    if (frame.id && frame.delta.kind !== "reset") {
      if (hasSeen(this.#tabs.get(tell), frame.id)) return;
    }
    if (frame.id) this.#tabs.set(tell, frame.id);
    tell(frame);
  }

  #say(state) {
    this.#state = state;
    for (const tell of this.#tabs.keys()) tell({ state });
  }
}
