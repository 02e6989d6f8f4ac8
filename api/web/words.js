// How things are said: exchange time, rupees, phases and outcomes in words.

const ZONE = "Asia/Kolkata";
const CLOCK = new Intl.DateTimeFormat("en-IN", { timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("en-IN", { timeZone: ZONE, weekday: "long", day: "numeric", month: "long" });
const ISO_DAY = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE });
const PERCENT = new Intl.NumberFormat("en-IN", { style: "percent", minimumFractionDigits: 2, maximumFractionDigits: 2 });
const RUPEES = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR" });

export const clock = (instant) => CLOCK.format(new Date(instant));
export const isoDay = (instant) => ISO_DAY.format(new Date(instant));
export const rupees = (amount) => (amount === null || amount === undefined ? "–" : RUPEES.format(amount));
export const percent = (share) => PERCENT.format(share);
export const day = (date) => DAY.format(new Date(`${date}T12:00:00+05:30`));

/** "today", "tomorrow" or "Monday, 30 November", as the exchange counts days. */
export function dayWord(date, now = Date.now()) {
  if (date === isoDay(now)) return "today";
  if (date === isoDay(now + 86_400_000)) return "tomorrow";
  return day(date);
}

/** "2 d 03:04:05", "03:04:05": what is left until an instant; empty once it has passed. */
export function until(instant, now = Date.now()) {
  const left = Math.ceil((new Date(instant) - now) / 1000);
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

/** Return where a strategy stands, in few words. */
export function standing(strategy) {
  if (strategy.status === "running") return PHASES[strategy.phase] ?? "starting";
  if (strategy.status === "created") return "not started";
  return OUTCOMES[strategy.outcome] ?? "stopped";
}

/** Return the next moment of a running strategy: what happens, and when; null when nothing is ahead. */
export function nextMoment(strategy) {
  if (strategy.status !== "running") return null;
  if (strategy.phase === "waiting" && strategy.position !== "sold") return { what: "Buys", at: strategy.buy_at };
  if (strategy.phase === "holding") return { what: "Sells", at: strategy.sell_at };
  return null;
}

export const named = (strategy) => `${strategy.symbol}${strategy.exchange === "NSE" ? "" : ` · ${strategy.exchange}`} ${sizeWords(strategy)}`;

/** Return how much is bought: "×10", "for ₹50,000.00", "risking ₹500.00". */
export function sizeWords(strategy) {
  const { amount, risk } = strategy.terms;
  if (amount !== null) return `for ${rupees(amount)}`;
  return risk !== null ? `risking ${rupees(risk)}` : `×${strategy.quantity}`;
}

/** Return how it is bought where that is not at the market: " at ₹99.50 or less", and how often it is bought again. */
export function entryWords(strategy) {
  const { entry, reenter } = strategy.terms;
  const limit = entry.type === "limit" ? ` at ${rupees(entry.price)} or less` : entry.type === "chase" ? `, at most ${far(entry.most)} above the price then,` : "";
  return { limit, again: reenter === null ? "" : ` It is bought again up to ${reenter.times === 1 ? "once" : `${reenter.times} times`} until ${reenter.until}.` };
}

export const sign = (amount) => (amount > 0 ? "good" : amount < 0 ? "bad" : "");

const far = (distance) => (distance.percent !== null ? `${distance.percent} %` : rupees(distance.points));

/** Return where the stop stands, or from what it will be measured: "₹3,500.00", "1 % below the purchase". */
export function stopWords(strategy) {
  if (strategy.stop_price !== null) return rupees(strategy.stop_price);
  return strategy.terms.stop ? `${far(strategy.terms.stop)} below the purchase` : "–";
}

/** The same of the target; empty where there is none. */
export function targetWords(strategy) {
  if (strategy.target_price !== null) return rupees(strategy.target_price);
  return strategy.terms.target ? `${far(strategy.terms.target)} above the purchase` : "";
}
