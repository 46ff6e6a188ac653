// Says on the page whether it is being kept up to date; htmx does the rest.
(() => {
  const say = (state) => { document.documentElement.dataset.live = state; };
  document.addEventListener("htmx:sse:after:connection", () => say("on"));
  document.addEventListener("htmx:sse:before:connection", (event) => {
    if (event.detail.connection.attempt > 0) say("off");
  });
  document.addEventListener("htmx:sse:error", () => say("off"));
})();
