// How things are said: exchange time, rupees, phases and outcomes in words.

/** @typedef {import("api-types").components["schemas"]["StrategyOut"]} Strategy */

const ZONE = "Asia/Kolkata";
const CLOCK = new Intl.DateTimeFormat("en-IN", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("en-IN", { timeZone: ZONE, weekday: "long", day: "numeric", month: "long" });
const ISO_DAY = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE });
const MONTH = new Intl.DateTimeFormat("en-IN", { timeZone: ZONE, month: "long", year: "numeric" });
const SHORT_DAY = new Intl.DateTimeFormat("en-IN", { timeZone: ZONE, weekday: "short", day: "numeric", month: "short" });
const PERCENT = new Intl.NumberFormat("en-IN", { style: "percent", minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "negative" });
const GAIN = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR", signDisplay: "exceptZero" });
const RUPEES = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR" });

export const clock = (instant) => CLOCK.format(new Date(instant));
export const isoDay = (instant) => ISO_DAY.format(new Date(instant));
/** @param {number | null | undefined} amount */
export const rupees = (amount) => (amount === null || amount === undefined ? "–" : RUPEES.format(amount));
/** What was won or lost: "+₹3.00", "-₹39.27". @param {number | null | undefined} amount */
export const gain = (amount) => (amount === null || amount === undefined ? "–" : GAIN.format(amount));
export const percent = (share) => PERCENT.format(share);
export const month = (yearMonth) => MONTH.format(new Date(`${yearMonth}-15T12:00:00+05:30`));
export const shortDay = (date) => SHORT_DAY.format(new Date(`${date}T12:00:00+05:30`));
export const day = (date) => DAY.format(new Date(`${date}T12:00:00+05:30`));

/** "today", "tomorrow" or "Monday, 30 November", as the exchange counts days. */
export function dayWord(date, now = Date.now()) {
  if (date === isoDay(now)) return "today";
  if (date === isoDay(now + 86_400_000)) return "tomorrow";
  return day(date);
}

