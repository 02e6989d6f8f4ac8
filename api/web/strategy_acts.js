// What can be done with a strategy: START with what it will do, STOP, sell, change, copy, leave a day out, delete.

import { drop, take, takeAnswer } from "./book.js";
import { call, newKey, post } from "./client.js";
import { plain } from "./problems.js";
import { bodyOf, termsOf } from "./terms.js";
import { Act, ask, html, tell, useRef } from "./ui.js";
import { againWords, clock, day, dayWord, entryWords, gain, isoDay, named, repeatWords, rupees, sizeWords, stopWords, symbolOf, targetWords } from "./words.js";

const SOLD = "Sold, they go at the market's price: at once while the market is open, else at its next opening.";
const KEPT = "Kept, they are yours alone: no stop-loss watches them, and it can be started again.";

export function Acts({ one }) {
  const startKey = useRef(/** @type {string | null} */ (null));
  if (one.status === "running") startKey.current = null;
  const waits = one.status === "running" && one.phase === "waiting" && one.position !== "bought";
  const held = one.status === "stopped" && one.position === "bought";
  const change = one.status !== "running" ? !held || one.outcome === "kept" : waits && one.repeat;
  return html`<div class="acts">
    ${one.status === "running" ? html`<${Act} class="danger" does=${() => stop(one)}>STOP<//>` : null}
    ${held ? html`<${Act} class="danger" does=${() => sellLeft(one)}>Sell the shares<//>` : null}
    ${one.status !== "running" && (!held || one.outcome === "kept") ? html`<${Act} does=${() => start(one, startKey)}>START<//>` : null}
    ${waits && one.repeat && one.trading_day ? html`<${Act} class="outline" does=${() => skip(one)}>Leave ${dayWord(one.trading_day)} out<//>` : null}
    ${change ? html`<a role="button" class="outline" href=${`#/edit/${one.strategy_id}`}>Change</a>` : null}
    <${Act} class="outline secondary" does=${() => copy(one)}>Copy<//>
    <a role="button" class="outline secondary" href=${`#/days/${one.strategy_id}`}>Days</a>
    ${one.status !== "running" ? html`<${Act} class="outline secondary" does=${() => remove(one)}>Delete<//>` : null}
  </div>`;
}

async function start(one, startKey) {
  const check = await post("/strategy/check", bodyOf(termsOf(one))).catch(unchecked);
  const mode = check.mode ?? one.mode;
  const live = mode === "live";
  const chosen = await ask(`Start ${named(one)}?`, willDo(one, { ...check, mode }), [["yes", live ? "START with real money" : "START", live ? "danger" : ""]]);
  if (!chosen) return;
  // Pressed again after an answer that was lost, it is the same START, even if its day has ended since.
  startKey.current ??= newKey();
  const now = await takeAnswer(one.strategy_id, call("POST", "/strategy/start", { strategy_id: one.strategy_id }, { key: startKey.current }));
  startKey.current = null;
  tell(now.status === "running" ? `Started: buys ${dayWord(now.trading_day)} at ${clock(now.buy_at)}.` : "");
}

/** START is not barred because the question before it has no answer; what is wrong with the terms is said. */
function unchecked(problem) {
  if (problem.status === 422) throw problem;
  const warnings = ["It could not be asked what this takes: your money and your limits are looked at when it buys."];
  return { mode: null, buy_at: null, amount: null, quantity: null, risk: null, margin: null, while_away: "", warnings };
}

/** Say what START will do, with whose money, what it takes and what can be lost. */
function willDo(one, check) {
  const size = one.quantity !== null ? `${one.quantity} ${symbolOf(one)}` : check.quantity === null ? `${symbolOf(one)} ${sizeWords(one)}` : `about ${check.quantity} ${symbolOf(one)}`;
  const when = check.buy_at ? `${dayWord(isoDay(check.buy_at))} at ${clock(check.buy_at)}` : `at ${one.buy_time} of the next trading day`;
  const target = targetWords(one);
  const about = check.amount === null ? "" : `That costs about ${rupees(check.amount)}. `;
  const charges = check.charges_estimate ? ` Charges come on top: about ${rupees(check.charges_estimate.total)}.` : "";
  const risk = check.risk === null ? "" : `At its stop-loss about ${rupees(check.risk)} is lost, or more if the price jumps.${charges}`;
  const where = check.mode === "live" ? "at Zerodha" : "on the paper account";
  const needs = check.margin ? `Needed ${where} ${rupees(check.margin.required)}; available ${rupees(check.margin.available)}.` : "";
  return [
    check.mode === "live" ? "This is real money: the orders go to your Zerodha account." : "This is paper money: no order reaches the exchange.",
    `It buys ${size} ${when}${entryWords(one)} and sells them at ${one.sell_time}, or at once when the price falls to its stop-loss (${stopWords(one)})${target && ` or rises to its target (${target})`}.`,
    [againWords(one), repeatWords(one.repeat)].filter(Boolean).join(" "),
    `${about}${risk}`,
    needs,
    check.while_away,
    ...check.warnings.map((text) => `⚠ ${plain(text)}`),
  ].filter(Boolean);
}

async function stop(one) {
  const send = async (words) => takeAnswer(one.strategy_id, post("/strategy/stop", { strategy_id: one.strategy_id, ...words }));
  if (one.position !== "bought") {
    const more = one.repeat ? " It does not trade on later days either." : "";
    if (await ask(`Stop ${named(one)}?`, `Nothing is held. What has not been bought yet is called off.${more}`, [["yes", "STOP", "danger"]])) await send({});
    return;
  }
  const chosen = await ask(`Stop ${named(one)}?`, `It holds ${one.filled_quantity} shares${one.net_pnl === null ? "" : `, now ${gain(one.net_pnl)} after charges`}: ${one.mode === "live" ? "real" : "paper"} money. Sell them now at the market's price, or keep them? Kept shares are watched by no stop-loss any more.${one.product === "MIS" ? " Zerodha sells intraday positions itself before the close." : ""}`, [["exit", "Sell now", "danger"], ["keep", "Keep the shares", "outline"]]);
  if (chosen) await send({ on_stop: chosen });
}

/** Sell what a stopped strategy still holds; what its user has not kept yet they may keep. */
async function sellLeft(one) {
  const kept = one.outcome === "kept";
  /** @type {[string, string, string?][]} */
  const choices = [["exit", "Sell now", "danger"]];
  if (!kept) choices.push(["keep", "Keep the shares", "outline"]);
  const chosen = await ask(`Sell ${named(one)}${kept ? "" : ", or keep them"}?`, kept ? SOLD : [SOLD, KEPT], choices);
  if (chosen) await takeAnswer(one.strategy_id, post("/strategy/stop", { strategy_id: one.strategy_id, on_stop: chosen }));
}

async function skip(one) {
  if (!(await ask(`Leave ${dayWord(one.trading_day)} out?`, `Nothing is bought on ${day(one.trading_day)}. It goes on with its next day.`, [["yes", "Leave it out"]]))) return;
  await takeAnswer(one.strategy_id, post(`/strategy/${one.strategy_id}/skip`, { trading_day: one.trading_day }));
}

async function copy(one) {
  const made = await call("POST", `/strategy/${one.strategy_id}/copy`, undefined, { key: newKey() });
  take(made);
  location.hash = `#/edit/${made.strategy_id}`;
}

async function remove(one) {
  if (!(await ask(`Delete ${named(one)}?`, "Its orders and its story are deleted with it; its days stay in your report.", [["yes", "Delete", "danger"]]))) return;
  await call("DELETE", `/strategy/${one.strategy_id}`);
  drop(one.strategy_id);
  location.hash = "#/";
}

