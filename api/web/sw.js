// The shell opens without a network; prices, orders and accounts are never stored. Notifications are shown.

const SHELL = "stopwatch-shell-2";
const FILES = [
  "/app", ...["vendor/pico.css", "vendor/preact.js", "vendor/hooks.js", "vendor/htm.js", "style.css", "app.js", "ui.js", "problems.js", "client.js", "book.js", "words.js",
    "today.js", "strategy.js", "strategy_acts.js", "strategy_orders.js", "chart.js", "create.js", "check.js", "terms.js", "terms_fields.js", "symbol_box.js", "days.js",
    "account.js", "broker.js", "limits.js", "notices.js", "push.js", "security.js", "sign_in.js", "recover.js", "lightweight-charts.js",
    "icon.svg", "icon-192.png", "icon-512.png", "manifest.webmanifest"].map((name) => `/app/${name}`),
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(FILES)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("stopwatch-shell") && name !== SHELL;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

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

/** A notification of the server: `{title, body, place, tag}`; `place` is where a tap leads to, and one tag is shown once. */
self.addEventListener("push", (event) => {
  const { title = "Stopwatch", body = "Something happened: open the app.", place = "#/", tag } = event.data?.json() ?? {};
  event.waitUntil(self.registration.showNotification(title, { body, tag, icon: "/app/icon-192.png", badge: "/app/icon-192.png", data: { place } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(`/app${event.notification.data?.place ?? "#/"}`));
});

async function show(place) {
  const [open] = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (!open) return self.clients.openWindow(place);
  await open.navigate(place);
  return open.focus();
}
