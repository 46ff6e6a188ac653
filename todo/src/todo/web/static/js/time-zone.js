// Tells the server this browser's time zone.

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

// Whether it did not know. Where the browser keeps no cookies it never will, and this is false.
export function tellZone() {
  const cookie = `tz=${zone}`;
  const isTold = () => document.cookie.split("; ").includes(cookie);
  if (isTold()) return false;
  document.cookie = `${cookie}; Path=/; Max-Age=31536000; SameSite=Lax`;
  return isTold();
}
