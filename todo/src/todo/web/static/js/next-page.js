// Loads the next page before the end of the list is reached.

import { why } from "./changes.js";
import { loadMore, onLoaded } from "./list-loader.js";
import { addressOf } from "./list-query.js";
import { say } from "./notices.js";

// How far below what is seen they are fetched.
const AHEAD = "1200px";

export function start() {
  const link = document.getElementById("more");
  let busy = false;
  async function more() {
    if (busy || link.hidden) return;
    busy = true;
    try {
      await loadMore();
      look();
    } catch (error) {
      say(why(error), "bad");
    } finally {
      busy = false;
    }
  }
  // It may still be in sight: who is observed anew is told anew.
  function look() {
    seen.unobserve(link);
    seen.observe(link);
  }
  link.addEventListener("click", (event) => {
    event.preventDefault();
    more();
  });
  const seen = new IntersectionObserver((told) => told.at(-1).isIntersecting && more(), {
    rootMargin: AHEAD,
  });
  onLoaded(({ query, next }) => {
    link.hidden = next === null;
    if (next !== null) link.href = addressOf(query, "/", { after: next });
    if (!busy) look();
  });
}
