// What a START would come to: days, money, what can be lost, what the broker asks for, what to look out for.

import { plain, problemWords, wordsOfField } from "./problems.js";
import { html } from "./ui.js";
import { clock, dayWord, isoDay, rupees } from "./words.js";

/** `stale`: the answer is of other terms than those on the screen. */
export function Answer({ check: { data, problem, stale }, whole }) {
  return html`<article class=${stale ? "answer stale" : "answer"} aria-busy=${stale ? "true" : null}><h2>What it would do</h2>
    <p class="number" role="status">${stale ? "Asking …" : data ? inShort(data) : ""}</p>
    ${data ? html`<${Coming} check=${data} />` : problem ? html`<p class="warned">${refused(problem)}</p>`
      : whole ? null : html`<p class="quiet">Fill in the fields: what it would cost and risk is shown here.</p>`}
  </article>`;
}

/** "₹35,609.00 · lost at the stop-loss ₹356.09, and about ₹38.21 of charges". */
function inShort({ amount, risk, charges_estimate: charges }) {
  const parts = [amount === null ? "" : rupees(amount), risk === null ? "" : `lost at the stop-loss ${rupees(risk)}`];
  return `${parts.filter(Boolean).join(" · ")}${charges ? `, and about ${rupees(charges.total)} of charges` : ""}`;
}

function Coming({ check }) {
  const when = (at) => (at ? `${dayWord(isoDay(at))} at ${clock(at)}` : "–");
  const { margin } = check;
  const facts = [
    ["Buys", when(check.buy_at)], ["Sells", when(check.sell_at)], ["Last price", rupees(check.last_price)],
    ["Shares", check.quantity === null ? "–" : String(check.quantity)], ["Amount", rupees(check.amount)],
    ["Stop-loss", rupees(check.stop_price)], ...(check.target_price === null ? [] : [["Target", rupees(check.target_price)]]),
    ["Lost at the stop", rupees(check.risk)], ["Charges, about", rupees(check.charges_estimate?.total)],
    ...(margin ? [[check.mode === "live" ? "Needed at Zerodha" : "Needed", rupees(margin.required)], ["Available", rupees(margin.available)]] : []),
  ];
  return html`
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <p class="quiet">${plain(check.while_away)}</p>
    ${check.warnings.map((text) => html`<p key=${text} class="notice warn">${plain(text)}</p>`)}`;
}

/** What is wrong with the terms, each once; it is said at its field when they are sent. */
function refused(problem) {
  if (!problem.errors?.length) return problemWords(problem);
  return problem.errors.map((error) => wordsOfField(error)).join(" ");
}
