// Today: what is held and what it is worth, what waits, what has ended; live.

import { book } from "./book.js";
import { post } from "./client.js";
import { Act, ask, html, tell, Title, useSeconds, useState, useStore } from "./ui.js";
import { plain } from "./problems.js";
import { breachWords } from "./limits.js";
import { logIn } from "./broker.js";
import { atRisk, clock, dayWord, gain, gainWords, isoDay, nextMoment, percent, result, rupees, shortDay, sign, sizeWords, standing, stopWords, symbolOf, targetWords, until } from "./words.js";

const isOver = (one) => one.status === "stopped" && one.position !== "bought";
/** @type {[string, (one: import("./words.js").Strategy) => boolean][]} */
const SECTIONS = [
  ["Running", (one) => one.status === "running" && (one.phase !== "waiting" || one.position === "bought")],
  ["Waiting", (one) => one.status === "running" && one.phase === "waiting" && one.position !== "bought"],
  ["Shares left", (one) => one.status === "stopped" && one.position === "bought"],
  ["Ended", (one) => isOver(one) && one.trading_day === isoDay(Date.now())],
  ["Earlier", (one) => isOver(one) && one.trading_day !== isoDay(Date.now())],
  ["Not started", (one) => one.status === "created"],
];
const SHOWN = { Ended: 10, Earlier: 3 };

export function Today() {
  const { strategies, broker, account } = useStore(book);
  useSeconds();
  const found = [...strategies.values()].sort(byNext);
  return html`
    <div class="row"><${Title}>Today<//>${found.length ? html`<a role="button" class="outline" href="#/new">New strategy</a>` : null}</div>
    <${Advice} broker=${broker} account=${account} />
    <${Sums} found=${found} />
    ${found.length ? SECTIONS.map(([title, holds]) => html`<${Section} key=${title} title=${title} found=${found.filter(holds)} />`)
      : html`<${Empty} broker=${broker} />`}`;
}

/** What comes next stands first; what is over, by its age. */
function byNext(one, other) {
  const [at, after] = [nextMoment(one)?.at, nextMoment(other)?.at];
  if (at && after && at !== after) return at < after ? -1 : 1;
  const [ended, later] = [one.stopped_at ?? one.created_at, other.stopped_at ?? other.created_at];
  return ended < later ? 1 : ended > later ? -1 : 0;
}

function Section({ title, found }) {
  const [all, showAll] = useState(false);
  if (!found.length) return null;
  const shown = all ? found : found.slice(0, SHOWN[title] ?? found.length);
  return html`<section>
    <h2>${`${title} (${found.length})`}</h2>
    <ul class="cards">${shown.map((one) => html`<${Card} key=${one.strategy_id} one=${one} />`)}</ul>
    ${shown.length < found.length ? html`<button class="secondary outline" onClick=${() => showAll(true)}>${`Show ${found.length - shown.length} more`}</button>` : null}
  </section>`;
}

/** What the day has come to, what can be lost from here, and the way out of all of it. */
function Sums({ found }) {
  const { rounds } = useStore(book);
  const open = found.filter((one) => one.status === "running" && one.filled_quantity > 0 && one.phase !== "waiting");
  const holding = found.filter((one) => one.position === "bought" && one.status === "running");
  const traded = rounds.filter((one) => one.quantity > 0);
  if (!traded.length && !open.length) return null;
  const known = [...traded.map((one) => one.net), ...open.map(result)];
  const unknown = known.filter((one) => one === null).length;
  const risk = added(holding.map(atRisk));
  return html`<article class="sums">
    <p class="quiet">Today, after charges</p>
    <p class=${`big ${sign(added(known))}`}>${gain(added(known))}</p>
    ${unknown ? html`<p class="warned">${`The result of ${unknown} of ${known.length} trades is not known: no price, or no fill of the broker's.`}</p>` : null}
    <p class="quiet number">${`${traded.length} ${traded.length === 1 ? "trade is" : "trades are"} over, ${open.length} ${open.length === 1 ? "is" : "are"} open`}</p>
    ${holding.length ? html`
      <p class="number">${`${holding.length === 1 ? "1 strategy holds" : `${holding.length} strategies hold`} shares. From here ${risk === null ? "an unknown amount" : rupees(risk)} can be lost down to ${holding.length === 1 ? "its stop-loss" : "their stop-losses"}, or more if a price jumps.`}</p>
      <${Act} class="danger" does=${sellEverything}>Sell everything now<//>` : null}
  </article>`;
}

/** A sum, or null where one part is not known. */
const added = (numbers) => numbers.reduce((sum, one) => (sum === null || one === null ? null : sum + one), 0);

export async function sellEverything() {
  const chosen = await ask("Sell everything now?", whatIsSold([...book.get().strategies.values()]), [["yes", "Sell everything", "danger"]]);
  if (!chosen) return;
  const now = await post("/account/kill-switch", { on: true, exits: "exit", reason: "sold everything from the app" });
  book.set({ ...book.get(), account: now });
  tell(soldWords(now), "warn");
}

/** Say what the question is about: what is sold, what is called off, and what is not touched. */
function whatIsSold(found) {
  const running = found.filter((one) => one.status === "running");
  const held = running.filter((one) => one.position === "bought");
  const left = found.filter((one) => one.status === "stopped" && one.position === "bought").length;
  const what = held.map((one) => `${one.filled_quantity} ${symbolOf(one)}`).join(", ");
  return [
    held.length ? `Sold at the market's price: ${what}, now ${gain(added(held.map(result)))} after charges.` : "Nothing is held by a running strategy.",
    running.length > held.length ? `Called off: ${running.length - held.length} that wait, also for later days.` : "",
    left ? `Not included: shares left of ${left} that ended. Sell those one by one.` : "",
    "Nothing more is bought until you allow it again.",
  ].filter(Boolean);
}

