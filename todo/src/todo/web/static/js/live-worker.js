// The shared worker that holds the one live stream of a browser, for all of its tabs.

import { LiveHub } from "./live-hub.js";

// A tab that says nothing for so many milliseconds has gone without a word, as when it crashed.
const SILENCE = 60_000;

const hub = new LiveHub();

addEventListener("connect", ({ ports: [port] }) => {
  const tell = (message) => port.postMessage(message);
  let silence = 0;
  const leave = () => hub.leave(tell);
  port.addEventListener("message", ({ data }) => {
    if (data.kind === "renew") return hub.renew(tell, data.reason);
    clearTimeout(silence);
    if (data.kind === "leave") return leave();
    hub.join(tell, data.seen);
    silence = setTimeout(leave, SILENCE);
  });
  port.start();
});
