// One strategy, live: the money, what is next, the day as a chart, its orders, what happened and why.

import { book, keepLines, takeAnswer } from "./book.js";
import { get, getAll } from "./client.js";
import { DayChart, loadCharts } from "./chart.js";
import { plain } from "./problems.js";
import { Acts } from "./strategy_acts.js";
import { Orders } from "./strategy_orders.js";
import { html, Title, Unread, useEffect, useRead, useRef, useSeconds, useStore } from "./ui.js";
import { againWords, atRisk, clock, dayWord, gain, gainWords, isoDay, named, nextMoment, protectionWords, repeatWords, result, riskAhead, rupees, sign, standing, stopWords, targetWords, trailWords, until } from "./words.js";

export function StrategyPage({ words: [id] }) {
  const { strategies, lines } = useStore(book);
  const one = strategies.get(id);
  const story = lines.get(id);
  const newest = story?.length ? story[story.length - 1].event_id : 0;
  const missing = useRead(async () => (one ? null : takeAnswer(id, get(`/strategy/${id}`))), [id]);
  const told = useRead(async () => keepLines(id, await getAll(`/strategy/${id}/timeline`)), [id]);
  // An order changes with a line of the story; the story is what says that there is something to read.
  const orders = useRead(() => getAll(`/strategy/${id}/orders`), [id, newest]);
  if (!one) return html`<${Title}>${missing.problem?.status === 404 ? "Not found" : "Strategy"}<//><${Unread} of=${missing} />`;
  return html`
    <div class="row"><${Title}>${named(one)}<//><span class="chip">${standing(one)}</span></div>
    ${one.status === "stopped" && one.position !== "bought" ? null : one.warnings.map((text) => html`<p key=${text} class="notice warn">${plain(text)}</p>`)}
    <div class="wide">
      <div>
        <article><${Standing} one=${one} /><${Acts} one=${one} /></article>
        <article><${Day} one=${one} orders=${orders.data ?? []} /><${Facts} one=${one} /></article>
      </div>
      <div>
        <h2>Orders</h2>
        ${orders.data ? html`<${Orders} orders=${orders.data} />` : html`<${Unread} of=${orders} />`}
        <h2>What happened</h2>
        ${story ? html`<${Story} lines=${story} />` : html`<${Unread} of=${told} />`}
      </div>
    </div>`;
}

/** The money where there is some; then what comes next, or what it came to. */
function Standing({ one }) {
  useSeconds();
  const next = nextMoment(one);
  const traded = one.pnl !== null && (one.position === "bought" || one.status === "stopped");
  return html`
    ${traded ? html`<p class=${`big ${sign(result(one))}`}>${gainWords(one)}</p>
      <p class="quiet">${one.net_pnl === null ? "before charges" : `after charges · ${gain(one.pnl)} before`}</p>` : null}
    ${one.position === "bought" ? html`<p class="number">${`Stop-loss ${stopWords(one)}: ${rupees(atRisk(one))} can be lost from here down to it, or more if the price jumps.`}</p>` : null}
    ${one.terms.protect === "exchange" ? html`<${Protection} one=${one} />` : null}
    ${ahead(one) ? html`<p class="quiet">${ahead(one)}</p>` : null}
    ${next ? html`<p class="number">${`${next.what} ${dayWord(isoDay(next.at))} at ${clock(next.at)}`}</p>
      <p class=${traded ? "number" : "big"} role="timer">${until(next.at) || "now"}</p>` : null}
    ${!next && !traded ? html`<p class="big">${standing(one)}</p>` : null}
    ${one.outcome_detail && one.status === "stopped" ? html`<p class="quiet">${plain(one.outcome_detail)}</p>` : null}`;
}

/** What can be lost once it has bought; empty where it holds shares, is over, or the price is not known. */
function ahead(one) {
  const risk = standing(one) === "waiting to buy" ? riskAhead(one) : null;
  if (risk === null) return "";
  return `About ${rupees(risk)} can be lost down to its stop-loss once it has bought, or more if the price jumps.`;
}

function Facts({ one }) {
  const facts = [
    ["Last price", rupees(one.last_price)],
    ["Stop-loss", stopWords(one)],
    ...(targetWords(one) ? [["Target", targetWords(one)]] : []),
    ["Bought", one.filled_quantity ? `${one.filled_quantity} at ${rupees(one.entry_price)}` : "–"],
    ["Sold", one.exit_price !== null ? `at ${rupees(one.exit_price)}` : "–"],
    ["Charges", rupees(one.charges?.total)],
    ["Times", `${one.buy_time}–${one.sell_time}`],
  ];
  const said = [trailWords(one), againWords(one), repeatWords(one.repeat)].filter(Boolean);
  return html`
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${said.map((words) => html`<p key=${words} class="quiet">${words}</p>`)}
    ${one.terms.protect === "server" ? html`<${Protection} one=${one} />` : null}`;
}

/** Where the stop lies now; a stop that should rest at the exchange and does not is something to know of. */
function Protection({ one }) {
  const { words, alone } = protectionWords(one);
  return words ? html`<p class=${alone ? "notice warn" : "quiet"}>${plain(words)}</p>` : null;
}

/** The day's minutes with stop, purchase, target and sale. */
function Day({ one, orders }) {
  const place = useRef(/** @type {any} */ (null));
  const chart = useRef(/** @type {DayChart | null} */ (null));
  const minutes = useRead(() => Promise.all([loadCharts(), get(`/strategy/${one.strategy_id}/minutes`)]), [one.strategy_id, one.run_id, one.status]);
  const seen = useRef(false); // what was drawn is not taken away by the end of the day
  const drawn = minutes.data && (seen.current || minutes.data[1].items.length > 0 || one.last_price !== null);
  seen.current = Boolean(drawn);
  useEffect(() => {
    if (!drawn || !minutes.data) return;
    const [charts, { items }] = minutes.data;
    chart.current ??= new DayChart(charts, place.current);
    if (items.length || !chart.current.newest) chart.current.begin(items, orders);
    chart.current.add(one);
  }, [minutes.data, Boolean(drawn)]);
  useEffect(() => () => { chart.current?.remove(); chart.current = null; }, []);
  useEffect(() => chart.current?.mark(orders), [orders]);
  useEffect(() => chart.current?.add(one), [one]);
  if (minutes.problem && !seen.current) return html`<p class="quiet">The chart cannot be drawn at the moment.</p>`;
  if (!drawn) return html`<p class="quiet">${one.status === "stopped" ? "No prices of this day are kept any more." : "The day's prices are drawn here once the first one comes."}</p>`;
  return html`<div class="chart" ref=${place} role="img" aria-label=${chartWords(one)}></div>
    <p class="source">Chart: <a href="https://www.tradingview.com/" rel="noreferrer">TradingView</a> Lightweight Charts</p>`;
}

const chartWords = (one) => `The day's price of ${one.symbol}, last ${rupees(one.last_price)}, with the stop at ${stopWords(one)}${one.entry_price === null ? "" : `, bought at ${rupees(one.entry_price)}`}`;

function Story({ lines }) {
  if (!lines.length) return html`<p class="quiet">Nothing yet.</p>`;
  const newest = [...lines].reverse();
  const day = (line) => isoDay(line.at);
  return html`<ol class="story" aria-live="polite">${newest.map((line, at) => html`
    ${at === 0 || day(newest[at - 1]) !== day(line) ? html`<li key=${day(line)} class="dated">${dayWord(day(line))}</li>` : null}
    <li key=${line.event_id}><time datetime=${line.at}>${clock(line.at)}</time><span>${plain(line.text)}</span></li>`)}</ol>`;
}
