// Days: what each day and month came to, as a calendar; the rounds themselves, per strategy; the report to keep.

import { download, get } from "./client.js";
import { plain } from "./problems.js";
import { book } from "./book.js";
import { Act, Field, html, Title, Unread, useRead, useState, useStore } from "./ui.js";
import { day, gain, isoDay, month, outcomeWords, rupees, shortDay, sign } from "./words.js";

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

export function Days({ words: [strategyId] }) {
  const today = isoDay(Date.now());
  const first = `${Number(today.slice(0, 4)) - 1}${today.slice(4, 7)}-01`;
  const [shown, show] = useState(today.slice(0, 7));
  const [picked, pick] = useState("");
  const { strategies: own, rounds: over } = useStore(book);
  const read = useRead(() => get(`/account/report?from=${first}&to=${today}&format=json`), [over.length]);
  if (!read.data) return html`<${Title}>Days<//><${Unread} of=${read} />`;
  const strategies = new Map(read.data.items.map((one) => [one.strategy_id, `${one.symbol}${one.exchange === "NSE" ? "" : ` · ${one.exchange}`}`]));
  for (const [id, one] of own) if (strategies.has(id) || id === strategyId) strategies.set(id, `${one.symbol} ${one.buy_time}–${one.sell_time}`);
  const rounds = strategyId ? read.data.items.filter((one) => one.strategy_id === strategyId) : read.data.items;
  const months = monthsOf(rounds);
  const inMonth = rounds.filter((one) => one.trading_day.startsWith(shown));
  const listed = [...(picked ? inMonth.filter((one) => one.trading_day === picked) : inMonth)].reverse();
  const turn = (by) => { pick(""); show(moved(shown, by)); };
  return html`
    <${Title}>Days<//>
    ${strategies.size > 1 || strategyId ? html`<${Field} name="whose" label="Strategy" value=${strategyId ?? ""} options=${[["", "All strategies"], ...named(strategies)]}
      onChange=${(event) => { location.hash = event.target.value ? `#/days/${event.target.value}` : "#/days"; }} />` : null}
    <div class="wide">
      <article>
        <div class="row month"><button class="outline secondary" aria-label="The month before" disabled=${shown <= first.slice(0, 7)} onClick=${() => turn(-1)}>‹</button>
          <h2>${month(shown)}</h2>
          <button class="outline secondary" aria-label="The month after" disabled=${shown >= today.slice(0, 7)} onClick=${() => turn(1)}>›</button></div>
        <${Total} rounds=${inMonth} />
        <${MonthGrid} month=${shown} rounds=${inMonth} picked=${picked} pick=${(one) => pick(one === picked ? "" : one)} />
        ${months.length ? html`<details><summary>Month by month</summary><dl class="facts">${months.map(([one, net]) => html`<div key=${one}><dt>${month(one)}</dt><dd class=${sign(net)}>${gain(net)}</dd></div>`)}</dl></details>` : null}
        <${Act} class="outline" does=${() => download(`/account/report?from=${first}&to=${today}&format=csv`, `stopwatch-${first}-${today}.csv`)}>Save all trades since ${shortDay(first)} ${first.slice(0, 4)} as CSV<//>
      </article>
      <section>
        <h2>${picked ? day(picked) : "Trades"}</h2>
        ${listed.length ? html`<ul class="cards">${listed.map((one) => html`<${Round} key=${`${one.strategy_id} ${one.trading_day} ${one.round}`} one=${one} />`)}</ul>`
          : html`<p class="quiet">No finished day here yet. What is bought and sold is listed here with its charges, and stays when a strategy is deleted.</p>`}
      </section>
    </div>`;
}

/** Strategies by name; where a symbol has several, each with the beginning of its id. */
function named(strategies) {
  const names = [...strategies.values()];
  return [...strategies].map(([id, name]) => [id, names.filter((one) => one === name).length > 1 ? `${name} (${id.slice(0, 4)})` : name]);
}

