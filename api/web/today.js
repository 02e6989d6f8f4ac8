// Today: what is held and what it is worth, what waits, what has ended; live.

import { book } from "./book.js";
import { post } from "./client.js";
import { Act, ask, html, tell, Title, useSeconds, useState, useStore } from "./ui.js";
import { plain } from "./problems.js";
import { atRisk, clock, dayWord, gainShare, isoDay, nextMoment, percent, rupees, shortDay, sign, sizeWords, standing, stopWords, symbolOf, targetWords, until } from "./words.js";

/** @type {[string, (one: import("./words.js").Strategy) => boolean][]} */
const SECTIONS = [
  ["Running", (one) => one.status === "running" && (one.phase !== "waiting" || one.position === "bought")],
  ["Waiting", (one) => one.status === "running" && one.phase === "waiting" && one.position !== "bought"],
  ["Shares left", (one) => one.status === "stopped" && one.position === "bought"],
  ["Ended", (one) => one.status === "stopped" && one.position !== "bought"],
  ["Not started", (one) => one.status === "created"],
];
const ENDED_SHOWN = 10;

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
  const shown = title === "Ended" && !all ? found.slice(0, ENDED_SHOWN) : found;
  return html`<section>
    <h2>${`${title} (${found.length})`}</h2>
    <ul class="cards">${shown.map((one) => html`<${Card} key=${one.strategy_id} one=${one} />`)}</ul>
    ${shown.length < found.length ? html`<button class="secondary outline" onClick=${() => showAll(true)}>${`Show ${found.length - shown.length} more`}</button>` : null}
  </section>`;
}

/** What all of today's strategies have come to, what can be lost from here, and the way out of all of them. */
function Sums({ found }) {
  const today = isoDay(Date.now());
  const traded = found.filter((one) => one.trading_day === today && one.pnl !== null);
  const holding = found.filter((one) => one.position === "bought" && one.status === "running");
  if (!traded.length && !holding.length) return null;
  const total = (name) => added(traded.map((one) => one[name]));
  const risk = added(holding.map(atRisk));
  return html`<article class="sums">
    <p class="quiet">Today, after charges</p>
    <p class=${`big ${sign(total("net_pnl"))}`}>${rupees(total("net_pnl"))}</p>
    <p class="quiet number">${`${rupees(total("pnl"))} before charges`}</p>
    ${holding.length ? html`
      <p class="number">${`${holding.length === 1 ? "1 strategy holds" : `${holding.length} strategies hold`} shares. From here ${risk === null ? "an unknown amount" : rupees(risk)} can be lost down to ${holding.length === 1 ? "its stop" : "their stops"}.`}</p>
      <${Act} class="danger" does=${sellEverything}>Sell everything now<//>` : null}
  </article>`;
}

/** A sum, or null where one part is not known. */
const added = (numbers) => numbers.reduce((sum, one) => (sum === null || one === null ? null : sum + one), 0);

export async function sellEverything() {
  const chosen = await ask("Sell everything now?", "Every running strategy is stopped, and what it holds is sold at the market's price. Nothing more is bought until you allow it again.", [["yes", "Sell everything", "danger"]]);
  if (!chosen) return;
  const now = await post("/account/kill-switch", { on: true, exits: "exit", reason: "sold everything from the app" });
  book.set({ ...book.get(), account: now });
  tell(soldWords(now), "warn");
}

function soldWords(now) {
  const counted = (number) => `${number} running ${number === 1 ? "strategy" : "strategies"}`;
  const said = `Buying is stopped, and ${counted(now.selling)} ${now.selling === 1 ? "is" : "are"} told to sell.`;
  return now.untold ? `${said} ${counted(now.untold)} could not be told: this is tried again every few seconds. Watch your positions, or sell at your broker.` : said;
}

/** What is in the way of buying or selling, each with what to do. */
export function Advice({ broker, account }) {
  const lines = [];
  if (broker?.status === "login_needed") lines.push(html`The login at Zerodha has ended: <a href="#/broker">log in again</a>, or nothing is bought or sold.`);
  if (account?.system.on) lines.push("Buying is stopped for everybody by the operator. What is held is still watched.");
  if (account?.operator.on) lines.push("The operator has stopped buying for your account. What is held is still watched.");
  if (account?.kill_switch.on) lines.push(html`Your kill switch is on: nothing is bought. <a href="#/account">Turn it off</a>`);
  return lines.map((line, at) => html`<p key=${at} class="notice warn">${line}</p>`);
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
  const result = held ? one.pnl : one.status === "stopped" ? (one.net_pnl ?? one.pnl) : null;
  return html`<li><a class="card" href=${`#/s/${one.strategy_id}`}>
    <div class="row"><strong>${symbolOf(one)} <span class="size">${sizeWords(one)}</span></strong><span class="chip">${standing(one)}</span></div>
    ${held || result !== null ? html`<p class=${`${held ? "big" : "result"} ${sign(result)}`}>${rupees(result)}${held && gainShare(one) !== null ? ` (${percent(gainShare(one))})` : ""}</p>` : null}
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
  return `${times}Stop ${stopWords(one)}${below}${target ? ` · target ${target}` : ""}`;
}

/** "Buys today at 09:30:00, in 00:04:12"; empty where nothing is ahead. */
function after(one) {
  const next = nextMoment(one);
  return next ? `${next.what} ${dayWord(isoDay(next.at))} at ${clock(next.at)}, in ${until(next.at) || "a moment"}` : "";
}
