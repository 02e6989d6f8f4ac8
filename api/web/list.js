// Today: what is held and what it is worth, what waits, what has ended; live, in one stream for all strategies.

import { follow, get, pause, post } from "./client.js";
import { ask, fill, h, tell } from "./dom.js";
import { clock, dayWord, isoDay, named, nextMoment, percent, rupees, sign, standing, stopWords, targetWords, until } from "./words.js";

const SECTIONS = [
  ["Running", (one) => one.status === "running" && one.phase !== "waiting"],
  ["Waiting", (one) => one.status === "running" && one.phase === "waiting"],
  ["Ended", (one) => one.status === "stopped"],
  ["Not started", (one) => one.status === "created"],
];
const ENDED_SHOWN = 10;

export async function show(view, _parameters, signal, seen) {
  const page = new Today(view, signal, seen);
  await page.open();
}

class Today {
  constructor(view, signal, seen) {
    Object.assign(this, { view, signal, seen, strategies: new Map(), broker: null, all: false });
    this.parts = { places: h("div", {}), sums: h("div", {}), lists: h("div", {}) };
  }

  async open() {
    this.view.append(
      h("div", { class: "row" }, h("h1", { tabindex: -1 }, "Today"), h("a", { class: "button", href: "#/new" }, "New strategy")),
      this.parts.places, this.parts.sums, this.parts.lists,
    );
    await Promise.all([this.read(), this.readPlaces()]);
    this.draw();
    follow("/events?since=now", this.signal, (data, name) => this.heard(data, name));
    this.tick();
  }

  async read() {
    let next = null;
    do {
      const page = await get(`/strategy?limit=100${next ? `&cursor=${encodeURIComponent(next)}` : ""}`);
      for (const one of page.items) this.strategies.set(one.strategy_id, one);
      next = page.next;
    } while (next);
    this.seen();
  }

  async readPlaces() {
    const [broker, account] = await Promise.all([get("/broker"), get("/account")]);
    this.broker = broker;
    fill(this.parts.places, ...advice(broker, account));
  }

  heard(data, name) {
    this.seen();
    const known = this.strategies.get(data.strategy_id);
    if (name === "strategy") this.strategies.set(data.strategy_id, data);
    else if (name === "deleted") this.strategies.delete(data.strategy_id);
    else if (name === "price" && known) Object.assign(known, data);
    else return;
    this.stale = true;
  }

  /** Draw what was heard, and the time that is left, once a second. */
  async tick() {
    while (!this.signal.aborted) {
      await pause(1000, this.signal);
      if (this.signal.aborted || document.hidden) continue;
      const counts = [...this.strategies.values()].some((one) => nextMoment(one));
      if (this.stale || counts) this.draw();
    }
  }

  draw() {
    this.stale = false;
    const found = [...this.strategies.values()].sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
    fill(this.parts.sums, ...sums(found));
    const focus = document.activeElement?.getAttribute("href");
    fill(this.parts.lists, ...(found.length ? SECTIONS.flatMap(([title, holds]) => this.section(title, found.filter(holds))) : [empty(this.broker)]));
    if (focus) [...this.parts.lists.querySelectorAll("a")].find((one) => one.getAttribute("href") === focus)?.focus({ preventScroll: true });
  }

  section(title, found) {
    if (!found.length) return [];
    const shown = title === "Ended" && !this.all ? found.slice(0, ENDED_SHOWN) : found;
    const more = () => { this.all = true; this.draw(); };
    return [
      h("h2", {}, `${title} (${found.length})`),
      h("ul", { class: "cards" }, ...shown.map((one) => (one.position === "bought" ? held(one) : card(one)))),
      shown.length < found.length ? h("button", { class: "plain", onclick: more }, `Show ${found.length - shown.length} more`) : null,
    ];
  }
}

/** What all of today's strategies have come to, and the way out of all of them. */
function sums(found) {
  const today = isoDay(Date.now());
  const traded = found.filter((one) => one.trading_day === today && one.pnl !== null);
  const holding = found.filter((one) => one.position === "bought" && one.status === "running");
  if (!traded.length && !holding.length) return [];
  const total = (name) => traded.reduce((sum, one) => (sum === null || one[name] === null ? null : sum + one[name]), 0);
  const risk = holding.reduce((sum, one) => (sum === null ? null : atRisk(one) === null ? null : sum + atRisk(one)), 0);
  return [h("section", { class: "card" },
    h("p", { class: "quiet" }, "Today, after charges"),
    h("p", { class: `big ${sign(total("net_pnl"))}` }, rupees(total("net_pnl"))),
    h("p", { class: "quiet number" }, `${rupees(total("pnl"))} before charges, as they are known`),
    holding.length ? h("p", { class: "number" }, `${holding.length === 1 ? "1 strategy holds" : `${holding.length} strategies hold`} shares; down to their stops ${risk === null ? "an unknown amount" : rupees(risk)} can be lost from here.`) : null,
    holding.length ? h("button", { class: "danger", onclick: sellEverything }, "Sell everything now") : null)];
}