function soldWords(now) {
  const counted = (number) => `${number} running ${number === 1 ? "strategy" : "strategies"}`;
  const said = `Buying is stopped, and ${counted(now.selling)} ${now.selling === 1 ? "is" : "are"} told to sell.`;
  return now.untold ? `${said} ${counted(now.untold)} could not be told: this is tried again every few seconds. Watch your positions, or sell at your broker.` : said;
}

/** What is in the way of buying or selling, each with what to do about it. */
export function Advice({ broker, account }) {
  const lines = [];
  if (broker?.status === "login_needed") lines.push(html`You are logged out at Zerodha: nothing is bought, and no stop-loss can sell. <${Act} does=${logIn}>Log in at Zerodha<//>`);
  if (broker?.status === "none") lines.push(html`No Zerodha account is connected: nothing can be bought. <a href="#/broker">Connect it</a>`);
  if (account?.breach) lines.push(breachWords(account.breach));
  if (account?.system.on) lines.push("Buying is stopped for all users by the operator. What is held is still watched.");
  if (account?.operator.on) lines.push("The operator has stopped buying for your account. What is held is still watched.");
  if (account?.kill_switch.on) lines.push(html`${`You stopped all buying ${dayWord(isoDay(account.kill_switch.since))} at ${clock(account.kill_switch.since)}. Strategies that were stopped stay stopped. `}<${Act} class="outline" does=${allowBuying}>Allow buying again<//>`);
  return lines.map((line, at) => html`<p key=${at} class="notice warn">${line}</p>`);
}

async function allowBuying() {
  book.set({ ...book.get(), account: await post("/account/kill-switch", { on: false }) });
  tell("Buying is allowed again.");
}

function Empty({ broker }) {
  return html`<article>
    <p>No strategy yet. A strategy buys a symbol at one time, sells it at another, and sells at once when the price falls to its stop.</p>
    ${broker?.status === "none" ? html`<a role="button" href="#/broker">Connect your broker first</a>` : html`<a role="button" href="#/new">Create the first one</a>`}
  </article>`;
}

/** One that holds shares: the money first, then where the stop lies, then what comes next. */
function Card({ one }) {
  const held = one.position === "bought";
  const traded = one.pnl !== null && (held || one.status === "stopped");
  return html`<li><a class="card" href=${`#/s/${one.strategy_id}`}>
    <div class="row"><strong>${symbolOf(one)} <span class="size">${sizeWords(one)}</span></strong><span class="chip">${standing(one)}</span></div>
    ${held || traded ? html`<p class=${`${held ? "big" : "result"} ${sign(result(one))}`}>${gainWords(one)} <span class="note">${one.net_pnl === null ? "before charges" : "after charges"}</span></p>` : null}
    <p class="quiet number">${detail(one)}</p>
    ${after(one) ? html`<p class="number">${after(one)}</p>` : null}
    ${one.status !== "stopped" && one.warnings.length ? html`<p class="warned">${plain(one.warnings[0])}</p>` : null}
  </a></li>`;
}

function detail(one) {
  if (one.status === "stopped" && one.position !== "bought") return `${one.trading_day ? shortDay(one.trading_day) : ""} · ${one.buy_time}–${one.sell_time}`;
  const below = one.position !== "bought" || one.last_price === null || one.stop_price === null ? "" : `, ${percent((one.last_price - one.stop_price) / one.last_price)} below the price`;
  const target = targetWords(one);
  const times = one.position === "bought" ? "" : `${one.buy_time}–${one.sell_time} · `;
  return `${times}Stop-loss ${stopWords(one)}${below}${target ? ` · target ${target}` : ""}`;
}

/** "Buys today at 09:30:00, in 00:04:12"; empty where nothing is ahead. */
function after(one) {
  const next = nextMoment(one);
  return next ? `${next.what} ${dayWord(isoDay(next.at))} at ${clock(next.at)}, in ${until(next.at) || "a moment"}` : "";
}
