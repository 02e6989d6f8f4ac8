// One strategy, live: what is next, the price and its stop, what was sent and filled, what happened and why.

import { call, follow, get, newKey, pause } from "./client.js";
import { PriceChart } from "./chart.js";
import { ask, fill, h, tell } from "./dom.js";
import { clock, dayWord, entryWords, isoDay, named, nextMoment, rupees, sign, standing, stopWords, targetWords, until } from "./words.js";

const EVERY = 1000;

export async function show(view, [id], signal, seen) {
  const page = new Page(view, id, signal, seen);
  await page.open();
}

class Page {
  constructor(view, id, signal, seen) {
    Object.assign(this, { view, id, signal, seen, strategy: null, startKey: null, chart: null, behind: false, newest: 0 });
    this.parts = {
      chip: h("span", { class: "chip" }), next: h("div", {}), facts: h("dl", { class: "facts" }), warnings: h("div", {}),
      acts: h("div", { class: "acts" }), chart: h("div", { class: "chart", role: "img", "aria-label": "Price with the stop, the entry and the exit" }),
      orders: h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Orders" }), story: h("ol", { class: "story", "aria-live": "polite" }),
    };
  }

  async open() {
    this.strategy = await get(`/strategy/${this.id}`);
    this.seen();
    const { chip, next, warnings, acts, chart, facts, orders, story } = this.parts;
    this.view.append(
      h("div", { class: "row" }, h("h1", { tabindex: -1 }, named(this.strategy)), chip),
      warnings,
      h("section", { class: "card" }, next, acts),
      h("section", { class: "card" }, chart, facts),
      h("h2", {}, "Orders"), orders,
      h("h2", {}, "What happened"), story,
    );
    this.chart = new PriceChart(chart, this.strategy);
    this.signal.addEventListener("abort", () => this.chart.remove(), { once: true });
    this.draw();
    this.drawOrders();
    follow(`/strategy/${this.id}/events`, this.signal, (event) => this.heard(event));
    this.watch();
  }

  /** Read it each second while somebody looks. */
  async watch() {
    while (!this.signal.aborted) {
      await pause(EVERY, this.signal);
      if (this.signal.aborted || document.hidden) continue;
      await this.reread();
    }
  }

  async reread() {
    try {
      this.strategy = await get(`/strategy/${this.id}`);
      this.seen();
      this.draw();
      if (this.behind) await this.drawOrders();
    } catch (problem) {
      if (problem.status === 404) location.hash = "#/";
      this.drawNext();
    }
  }

  heard(event) {
    // Told from the beginning again: the server's database was set back, and so is this page.
    if (event.event_id <= this.newest) this.parts.story.replaceChildren();
    this.newest = event.event_id;
    const line = h("li", { class: "fresh" }, h("time", { datetime: event.at, title: dayWord(isoDay(event.at)) }, clock(event.at)), h("span", {}, event.text));
    this.parts.story.prepend(line);
    this.behind = true;
  }

  draw() {
    const { chip, warnings, facts, acts } = this.parts;
    const one = this.strategy;
    if (one.status === "running") this.startKey = null;
    fill(chip, standing(one));
    this.drawNext();
    fill(warnings, ...one.warnings.map((text) => h("p", { class: "notice warn" }, text)));
    fill(facts, ...[
      ["Last price", rupees(one.last_price)],
      ["Stop-loss", stopWords(one)],
      ...(targetWords(one) ? [["Target", targetWords(one)]] : []),
      ["Bought", one.filled_quantity ? `${one.filled_quantity} at ${rupees(one.entry_price)}` : "–"],
      ["Sold", one.exit_price !== null ? `at ${rupees(one.exit_price)}` : "–"],
      ["Profit before charges", rupees(one.pnl), sign(one.pnl)],
      ["After charges", rupees(one.net_pnl), sign(one.net_pnl)],
      ["Times", `${one.buy_time}–${one.sell_time}`],
    ].map(([name, value, look]) => h("div", {}, h("dt", {}, name), h("dd", { class: look ?? "" }, value))));
    const state = `${one.status} ${one.phase} ${one.position}`;
    if (acts.dataset.state !== state) {
      acts.dataset.state = state;
      fill(acts, ...this.actions());
    }
    const drawn = one.last_price !== null || one.entry_price !== null;
    this.parts.chart.hidden = !drawn;
    if (drawn) this.chart.add(one);
  }

  drawNext() {
    const one = this.strategy;
    const next = nextMoment(one);
    const left = next ? until(next.at) : "";
    if (next) {
      fill(this.parts.next,
        h("p", { class: "quiet" }, `${next.what} ${dayWord(isoDay(next.at))} at ${clock(next.at)}`),
        h("p", { class: "big", role: "timer" }, left || "now"));
    } else {
      fill(this.parts.next,
        h("p", { class: "big" }, standing(one)),
        one.outcome_detail ? h("p", { class: "quiet" }, one.outcome_detail) : null);
    }
  }