/** The sum of what is known; null where nothing is. */
const sum = (rounds) => rounds.reduce((total, { net }) => (net === null ? total : (total ?? 0) + net), /** @type {number | null} */ (null));

function monthsOf(rounds) {
  const months = [...new Set(rounds.map((one) => one.trading_day.slice(0, 7)))].sort().reverse();
  return months.map((one) => [one, sum(rounds.filter((round) => round.trading_day.startsWith(one)))]);
}

function Total({ rounds }) {
  const net = sum(rounds);
  const traded = rounds.filter((one) => one.net !== null);
  const won = traded.filter((one) => one.net > 0).length;
  const unknown = rounds.filter((one) => one.quantity > 0 && one.net === null).length;
  return html`
    <p class=${`big ${sign(net)}`}>${gain(net)}</p>
    <p class="quiet">${traded.length ? `after charges; ${won} of ${traded.length} trades won` : "nothing traded"}${unknown ? `; ${unknown} without a known result` : ""}</p>`;
}

function MonthGrid({ month: shown, rounds, picked, pick }) {
  const [year, number] = shown.split("-").map(Number);
  const days = new Date(Date.UTC(year, number, 0)).getUTCDate();
  const before = (new Date(Date.UTC(year, number - 1, 1)).getUTCDay() + 6) % 7;
  const cells = Array.from({ length: days }, (_, at) => `${shown}-${String(at + 1).padStart(2, "0")}`);
  return html`<div class="grid-month" role="group" aria-label="Results by day">
    ${WEEKDAYS.map((one) => html`<span key=${one} class="quiet" aria-hidden="true">${one}</span>`)}
    ${Array.from({ length: before }, (_, at) => html`<span key=${at}></span>`)}
    ${cells.map((date) => html`<${Cell} key=${date} date=${date} rounds=${rounds.filter((one) => one.trading_day === date)} picked=${picked === date} pick=${pick} />`)}
  </div>`;
}

function Cell({ date, rounds, picked, pick }) {
  const number = Number(date.slice(8));
  if (!rounds.length) return html`<span class="day quiet">${number}</span>`;
  const net = sum(rounds);
  return html`<button class=${`day ${!net ? "" : net < 0 ? "lost" : "won"}`} aria-pressed=${String(picked)} aria-label=${`${day(date)}: ${rupees(net)}, ${rounds.length === 1 ? "1 trade" : `${rounds.length} trades`}`} onClick=${() => pick(date)}>
    ${number}<small>${net === null ? "–" : short(net)}</small></button>`;
}

/** "+12k", "−350": what fits into a seventh of a phone. */
function short(amount) {
  const size = Math.abs(amount);
  const said = size >= 10_000_000 ? `${(size / 10_000_000).toFixed(1)}cr` : size >= 100_000 ? `${(size / 100_000).toFixed(1)}L` : size >= 1000 ? `${(size / 1000).toFixed(size < 10_000 ? 1 : 0)}k` : String(Math.round(size));
  return `${amount < 0 ? "-" : "+"}${said}`;
}

function Round({ one }) {
  const prices = one.entry_price === null ? "" : `${one.quantity} at ${rupees(one.entry_price)}${one.exit_price === null ? "" : `, sold at ${rupees(one.exit_price)}`}`;
  return html`<li class="card">
    <div class="row"><strong>${one.symbol}${one.exchange === "NSE" ? "" : ` · ${one.exchange}`}</strong><span class=${`number ${sign(one.net)}`}>${gain(one.net)}</span></div>
    <p>${`${shortDay(one.trading_day)}${one.round > 1 ? `, round ${one.round}` : ""}: ${outcomeWords(one.outcome)}`}</p>
    ${prices ? html`<p class="quiet number">${`${prices} · charges ${rupees(one.charges?.total)}`}</p>` : one.outcome_detail ? html`<p class="quiet">${plain(one.outcome_detail)}</p>` : null}
  </li>`;
}

function moved(yearMonth, by) {
  const [year, number] = yearMonth.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7);
}
