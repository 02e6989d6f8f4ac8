// What a START would come to: days, money, what can be lost, what the broker asks for, what to look out for.

import { plain, problemWords, wordsOfField } from "./problems.js";
import { html } from "./ui.js";
import { clock, dayWord, isoDay, rupees } from "./words.js";

export function Answer({ check: { data, problem }, whole }) {
  return html`<article class="answer" aria-live="polite"><h2>What it would do</h2>
    ${data ? html`<${Coming} check=${data} />` : problem ? html`<p class="warned">${refused(problem)}</p>`
      : html`<p class="quiet">${whole ? "Asking …" : "Fill in the fields: what it would cost and risk is shown here."}</p>`}
  </article>`;
}

function Coming({ check }) {
  const when = (at) => (at ? `${dayWord(isoDay(at))} at ${clock(at)}` : "–");
  const { margin } = check;
  const facts = [
    ["Buys", when(check.buy_at)], ["Sells", when(check.sell_at)], ["Last price", rupees(check.last_price)],
    ["Shares", check.quantity === null ? "–" : String(check.quantity)], ["Amount", rupees(check.amount)],
    ["Stop", rupees(check.stop_price)], ...(check.target_price === null ? [] : [["Target", rupees(check.target_price)]]),
    ["Lost at the stop", rupees(check.risk)], ["Charges, about", rupees(check.charges_estimate?.total)],
    ...(margin ? [["Zerodha asks for", rupees(margin.required)], ["In your account", rupees(margin.available)]] : []),
  ];
  return html`
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${margin && margin.short > 0 ? html`<p class="notice warn">${`${rupees(margin.short)} are missing in your account: Zerodha would reject the order.`}</p>` : null}
    ${check.warnings.map((text) => html`<p key=${text} class="notice warn">${plain(text)}</p>`)}`;
}

/** What is wrong with the terms, each once; it is said at its field when they are sent. */
function refused(problem) {
  if (!problem.errors?.length) return problemWords(problem);
  return problem.errors.map((error) => wordsOfField(error)).join(" ");
}
