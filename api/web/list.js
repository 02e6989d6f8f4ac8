// Every strategy, newest first, and where each stands.

import { get, pause } from "./client.js";
import { fill, h } from "./dom.js";
import { dayWord, named, nextMoment, rupees, sign, standing, stopWords, until } from "./words.js";

const EVERY = 5000;

export async function show(view, _parameters, signal, seen) {
  const places = h("div", {});
  const list = h("ul", { class: "cards" });
  const more = h("button", { class: "plain", hidden: true }, "Show older ones");
  view.append(
    h("div", { class: "row" }, h("h1", { tabindex: -1 }, "Strategies"), h("a", { class: "button", href: "#/new" }, "New strategy")),
    places, list, more,
  );
  let pages = 1;
  more.addEventListener("click", () => { pages += 1; draw(); });

  async function draw() {
    const [found, broker, account] = await Promise.all([read(pages), get("/broker"), get("/account")]);
    seen();
    fill(places, ...advice(broker, account));
    fill(list, ...(found.items.length ? found.items.map(card) : [empty(broker)]));
    more.hidden = found.next === null;
  }

  await draw();
  (async () => {
    for (;;) {
      await pause(EVERY, signal);
      if (signal.aborted) return;
      if (!document.hidden) await draw().catch(() => {});
    }
  })();
}

async function read(pages) {
  const all = { items: [], next: null };
  for (let page = 0; page < pages; page += 1) {
    const { items, next } = await get(`/strategy?limit=20${all.next ? `&cursor=${encodeURIComponent(all.next)}` : ""}`);
    all.items.push(...items);
    all.next = next;
    if (!next) break;
  }
  return all;
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
  return h("li", { class: "card" },
    h("p", {}, "No strategy yet. A strategy buys a symbol at one time, sells it at another, and sells at once when the price falls to its stop."),
    broker.status === "none"
      ? h("p", {}, h("a", { class: "button", href: "#/broker" }, "Connect your broker first"))
      : h("p", {}, h("a", { class: "button", href: "#/new" }, "Create the first one")));
}

function card(strategy) {
  const next = nextMoment(strategy);
  return h("li", { class: "card" }, h("a", { href: `#/s/${strategy.strategy_id}` },
    h("div", { class: "row" }, h("strong", {}, named(strategy)), h("span", { class: "chip" }, standing(strategy))),
    h("div", { class: "row quiet" },
      h("span", { class: "number" }, `${strategy.buy_time}–${strategy.sell_time} · stop ${stopWords(strategy)}`),
      strategy.pnl !== null ? h("span", { class: `number ${sign(strategy.pnl)}` }, rupees(strategy.pnl))
        : next ? h("span", { class: "number" }, `${next.what.toLowerCase()} ${dayWord(strategy.trading_day)}, in ${until(next.at) || "a moment"}`) : null)));
}
