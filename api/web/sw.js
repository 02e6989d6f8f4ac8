// The shell opens without a network; prices, orders and accounts are never stored.

const SHELL = "stopwatch-shell";
const FILES = [
  "/app", "/app/style.css", "/app/app.js", "/app/client.js", "/app/dom.js", "/app/words.js", "/app/sign_in.js", "/app/broker.js",
  "/app/create.js", "/app/list.js", "/app/strategy.js", "/app/chart.js", "/app/account.js", "/app/notices.js", "/app/recover.js", "/app/lightweight-charts.js", "/app/icon.svg",
  "/app/manifest.webmanifest",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The network first: after a deploy nobody sees yesterday's app. The stored shell is for whoever is offline.
self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin || !FILES.includes(pathname)) return;
  event.respondWith(answer(event.request, pathname));
});

async function answer(request, pathname) {
  const shell = await caches.open(SHELL);
  try {
    const fresh = await fetch(request);
    if (fresh.ok) shell.put(pathname, fresh.clone());
    return fresh;
  } catch {
    return (await shell.match(pathname)) ?? Response.error();
  }
}