/** Return the rupees between the last price and the stop; null where either is not known. */
function atRisk(one) {
  if (one.last_price === null || one.stop_price === null) return null;
  return Math.max(0, (one.last_price - one.stop_price) * one.filled_quantity);
}

async function sellEverything() {
  const chosen = await ask("Sell everything now?", "Every running strategy is stopped, and what it holds is sold at the market's price. Nothing more is bought until you allow it again.", [["yes", "Sell everything", "danger"]]);
  if (!chosen) return;
  try {
    const now = await post("/account/kill-switch", { on: true, exits: "exit", reason: "sold everything from the app" });
    tell(`Buying is stopped, and ${now.selling === 1 ? "1 running strategy is" : `${now.selling} running strategies are`} told to sell.`, "warn");
  } catch (problem) {
    tell(problem.message, "warn");
  }
}

export function advice(broker, account) {
  const lines = [];
  if (broker.status === "login_needed") lines.push(h("p", { class: "notice warn" }, "The login at Zerodha has ended: ", h("a", { href: "#/broker" }, "log in again"), ", or nothing is bought or sold."));
  if (account.system.on) lines.push(h("p", { class: "notice warn" }, "Buying is stopped for everybody by the operator. What is held is still watched."));
  if (account.operator.on) lines.push(h("p", { class: "notice warn" }, "The operator has stopped buying for your account. What is held is still watched."));
  if (account.kill_switch.on) lines.push(h("p", { class: "notice warn" }, "Your kill switch is on: nothing is bought. ", h("a", { href: "#/account" }, "Turn it off")));
  return lines;
}

function empty(broker) {
  return h("ul", { class: "cards" }, h("li", { class: "card" },
    h("p", {}, "No strategy yet. A strategy buys a symbol at one time, sells it at another, and sells at once when the price falls to its stop."),
    broker.status === "none"
      ? h("p", {}, h("a", { class: "button", href: "#/broker" }, "Connect your broker first"))
      : h("p", {}, h("a", { class: "button", href: "#/new" }, "Create the first one"))));
}

/** One that holds shares: the money first, then where the stop lies, then what comes next. */
function held(one) {
  const spent = one.entry_price === null ? null : one.entry_price * one.filled_quantity;
  const gain = one.pnl === null || !spent ? "" : ` (${percent(one.pnl / spent)})`;
  const below = one.last_price === null || one.stop_price === null ? "" : `, ${percent((one.last_price - one.stop_price) / one.last_price)} below the price`;
  const target = targetWords(one);
  return h("li", { class: "card" }, h("a", { href: `#/s/${one.strategy_id}` },
    h("div", { class: "row" }, h("strong", {}, named(one)), h("span", { class: "chip" }, standing(one))),
    h("p", { class: `big ${sign(one.pnl)}` }, `${rupees(one.pnl)}${gain}`),
    h("p", { class: "quiet number" }, `Stop ${stopWords(one)}${below}${target ? ` · target ${target}` : ""}`),
    h("p", { class: "quiet number" }, after(one))));
}

function card(one) {
  const ended = one.status === "stopped" && one.pnl !== null;
  return h("li", { class: "card" }, h("a", { href: `#/s/${one.strategy_id}` },
    h("div", { class: "row" }, h("strong", {}, named(one)), h("span", { class: "chip" }, standing(one))),
    h("div", { class: "row quiet" },
      h("span", { class: "number" }, `${one.buy_time}–${one.sell_time} · stop ${stopWords(one)}`),
      ended ? h("span", { class: `number ${sign(one.net_pnl ?? one.pnl)}` }, rupees(one.net_pnl ?? one.pnl)) : h("span", { class: "number" }, after(one)))));
}

/** "buys today at 09:30:00, in 00:04:12"; empty where nothing is ahead. */
function after(one) {
  const next = nextMoment(one);
  return next ? `${next.what.toLowerCase()} ${dayWord(isoDay(next.at))} at ${clock(next.at)}, in ${until(next.at) || "a moment"}` : "";
}