/** "2 d 03:04:05", "03:04:05": what is left until an instant; empty once it has passed. */
export function until(instant, now = Date.now()) {
  const left = Math.ceil((new Date(instant).getTime() - now) / 1000);
  if (left <= 0) return "";
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(left / 86_400);
  const rest = `${two(Math.floor(left / 3600) % 24)}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
  return days ? `${days} d ${rest}` : rest;
}

const PHASES = { waiting: "waiting to buy", entering: "buying", holding: "holding", exiting: "selling", done: "done" };
const OUTCOMES = {
  sold: "sold at its time", stop_loss: "sold, the stop was hit", target: "sold, the target was reached", stopped: "stopped", kept: "stopped, shares kept",
  missed: "the buy time was missed", skipped: "nothing was bought", order_failed: "the order failed",
  closed_outside: "sold or moved at the broker", rejected: "the broker rejected it", cancelled: "cancelled", terminated: "ended from outside",
};

/** The run gets ready up to half a minute before its time, and is said to buy from that time on. */
const getsReady = (strategy) => strategy.phase === "entering" && strategy.buy_at !== null && Date.parse(strategy.buy_at) > Date.now();

/** Return where a strategy stands, in few words. @param {Strategy} strategy */
export function standing(strategy) {
  if (strategy.status === "running" && getsReady(strategy)) return PHASES.waiting;
  if (strategy.status === "running" && strategy.phase === "waiting" && strategy.position === "sold") return "waiting to buy again";
  if (strategy.status === "running") return PHASES[strategy.phase] ?? "starting";
  if (strategy.status === "created") return "not started";
  return OUTCOMES[strategy.outcome] ?? "stopped";
}

/**
 * Return the next moment of a running strategy: what happens, and when; null when nothing is ahead.
 * @param {Strategy} strategy
 */
export function nextMoment(strategy) {
  if (strategy.status !== "running") return null;
  if ((strategy.phase === "waiting" && strategy.position !== "sold") || getsReady(strategy)) return { what: "Buys", at: strategy.buy_at };
  if (strategy.phase === "holding") return { what: "Sells", at: strategy.sell_at };
  return null;
}

/** "TCS", "RELIANCE · BSE". */
export const symbolOf = (strategy) => `${strategy.symbol}${strategy.exchange === "NSE" ? "" : ` · ${strategy.exchange}`}`;

/** @param {Strategy} strategy */
export const named = (strategy) => `${symbolOf(strategy)} ${sizeWords(strategy)}`;

/** Return how much is bought: "×10", "for ₹50,000.00", "risking ₹500.00". @param {Strategy} strategy */
export function sizeWords(strategy) {
  const { amount, risk } = strategy.terms;
  if (amount !== null) return `for ${rupees(amount)}`;
  return risk !== null ? `risking ${rupees(risk)}` : `×${strategy.quantity}`;
}

/** Return how it is bought where that is not at the market: " at ₹99.50 or less". @param {Strategy} strategy */
export function entryWords({ terms: { entry } }) {
  if (entry.type === "limit") return ` at ${rupees(entry.price)} or less`;
  return entry.type === "chase" ? `, at most ${far(entry.most)} above the price then,` : "";
}

/** Return how often it is bought again; empty where it is not. @param {Strategy} strategy */
export function againWords({ terms: { reenter } }) {
  if (reenter === null) return "";
  return `It is bought again up to ${reenter.times === 1 ? "once" : `${reenter.times} times`} until ${reenter.until}.`;
}

export const sign = (amount) => (amount > 0 ? "good" : amount < 0 ? "bad" : "");

const far = (distance) => (distance.percent !== null ? `${distance.percent} %` : rupees(distance.points));

/** Return where the stop stands, or from what it will be measured. @param {Strategy} strategy */
export function stopWords(strategy) {
  if (strategy.stop_price !== null) return rupees(strategy.stop_price);
  return strategy.terms.stop ? `${far(strategy.terms.stop)} below the purchase` : "–";
}

/** The same of the target; empty where there is none. @param {Strategy} strategy */
export function targetWords(strategy) {
  if (strategy.target_price !== null) return rupees(strategy.target_price);
  return strategy.terms.target ? `${far(strategy.terms.target)} above the purchase` : "";
}

/**
 * Return where the stop of held shares lies now, and why not at the exchange where it should; `alone`: that is so.
 * @param {Strategy} strategy
 */
export function protectionWords({ protection, phase, terms: { protect } }) {
  if (protection === null) return { words: "", alone: false };
  const { where, trigger_price: trigger, since, why } = protection;
  if (where === "exchange") {
    const at = trigger === null ? "" : ` once the price is ${rupees(trigger)} or less`;
    return { words: `The stop rests at the exchange as an order since ${clock(since)}: it sells${at}, also while this server is away.`, alone: false };
  }
  if (protect === "exchange") return { words: `No stop rests at the exchange now: ${why}. This server watches it.`, alone: phase !== "exiting" };
  return { words: "The stop-loss is watched by this server: it sells at the market's price when the price is there. Nothing sells while it is away.", alone: false };
}

/** Return how the stop moves; empty where it stands still. @param {Strategy} strategy */
export function trailWords({ terms: { trail, lock } }) {
  const steps = trail?.every ? `${far(trail.by)} for each ${far(trail.every)} of rise` : trail ? `${far(trail.by)} below the highest price` : "";
  const begins = trail?.after ? `, once it is ${far(trail.after)} up` : "";
  const locked = lock.map((rung) => `${far(rung.after)} up: at least ${far(rung.keep)} above the purchase`);
  return [steps && `Follows ${steps}${begins}.`, ...locked.map((words) => `${words}.`)].filter(Boolean).join(" ");
}

/** Return the rupees between the last price and the stop; null where either is not known. @param {Strategy} one */
export function atRisk(one) {
  if (one.last_price === null || one.stop_price === null) return null;
  return Math.max(0, (one.last_price - one.stop_price) * one.filled_quantity);
}

/**
 * Return the rupees that can be lost down to the stop if it buys at today's price; null where it cannot be told.
 * @param {Strategy} one
 */
export function riskAhead({ last_price: price, stop_loss: fixed, quantity, terms: { stop, amount, risk } }) {
  if (risk !== null) return risk;
  if (price === null) return null;
  const share = stop?.percent ?? null;
  const fall = fixed !== null ? price - fixed : share !== null ? (price * share) / 100 : stop?.points ?? null;
  if (fall === null) return null;
  const shares = quantity ?? (amount === null ? null : amount / price);
  return shares === null ? null : Math.max(0, fall * shares);
}

/** Return what a strategy has won or lost: after charges where those are known. @param {Strategy} one */
export const result = (one) => one.net_pnl ?? one.pnl;

/** "+₹120.40 (0.34%)": what was won or lost, and its share of what was paid. @param {Strategy} one */
export function gainWords(one) {
  const spent = one.entry_price === null ? 0 : one.entry_price * one.filled_quantity;
  const won = result(one);
  return won === null || !spent ? gain(won) : `${gain(won)} (${percent(won / spent)})`;
}

const WEEKDAYS = { mon: "Mon", tue: "Tue", wed: "Wed", thu: "Thu", fri: "Fri", sat: "Sat", sun: "Sun" };

/** "every trading day, Mon to Fri"; empty where it does not repeat. */
export function repeatWords(repeat) {
  if (!repeat) return "";
  const days = repeat.days.map((one) => WEEKDAYS[one]).join(", ");
  return `Every trading day among ${days}${repeat.until ? ` until ${shortDay(repeat.until)}` : ", until you stop it"}.`;
}

export const outcomeWords = (outcome) => OUTCOMES[outcome] ?? "stopped";