  async drawOrders() {
    this.behind = false;
    const { items } = await get(`/strategy/${this.id}/orders`).catch(() => ({ items: null }));
    if (items === null) { this.behind = true; return; }
    fill(this.parts.orders, items.length ? orderTable(items) : h("p", { class: "quiet" }, "No order has been sent."));
  }

  actions() {
    const one = this.strategy;
    if (one.status === "running") return [h("button", { class: "danger", onclick: () => this.stop() }, "STOP")];
    const held = one.position === "bought";
    return [
      held && h("button", { class: "danger", onclick: () => this.sellHeld() }, "Sell the shares"),
      (!held || one.outcome === "kept") && h("button", { onclick: () => this.start() }, "START"),
      h("button", { class: "plain", onclick: () => this.remove() }, "Delete"),
    ];
  }

  async start() {
    const when = await this.willBuy();
    const one = this.strategy;
    const { limit, again } = entryWords(one);
    const what = one.quantity === null ? named(one) : `${one.quantity} ${one.symbol}`;
    const words = [`It buys ${what} ${when} at ${one.buy_time}${limit} and sells them at ${one.sell_time}, or at once when the price falls to its stop (${stopWords(one)})${targetWords(one) && ` or rises to its target (${targetWords(one)})`}.${again}`];
    if (await ask(`Start ${named(one)}?`, words, [["yes", "START"]])) {
      // Pressed again after an answer that was lost, it is the same START, even if its day has ended since.
      this.startKey ??= newKey();
      await this.send("/strategy/start", {}, (now) => (now.status === "running" ? `Started: buys ${dayWord(now.trading_day)} at ${clock(now.buy_at)}.` : ""), this.startKey);
    }
  }

  /** Say on which day a START of now buys; the answer to START is what holds. */
  async willBuy() {
    try {
      const market = await get("/market/status");
      const today = market.trading_day !== null && clock(market.now) < this.strategy.buy_time.padEnd(8, ":00");
      const date = today ? market.trading_day : market.next_session?.trading_day;
      return date ? dayWord(date) : "on the next trading day";
    } catch {
      return "on the next trading day";
    }
  }

  async stop() {
    const one = this.strategy;
    if (one.position !== "bought") {
      if (await ask(`Stop ${named(one)}?`, "Nothing is held. What has not been bought yet is called off.", [["yes", "STOP", "danger"]])) await this.send("/strategy/stop", {});
      return;
    }
    const chosen = await ask(`Stop ${named(one)}?`, "It holds shares. Sell them now at the market's price, or keep them? Kept shares are watched by no stop any more.", [["exit", "Sell now", "danger"], ["keep", "Keep the shares", "plain"]]);
    if (chosen) await this.send("/strategy/stop", { on_stop: chosen });
  }

  async sellHeld() {
    if (await ask(`Sell ${named(this.strategy)}?`, "The shares are sold at the market's price: at once while the market is open, else at its next opening.", [["yes", "Sell now", "danger"]])) {
      await this.send("/strategy/stop", { on_stop: "exit" });
    }
  }

  async send(path, words, said = null, key = null) {
    for (const button of this.parts.acts.querySelectorAll("button")) button.disabled = true;
    try {
      this.strategy = await call("POST", path, { strategy_id: this.id, ...words }, { key });
      this.startKey = null;
      tell(said ? said(this.strategy) : "");
    } catch (problem) {
      tell(problem.message, "warn");
    }
    delete this.parts.acts.dataset.state;
    this.draw();
  }

  async remove() {
    if (!(await ask(`Delete ${named(this.strategy)}?`, "Its order log and its story are deleted with it.", [["yes", "Delete", "danger"]]))) return;
    try {
      await call("DELETE", `/strategy/${this.id}`);
      location.hash = "#/";
    } catch (problem) {
      tell(problem.message, "warn");
    }
  }
}

function orderTable(orders) {
  const late = (milliseconds) => (milliseconds === null ? "–" : `${milliseconds.toLocaleString("en-IN")} ms`);
  const rows = orders.map((order) => h("tr", {},
    h("td", {}, `${order.side} ${order.reason && order.reason !== order.side ? `(${order.reason})` : ""}`),
    h("td", {}, order.sent_at ? clock(order.sent_at) : order.due_at ? `due ${clock(order.due_at)}` : "–"),
    h("td", {}, late(order.lateness_ms)),
    h("td", {}, `${order.filled_quantity}${order.quantity === null ? "" : ` of ${order.quantity}`}`),
    h("td", {}, order.average_price === null ? "–" : rupees(order.average_price)),
    h("td", {}, order.status.replaceAll("_", " "), order.message ? h("div", { class: "quiet" }, order.message) : null)));
  const heads = ["Order", "Sent", "Late by", "Filled", "Price", "Status"];
  return h("table", {}, h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, ...rows));
}
