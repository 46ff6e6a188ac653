// Shows the page where the server cannot be reached, so that items can still be written down.
// The server puts KEPT above this: {name, offline, files}.

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(KEPT.name);
    await cache.addAll(KEPT.files);
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== KEPT.name) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname.startsWith("/static/")) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  } else if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch((error) => shell(pathname, error)));
  }
});

// Only for the list: another page has nothing to say without a server.
async function shell(pathname, error) {
  const kept = ["/", "/list", "/new"].includes(pathname) && await caches.match(KEPT.offline);
  if (!kept) throw error;
  return kept;
}
