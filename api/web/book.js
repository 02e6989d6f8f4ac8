// What the account has, live: every strategy and every line of its story, from one stream of events.

import { follow, get, getAll } from "./client.js";
import { store } from "./ui.js";
import { isoDay } from "./words.js";

/**
 * @typedef {import("./words.js").Strategy} Strategy
 * @typedef {import("api-types").components["schemas"]["EventOut"]} Line
 * @typedef {{strategies: Map<string, Strategy>, lines: Map<string, Line[]>, known: boolean, seenAt: number | null,
 *   answers: boolean, mode: string | null, broker: any, account: any, rounds: any[], today: string}} Book
 */

/** How long what is heard waits to be drawn with what comes next, in milliseconds. */
const TOGETHER = 200;
/** The broker's login ends in the morning and the day at midnight, whether or not an event tells of it. */
const AGAIN_EVERY = 60_000;

/** @type {Book} */
const NOTHING = { strategies: new Map(), lines: new Map(), known: false, seenAt: null, answers: true, mode: null, broker: null, account: null, rounds: [], today: "" };
export const book = store(NOTHING);

/** @type {AbortController | null} */
let following = null;
/** @type {Promise<void> | null} */
let opening = null;
let waiting = 0;
/** How often the stream has told of each strategy. @type {Map<string, number>} */
const told = new Map();

/** @param {Partial<Book>} words */
const put = (words) => book.set({ ...book.get(), ...words });

/** Read the account and follow it until `close`; asked again it goes on as it is. @returns {Promise<void>} */
export function open() {
  return (opening ??= begin());
}

async function begin() {
  const { signal } = (following = new AbortController());
  try {
    await Promise.all([readStrategies(), readPlaces(), readRounds()]);
  } catch (problem) {
    if (!signal.aborted) opening = null; // the screen that asks tries again
    throw problem;
  }
  if (!signal.aborted) follow("/events?since=now", signal, heard);
}

/** Forget everything: the login has ended. */
export function close() {
  following?.abort();
  opening = null;
  book.set({ ...NOTHING, strategies: new Map(), lines: new Map() });
}

async function readStrategies() {
  const found = await getAll("/strategy");
  put({ strategies: new Map(found.map((one) => [one.strategy_id, one])), known: true, seenAt: Date.now() });
}

/** Read what no event tells: the broker's login, the account's switches, paper or real money. */
async function readPlaces() {
  const [broker, account, market] = await Promise.all([get("/broker"), get("/account"), get("/market/status")]);
  put({ broker, account, mode: market.mode });
}

/** Read what the exchange's day has come to so far: the rounds that are over. */
async function readRounds() {
  const today = isoDay(Date.now());
  put({ rounds: await getAll(`/account/days?from=${today}&to=${today}`), today });
}

/** Read once more what no event tells; it may have changed while nobody looked. A failure is tried again in a while. */
function refresh() {
  if (opening && !document.hidden) Promise.all([readPlaces(), readRounds()]).catch(() => {});
}

/** Take an answer of the API before the stream tells of it. @param {Strategy} strategy */
export function take(strategy) {
  put({ strategies: new Map(book.get().strategies).set(strategy.strategy_id, strategy) });
}

/**
 * Take what a call answers about a strategy, unless the stream told of it while the call was under way: the
 * answer may be the older of the two, and what has changed since the stream tells by itself. Return the strategy as the call answered.
 * @param {string} strategyId
 * @param {Promise<Strategy>} answer
 */
export async function takeAnswer(strategyId, answer) {
  const before = told.get(strategyId);
  const strategy = await answer;
  if (told.get(strategyId) === before) take(strategy);
  return strategy;
}

/** @param {string} strategyId */
export function drop(strategyId) {
  const strategies = new Map(book.get().strategies);
  strategies.delete(strategyId);
  put({ strategies });
}

/** Keep a strategy's story as it was read, oldest first. @param {string} strategyId @param {Line[]} lines */
export function keepLines(strategyId, lines) {
  put({ lines: new Map(book.get().lines).set(strategyId, lines) });
}

// What is heard is put into the book in place, and drawn a moment later together.
function heard(data, name) {
  const { strategies, lines } = book.get();
  const known = strategies.get(data.strategy_id);
  if (name === "strategy") {
    if (known && isOver(known, data)) setTimeout(refresh, TOGETHER);
    strategies.set(data.strategy_id, data);
    told.set(data.strategy_id, (told.get(data.strategy_id) ?? 0) + 1);
  }
  else if (name === "deleted") strategies.delete(data.strategy_id);
  else if (name === "price") { if (known) strategies.set(data.strategy_id, { ...known, ...data }); }
  else hear(lines, data);
  waiting ||= setTimeout(draw, TOGETHER);
}

/**
 * A line told again is kept once; told from the beginning again (the server was set back), the story begins anew.
 * A story that nobody has opened is not kept: who opens it reads all of it.
 */
function hear(lines, line) {
  const known = lines.get(line.strategy_id);
  if (known) lines.set(line.strategy_id, [...known.filter((one) => one.event_id < line.event_id), line]);
}

/** A round is over with the run, or with the next day or purchase of one that goes on. */
const isOver = (before, now) => before.status !== now.status || before.phase !== now.phase || before.last_day?.trading_day !== now.last_day?.trading_day;

function draw() {
  waiting = 0;
  const { strategies, lines } = book.get();
  put({ strategies: new Map(strategies), lines: new Map(lines), seenAt: Date.now() });
}

for (const [event, answers] of [["reached", true], ["unreachable", false]]) {
  window.addEventListener(/** @type {string} */ (event), () => { if (book.get().answers !== answers) put({ answers: Boolean(answers) }); });
}
setInterval(refresh, AGAIN_EVERY);
document.addEventListener("visibilitychange", refresh);
window.addEventListener("online", refresh);
for (const event of ["signed-out", "left"]) window.addEventListener(event, close);
