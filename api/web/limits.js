// The account's own limits: what may be bought, and what a day may lose or win.

import { book } from "./book.js";
import { call } from "./client.js";
import { number } from "./terms.js";
import { Field, Form, html, tell } from "./ui.js";
import { clock, dayWord, rupees } from "./words.js";

const BREACH = [["block", "Buy nothing more that day"], ["exit", "Sell what is held as well"]];
const NAMES = { daily_loss: "loss in one day", daily_profit: "profit in one day", trades_a_day: "trades in one day" };
const given = (text) => (text === "" ? null : number(text));
const shown = (value) => (value === null ? "" : String(value));

export function Limits({ account: { limits, breach } }) {
  const send = async (values) => {
    const symbols = values.symbols.split(/[\s,]+/).filter(Boolean).map((one) => one.toUpperCase());
    const account = await call("PUT", "/account/limits", {
      order_quantity: given(values.order_quantity), order_value: given(values.order_value),
      daily_loss: given(values.daily_loss), daily_profit: given(values.daily_profit),
      trades_a_day: given(values.trades_a_day), on_breach: values.on_breach || "block",
      symbols: symbols.length ? symbols : null,
    });
    book.set({ ...book.get(), account });
    tell("The limits are saved. They hold from the next order on.");
  };
  return html`
    ${breach ? html`<p class="notice warn">${breachWords(breach)}</p>` : null}
    <${Form} submit="Save limits" send=${send}>
      <div class="pair">
        <${Field} name="daily_loss" label="Loss in one day, ₹" inputmode="decimal" value=${shown(limits.daily_loss)} hint="Of all strategies, realised and open, after charges. Empty is no limit." />
        <${Field} name="daily_profit" label="Profit in one day, ₹" inputmode="decimal" value=${shown(limits.daily_profit)} hint="Counted in the same way." />
      </div>
      <${Field} name="on_breach" label="When loss or profit is reached" options=${BREACH} value=${limits.on_breach} />
      <div class="pair">
        <${Field} name="order_quantity" label="Shares in one order" inputmode="numeric" value=${shown(limits.order_quantity)} />
        <${Field} name="order_value" label="Value of one order, ₹" inputmode="decimal" value=${shown(limits.order_value)} />
      </div>
      <${Field} name="trades_a_day" label="Trades in one day" inputmode="numeric" value=${shown(limits.trades_a_day)} hint="Rounds of all strategies together." />
      <${Field} name="symbols" label="Only these symbols" autocapitalize="characters" value=${(limits.symbols ?? []).join(", ")} hint="Separate by commas. Leave empty for all." />
    <//>`;
}

export function breachWords(breach) {
  const value = breach.limit === "trades_a_day" ? breach.value : rupees(breach.value);
  const until = breach.until ? `until ${dayWord(breach.until)}` : "until the next trading day";
  return `Your limit of ${value} for the ${NAMES[breach.limit]} was reached at ${clock(breach.since)}: nothing more is bought ${until}, whatever the limits are changed to.`;
}
