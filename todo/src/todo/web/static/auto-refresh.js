// Keeps a part of a page up to date: <div id="…" data-refresh="5"> is read anew every five seconds while it is seen.

for (const { id, dataset } of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => document.hidden || refresh(id), dataset.refresh * 1000);
}

async function refresh(id) {
  const here = document.getElementById(id);
  // Whoever has a place in it keeps it.
  if (!here || here.contains(document.activeElement)) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
    // Signed out meanwhile: loading the page again leads to signing in.
    if (answer.type === "opaqueredirect") return location.reload();
    if (!answer.ok) return;
    const read = new DOMParser().parseFromString(await answer.text(), "text/html");
    const there = read.getElementById(id);
    if (!there) return location.reload();
    here.replaceWith(there);
  } catch {
    // The server is away; the next time may be better.
  }
}
