// A strategy's terms as the form has them, as the API takes them, and back.

/**
 * @typedef {{symbol: string, exchange: string, product: string, buyTime: string, sellTime: string, onStop: string,
 *   stop: string, stopBy: string, target: string, targetBy: string, trail: string, trailBy: string, trailAfter: string, trailAfterBy: string,
 *   entry: string, entryPrice: string, entrySeconds: string, chaseBuffer: string, chaseBufferBy: string, chaseMost: string, chaseMostBy: string,
 *   size: string, sizeBy: string, days: string[], until: string,
 *   again: string, againTimes: string, againWhen: string, againUntil: string, protect: string, kept: Record<string, any>, steps: Record<string, any>}} Terms
 */

/** @type {Terms} */
export const NEW = {
  symbol: "", exchange: "NSE", product: "CNC", buyTime: "", sellTime: "", onStop: "exit",
  stop: "", stopBy: "percent", target: "", targetBy: "", trail: "", trailBy: "", trailAfter: "", trailAfterBy: "percent",
  entry: "market", entryPrice: "", entrySeconds: "60", chaseBuffer: "0.1", chaseBufferBy: "percent", chaseMost: "0.5", chaseMostBy: "percent",
  size: "", sizeBy: "quantity", days: [], until: "",
  again: "", againTimes: "1", againWhen: "at_entry_price", againUntil: "", protect: "server", kept: {}, steps: {},
};

/** A number as JSON wants it, "1,00,000" too; what is none is sent as it was typed, so that the server says what is wrong. */
export const number = (text) => (/^[\d,]*\d(\.\d+)?$/.test(text) ? Number(text.replaceAll(",", "")) : text);

/** A time of day as the API takes it: "930", "0930", "09.30" and "093000" are typed as well. */
export function timeOf(text) {
  const found = /^(\d{1,2})[:. ]?(\d{2})(?:[:. ]?(\d{2}))?$/.exec(text.trim());
  return found ? `${found[1].padStart(2, "0")}:${found[2]}${found[3] ? `:${found[3]}` : ""}` : text.trim();
}

const distance = (by, text) => ({ [by]: number(text) });

/** Return the body of create, check and change. @param {Terms} terms @returns {Record<string, any>} */
export function bodyOf(terms) {
  const { stopBy, targetBy, trailBy, sizeBy } = terms;
  return {
    ...terms.kept,
    symbol: terms.symbol.trim().toUpperCase(), exchange: terms.exchange, product: terms.product, on_stop: terms.onStop, protect: terms.protect,
    buy_time: timeOf(terms.buyTime), sell_time: timeOf(terms.sellTime),
    ...(stopBy === "price" ? { stop_loss: number(terms.stop) } : { stop: distance(stopBy, terms.stop) }),
    ...(targetBy ? { target: distance(targetBy, terms.target) } : {}),
    ...(trailBy ? { trail: trailOf(terms) } : {}),
    ...(terms.entry === "market" ? {} : { entry: entryOf(terms) }),
    [sizeBy]: number(terms.size),
    ...(terms.days.length ? { repeat: { days: terms.days, ...(terms.until ? { until: terms.until } : {}) } } : {}),
    ...(terms.again ? { reenter: { times: number(terms.againTimes), after: terms.again, when: terms.againWhen, until: timeOf(terms.againUntil) } } : {}),
  };
}

function trailOf(terms) {
  const after = terms.trailAfter ? { after: distance(terms.trailAfterBy, terms.trailAfter) } : {};
  return { by: distance(terms.trailBy, terms.trail), ...after, ...terms.steps };
}

function entryOf(terms) {
  const seconds = { for_seconds: number(terms.entrySeconds) };
  if (terms.entry === "limit") return { type: "limit", price: number(terms.entryPrice), ...seconds };
  return { type: "chase", buffer: distance(terms.chaseBufferBy, terms.chaseBuffer), most: distance(terms.chaseMostBy, terms.chaseMost), ...seconds };
}

/** Tell whether all that is needed was typed. @param {Terms} terms */
export function isWhole(terms) {
  const needed = [terms.symbol, terms.buyTime, terms.sellTime, terms.stop, terms.size];
  if (terms.targetBy) needed.push(terms.target);
  if (terms.trailBy) needed.push(terms.trail);
  if (terms.entry === "limit") needed.push(terms.entryPrice);
  if (terms.again) needed.push(terms.againUntil);
  return needed.every(Boolean);
}

/** Return what the form shows of a strategy. @param {import("./words.js").Strategy} strategy @returns {Terms} */
export function termsOf(strategy) {
  const { stop, target, trail, lock, entry, reenter, repeat, amount, risk } = strategy.terms;
  const chosen = sides(target), trailed = sides(trail?.by), after = sides(trail?.after);
  const every = trail?.every ? { every: given(trail.every) } : {};
  const kept = lock.length ? { lock: lock.map((rung) => ({ after: given(rung.after), keep: given(rung.keep) })) } : {};
  return {
    ...NEW,
    symbol: strategy.symbol, exchange: strategy.exchange, product: strategy.product, onStop: strategy.on_stop,
    buyTime: strategy.buy_time, sellTime: strategy.sell_time,
    stop: stop ? sides(stop).text : String(strategy.stop_loss), stopBy: stop ? sides(stop).by : "price",
    target: chosen.text, targetBy: chosen.by, trail: trailed.text, trailBy: trailed.by,
    trailAfter: after.text, trailAfterBy: after.by || "percent",
    entry: entry.type, entryPrice: text(entry.price), entrySeconds: text(entry.for_seconds) || NEW.entrySeconds,
    ...chaseOf(entry),
    size: text(amount ?? risk ?? strategy.quantity), sizeBy: amount !== null ? "amount" : risk !== null ? "risk" : "quantity",
    days: repeat?.days ?? [], until: repeat?.until ?? "",
    again: reenter?.after ?? "", againTimes: text(reenter?.times) || "1", againWhen: reenter?.when ?? NEW.againWhen, againUntil: reenter?.until ?? "",
    protect: strategy.terms.protect,
    kept, steps: every,
  };
}

function chaseOf(entry) {
  const buffer = sides(entry.buffer), most = sides(entry.most);
  return buffer.by ? { chaseBuffer: buffer.text, chaseBufferBy: buffer.by, chaseMost: most.text, chaseMostBy: most.by } : {};
}

/** Return what takes away from a strategy the terms that a body does not name any more. */
export function changeOf(before, body) {
  const { stop, target, trail, lock, entry, reenter, repeat } = before.terms;
  const had = { target, trail, lock: lock.length ? lock : null, entry: entry.type === "market" ? null : entry, reenter, repeat, stop };
  const gone = Object.keys(had).filter((name) => had[name] !== null && !(name in body) && !(name === "stop" && "stop_loss" in body));
  return { ...Object.fromEntries(gone.map((name) => [name, null])), ...body };
}

const text = (value) => (value === null || value === undefined ? "" : String(value));
const given = (one) => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== null));

/** Return the number of a distance, and what it counts: "percent", "points" or "price". */
function sides(one) {
  const by = ["price", "percent", "points"].find((name) => one && one[name] !== null && one[name] !== undefined);
  return by ? { by, text: String(one[by]) } : { by: "", text: "" };
}
