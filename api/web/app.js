// The way between the screens, and what is true on all of them: signed in or not, online or not.

import { get, pause, signedIn } from "./client.js";
import { fill, h, tell } from "./dom.js";
import { clock } from "./words.js";

const SCREENS = [
  [/^#\/login$/, () => import("./sign_in.js").then((screen) => ({ show: (view) => screen.show(view, false) }))],
  [/^#\/register$/, () => import("./sign_in.js").then((screen) => ({ show: (view) => screen.show(view, true) }))],
  [/^#\/forgot$/, () => import("./recover.js").then((screen) => ({ show: screen.forgot }))],
  [/^#\/reset(?:\/([\w-]{1,128}))?$/, () => import("./recover.js").then((screen) => ({ show: screen.reset }))],
  [/^#\/verify(?:\/([\w-]{1,128}))?$/, () => import("./recover.js").then((screen) => ({ show: screen.verify }))],
  [/^#\/broker$/, () => import("./broker.js")],
  [/^#\/new$/, () => import("./create.js")],
  [/^#\/account$/, () => import("./account.js")],
  [/^#\/s\/([0-9a-f-]{36})$/, () => withCharts(() => import("./strategy.js"))],
  [/^#?\/?$/, () => import("./list.js")],
];
const FOR_STRANGERS = new Set(["#/login", "#/register", "#/forgot"]);
const MAILED = /^#\/(reset|verify)(\/|$)/; // links of mails, opened on whatever device reads them
const BROKER = {
  connected: "You are logged in at Zerodha for today.",
  broker_rejected: "Zerodha did not accept this login: try again.",
  broker_other_user: "This login belongs to another Zerodha account than the connected one: log in with that one, or forget it first.",
  broker_unavailable: "Zerodha did not answer: try again in a minute.",
  broker_not_connected: "No broker account is connected yet: connect one first.",
};

const AGAIN_EVERY = 5000;

let current = new AbortController();
let lastSeen = null;
let reached = true;

async function go() {
  const hash = location.hash || "#/";
  if (!signedIn() && !FOR_STRANGERS.has(hash) && !MAILED.test(hash)) return location.replace("#/login");
  if (signedIn() && FOR_STRANGERS.has(hash)) return location.replace("#/");
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const view = document.getElementById("view");
  mark(hash);
  showMode();
  const [pattern, load] = SCREENS.find(([one]) => one.test(hash)) ?? SCREENS.at(-1);
  const fresh = h("div", {});
  try {
    const screen = await load();
    if (signal.aborted) return;
    fill(view, fresh);
    await screen.show(fresh, (pattern.exec(hash) ?? []).slice(1), signal, seen);
  } catch (problem) {
    if (signal.aborted) return;
    if (problem.status === 0 || problem.status >= 500) comeBack(signal);
    fill(view, h("h1", { tabindex: -1 }, problem.status === 404 ? "Not found" : "This did not work"),
      h("p", {}, problem.message), h("p", {}, h("button", { onclick: go }, "Try again")));
  }
  if (!signal.aborted) fresh.querySelector("h1")?.focus({ preventScroll: true });
}

/** Show the screen again as soon as the server answers, without a tap. */
async function comeBack(signal) {
  const online = new Promise((resolve) => window.addEventListener("online", resolve, { once: true, signal }));
  await Promise.race([online, pause(AGAIN_EVERY, signal)]);
  if (!signal.aborted) go();
}

function mark(hash) {
  const places = document.getElementById("places");
  places.hidden = !signedIn();
  for (const link of places.querySelectorAll("a")) {
    if (link.getAttribute("href") === hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Paper or real money: always there, once it is known. */
async function showMode() {
  const badge = document.getElementById("mode");
  if (!signedIn() || !badge.hidden) return;
  try {
    const { mode } = await get("/market/status");
    badge.textContent = mode === "live" ? "Real money" : "Paper money";
    badge.className = mode === "live" ? "chip live" : "chip";
    badge.hidden = false;
  } catch { /* the next screen asks again */ }
}

/** The charting library is 160 kB: only who looks at a price waits for it. */
async function withCharts(load) {
  if (!window.LightweightCharts) {
    await new Promise((resolve, reject) => {
      const script = h("script", { src: "/app/lightweight-charts.js" });
      script.onload = resolve;
      script.onerror = () => reject(new Error("The chart could not be loaded: try again when you are online."));
      document.head.append(script);
    });
  }
  return load();
}

function seen() {
  lastSeen = Date.now();
  online();
}

function online() {
  const line = document.getElementById("offline");
  line.hidden = navigator.onLine && reached;
  if (line.hidden) return;
  const why = navigator.onLine ? "The server does not answer." : "You are offline.";
  const since = lastSeen ? ` What you see is of ${clock(lastSeen)}.` : "";
  line.textContent = `${why}${since} What was started goes on by itself on the server.`;
}

/** Zerodha's login page sends the browser back with one word. */
function cameBack() {
  const word = new URLSearchParams(location.search).get("broker");
  if (word === null) return;
  history.replaceState(null, "", `/app${word === "connected" ? "#/" : "#/broker"}`);
  tell(BROKER[word] ?? "The login at Zerodha did not work: try again.", word === "connected" ? "" : "warn");
}

cameBack();
window.addEventListener("hashchange", () => { tell(""); go(); });
window.addEventListener("signed-out", () => { sessionStorage.setItem("stopwatch:signed-out", "1"); location.hash = "#/login"; });
for (const [event, answered] of [["reached", true], ["unreachable", false]]) {
  window.addEventListener(event, () => { reached = answered; online(); });
}
window.addEventListener("online", online);
window.addEventListener("offline", online);
online();
go();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/app/sw.js", { scope: "/app" }).catch(() => {});
