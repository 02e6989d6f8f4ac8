// The fields of a strategy's terms that have a choice beside them: stop, target, entry, repeat, buying again.

import { Field, html } from "./ui.js";
import { rupees } from "./words.js";

const STOPS = [["percent", "% below"], ["points", "₹ below"], ["price", "₹ fixed"]];
const PLACES = [["server", "With this server"], ["exchange", "At the exchange, as an order"]];
const TRADE_OFFS = {
  server: "It follows every price; nothing sells while this server is away.",
  exchange: "It sells also while this server is away; a trailing stop moves it there in steps, not with every price.",
};
const PROBED = "With real money your broker account must have passed a probe: ask the operator of this server.";
const TARGETS = [["", "No target"], ["percent", "% above"], ["points", "₹ above"], ["price", "₹ fixed"]];
const TRAILS = [["", "No, stays where it is"], ["percent", "Trails the highest price by %"], ["points", "Trails the highest price by ₹"]];
const ENTRIES = [["market", "At the market's price"], ["limit", "At a price or less (limit)"], ["chase", "Limit that follows the price"]];
const AGAIN = [["", "No"], ["stop", "After its stop"], ["target", "After its target"], ["both", "After stop or target"]];
const WHEN = [["at_entry_price", "When the price is back where it was bought"], ["at_once", "At once"]];
const DAYS = [["mon", "Mon"], ["tue", "Tue"], ["wed", "Wed"], ["thu", "Thu"], ["fri", "Fri"], ["sat", "Sat"], ["sun", "Sun"]];
const DECIMAL = { inputmode: "decimal", autocomplete: "off" };

export function Stop({ terms, on, check }) {
  const fixed = terms.stopBy === "price";
  const comes = fixed ? "A price of the share." : check?.stop_price ? `Below the purchase: about ${rupees(check.stop_price)}.` : "Below the purchase.";
  return html`
    <div class="pair">
      <${Field} name=${fixed ? "stop_loss" : "stop"} label="Stop-loss" hint=${comes} ...${DECIMAL} value=${terms.stop} onInput=${on("stop")} required />
      <${Field} name="stop_by" label="Stop in" options=${STOPS} value=${terms.stopBy} onChange=${on("stopBy")} />
    </div>
    <div class="pair">
      <${Field} name="trail_by" label="Trailing" options=${TRAILS} value=${terms.trailBy} onChange=${on("trailBy")} />
      ${terms.trailBy ? html`<${Field} name="trail" label="At a distance of" ...${DECIMAL} value=${terms.trail} onInput=${on("trail")} />` : null}
    </div>
    ${terms.trailBy ? html`<${Field} name="trail_after" label=${`Once it is up by, ${terms.trailAfterBy === "percent" ? "%" : "₹"}`} hint="Empty: from the purchase on." ...${DECIMAL} value=${terms.trailAfter} onInput=${on("trailAfter")} />` : null}`;
}

/** Where the stop lies while shares are held; `live`: real orders, which the exchange has only after a probe. */
export function Place({ terms, on, live }) {
  const probed = live && terms.protect === "exchange" ? ` ${PROBED}` : "";
  return html`<${Field} name="protect" label="Where the stop lies" hint=${TRADE_OFFS[terms.protect] + probed} options=${PLACES} value=${terms.protect} onChange=${on("protect")} />`;
}

export function Target({ terms, on, check }) {
  const comes = terms.targetBy && terms.targetBy !== "price" && check?.target_price ? `Above the purchase: about ${rupees(check.target_price)}.` : "";
  return html`<div class="pair">
    <${Field} name="target_by" label="Target in" options=${TARGETS} value=${terms.targetBy} onChange=${on("targetBy")} />
    ${terms.targetBy ? html`<${Field} name="target" label="Target" hint=${comes} ...${DECIMAL} value=${terms.target} onInput=${on("target")} />` : null}
  </div>`;
}

export function Entry({ terms, on }) {
  return html`
    <${Field} name="entry" label="How it buys" options=${ENTRIES} value=${terms.entry} onChange=${on("entry")} />
    ${terms.entry === "limit" ? html`<div class="pair">
      <${Field} name="entry_price" label="Limit, ₹" ...${DECIMAL} value=${terms.entryPrice} onInput=${on("entryPrice")} />
      <${Field} name="entry_seconds" label="Keep trying for, seconds" inputmode="numeric" hint="What is not filled by then is cancelled." value=${terms.entrySeconds} onInput=${on("entrySeconds")} />
    </div>` : null}
    ${terms.entry === "chase" ? html`<div class="pair">
      <${Field} name="chase_buffer" label=${`Above the last price, ${terms.chaseBufferBy === "percent" ? "%" : "₹"}`} ...${DECIMAL} value=${terms.chaseBuffer} onInput=${on("chaseBuffer")} />
      <${Field} name="chase_most" label=${`Never more above than, ${terms.chaseMostBy === "percent" ? "%" : "₹"}`} ...${DECIMAL} value=${terms.chaseMost} onInput=${on("chaseMost")} />
    </div>` : null}`;
}

export function Repeat({ terms, on, put }) {
  const every = terms.days.length > 0;
  const toggle = (day) => put({ days: terms.days.includes(day) ? terms.days.filter((one) => one !== day) : DAYS.map(([one]) => one).filter((one) => one === day || terms.days.includes(one)) });
  return html`<div>
    <label><input type="checkbox" role="switch" name="repeats" checked=${every} onChange=${() => put({ days: every ? [] : ["mon", "tue", "wed", "thu", "fri"] })} />Repeat on trading days</label>
    ${every ? html`
      <div class="days" role="group" aria-label="Days of the week">${DAYS.map(([day, word]) => html`<label key=${day}><input type="checkbox" checked=${terms.days.includes(day)} onChange=${() => toggle(day)} />${word}</label>`)}</div>
      <${Field} name="until" label="Last day" type="date" hint="Empty: until you stop it." value=${terms.until} onInput=${on("until")} />` : null}
  </div>`;
}

export function Again({ terms, on }) {
  return html`
    <${Field} name="reenter" label="Buy again the same day" options=${AGAIN} value=${terms.again} onChange=${on("again")} />
    ${terms.again ? html`<div class="pair">
      <${Field} name="again_times" label="How often, at most" inputmode="numeric" value=${terms.againTimes} onInput=${on("againTimes")} />
      <${Field} name="again_until" label="Not after" inputmode="numeric" autocomplete="off" placeholder="hh:mm" value=${terms.againUntil} onInput=${on("againUntil")} />
    </div>
    <${Field} name="again_when" label="When" options=${WHEN} value=${terms.againWhen} onChange=${on("againWhen")} />` : null}`;
}
