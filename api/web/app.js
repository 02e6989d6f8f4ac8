// The way between the screens, and what is true on all of them: signed in or not, paper or real, online or not.

import { book, open } from "./book.js";
import { signedIn } from "./client.js";
import { html, Question, render, tell, told, Unread, useEffect, useRead, useRef, useState, useStore } from "./ui.js";
import { clock, named, standing } from "./words.js";

const ID = "([0-9a-f-]{36})";
/** @type {[RegExp, () => Promise<any>, string?][]} address, what draws it, and the place that it belongs to */
const SCREENS = [
  [/^#\/login$/, () => import("./sign_in.js").then((found) => found.LogIn)],
  [/^#\/register$/, () => import("./sign_in.js").then((found) => found.Register)],
  [/^#\/forgot$/, () => import("./recover.js").then((found) => found.Forgot)],
  [/^#\/reset(?:\/([\w-]{1,128}))?$/, () => import("./recover.js").then((found) => found.Reset)],
  [/^#\/verify(?:\/([\w-]{1,128}))?$/, () => import("./recover.js").then((found) => found.Verify)],
  [/^#\/new$/, () => import("./create.js").then((found) => found.New), "#/new"],
  [new RegExp(`^#/edit/${ID}$`), () => import("./create.js").then((found) => found.Edit), "#/"],
  [new RegExp(`^#/s/${ID}$`), () => import("./strategy.js").then((found) => found.StrategyPage), "#/"],
  [new RegExp(`^#/days(?:/${ID})?$`), () => import("./days.js").then((found) => found.Days), "#/days"],
  [/^#\/broker(?:\/([^/]{1,800}))?$/, () => import("./broker.js").then((found) => found.BrokerPage), "#/account"],
  [/^#\/account$/, () => import("./account.js").then((found) => found.Account), "#/account"],
  [/^#?\/?$/, () => import("./today.js").then((found) => found.Today), "#/"],
];
const PLACES = [["#/", "Today"], ["#/new", "New"], ["#/days", "Days"], ["#/account", "Account"]];
const FOR_STRANGERS = new Set(["#/login", "#/register", "#/forgot"]);
const MAILED = /^#\/(reset|verify)(\/|$)/; // links of mails, opened on whatever device reads them
const BROKER = {
  connected: "You are logged in at Zerodha for today.",
  broker_rejected: "Zerodha did not accept this login: try again.",
  broker_other_user: "This login belongs to another Zerodha account than the connected one: log in with that one, or forget it first.",
  broker_unavailable: "Zerodha did not answer: try again in a minute.",
  broker_not_connected: "No broker account is connected yet: connect one first.",
};

/** Return the address to show: who is not signed in sees the first screen, who is does not. */
function place() {
  const hash = location.hash || "#/";
  if (!signedIn() && !FOR_STRANGERS.has(hash) && !MAILED.test(hash)) return "#/login";
  if (signedIn() && FOR_STRANGERS.has(hash)) return "#/";
  return hash;
}

function useHash() {
  const [hash, set] = useState(place());
  useEffect(() => {
    const moved = () => {
      const next = place();
      if (next !== (location.hash || "#/")) history.replaceState(null, "", next);
      if (!told.get().stays) tell("");
      else told.set({ ...told.get(), stays: false });
      set(next);
    };
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  return hash;
}

function App() {
  const hash = useHash();
  const [pattern, load, tab] = SCREENS.find(([one]) => one.test(hash)) ?? SCREENS[SCREENS.length - 1];
  const words = (pattern.exec(hash) ?? []).slice(1);
  const inside = signedIn() && !FOR_STRANGERS.has(hash) && !MAILED.test(hash);
  return html`
    <a class="skip" href="#view" onClick=${skip}>Skip to the content</a>
    <${Bar} tab=${tab} inside=${inside} />
    <${Connection} />
    <${Told} />
    <main id="view" tabindex="-1"><${Screen} key=${hash} load=${load} words=${words} inside=${inside} /></main>
    <${Question} />
    ${inside ? html`<${Changes} />` : null}`;
}

/** Tells screen readers what has become of a strategy, wherever in the app they are. */
function Changes() {
  const { strategies } = useStore(book);
  const known = useRef(/** @type {Map<string, string>} */ (new Map()));
  const [said, say] = useState("");
  useEffect(() => {
    const all = [...strategies.values()];
    const changed = all.filter((one) => known.current.has(one.strategy_id) && known.current.get(one.strategy_id) !== standing(one));
    known.current = new Map(all.map((one) => [one.strategy_id, standing(one)]));
    if (changed.length) say(changed.map((one) => `${named(one)}: ${standing(one)}.`).join(" "));
  }, [strategies]);
  return html`<p class="unseen" role="status">${said}</p>`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("view")?.focus();
}

/** One screen: its file first, and for who is signed in the account's book. */
function Screen({ load, words, inside }) {
  const state = useRead(async () => {
    const [part] = await Promise.all([load(), inside ? open() : null]);
    return part;
  });
  if (!state.data) {
    return html`${state.problem && html`<h1 tabindex="-1">${state.problem.status === 404 ? "Not found" : "This did not work"}</h1>`}<${Unread} of=${state} />`;
  }
  return html`<${state.data} words=${words} />`;
}

function Bar({ tab, inside }) {
  const { mode } = useStore(book);
  return html`<header class="bar">
    <a class="brand" href="#/" aria-label="Stopwatch, today"><img src="/app/icon.svg" alt="" width="28" height="28" /><span>Stopwatch</span></a>
    ${inside && mode ? html`<span class=${mode === "live" ? "chip live" : "chip paper"}>${mode === "live" ? "Real money" : "Paper money"}</span>` : null}
    ${inside ? html`<nav class="tabs" aria-label="Places">${PLACES.map(([to, name]) =>
      html`<a key=${to} href=${to} aria-current=${tab === to ? "page" : null}>${name}</a>`)}</nav>` : null}
  </header>`;
}

/** What is known, and since when, while the server or the network is away. */
function Connection() {
  const { answers, seenAt } = useStore(book);
  const [online, set] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => set(navigator.onLine);
    window.addEventListener("online", look);
    window.addEventListener("offline", look);
    return () => { window.removeEventListener("online", look); window.removeEventListener("offline", look); };
  }, []);
  if (online && answers) return null;
  const why = online ? "The server does not answer." : "You are offline.";
  const since = seenAt ? ` What you see is of ${clock(seenAt)}.` : "";
  return html`<p class="notice warn" role="status">${`${why}${since} What was started goes on by itself on the server.`}</p>`;
}

const TOLD_MS = 8000;

/** What was just said: over the screen, wherever one has scrolled to. A warning stays until it is tapped. */
function Told() {
  const { text, kind } = useStore(told);
  useEffect(() => {
    if (!text || kind) return undefined;
    const timer = setTimeout(() => tell(""), TOLD_MS);
    return () => clearTimeout(timer);
  }, [text, kind]);
  return html`<div class="told" role="status">${text ? html`<p class=${`notice ${kind}`}>${text} <button class="close" aria-label="Close" onClick=${() => tell("")}>×</button></p>` : null}</div>`;
}

/** Zerodha's login page sends the browser back with one word. */
function cameBack() {
  const word = new URLSearchParams(location.search).get("broker");
  if (word === null) return;
  history.replaceState(null, "", `/app${word === "connected" ? "#/" : "#/broker"}`);
  tell(BROKER[word] ?? "The login at Zerodha did not work: try again.", word === "connected" ? "" : "warn", true);
}

cameBack();
window.addEventListener("signed-out", () => { sessionStorage.setItem("stopwatch:signed-out", "1"); location.hash = "#/login"; });
history.replaceState(null, "", place());
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/app/sw.js", { scope: "/app" }).catch(() => {});
