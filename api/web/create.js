// A new strategy, and a changed one: what, when, the stop, how much; and live what a START would come to.

import { book, take, takeAnswer } from "./book.js";
import { call, get, newKey, post } from "./client.js";
import { Answer } from "./check.js";
import { Again, Entry, Place, Repeat, Stop, Target } from "./terms_fields.js";
import { find, instrumentWords, SymbolBox } from "./symbol_box.js";
import { bodyOf, changeOf, isWhole, NEW, termsOf, timeOf } from "./terms.js";
import { Field, Form, html, Title, Unread, useEffect, useRead, useRef, useState, useStore } from "./ui.js";
import { clock, named as nameOf } from "./words.js";

const PRODUCTS = { CNC: "CNC, delivery", MIS: "MIS, intraday", NRML: "NRML, carried forward" };
const SIZES = [["quantity", "Shares"], ["amount", "Rupees to spend"], ["risk", "Rupees to risk"]];
const ON_STOP = [["exit", "Sell the shares"], ["keep", "Keep the shares"]];
// Not an input of type "time": in India's locale that asks for AM and PM, and cuts them off on a small phone.
const TIME = { inputmode: "numeric", autocomplete: "off", placeholder: "hh:mm:ss", maxlength: "8" };
const CHECK_AFTER = 500;

export function New() {
  const key = useRef({ words: "", key: "" });
  const send = async (body) => {
    // Pressed again after an answer that was lost, the same words are the same strategy.
    const words = JSON.stringify(body);
    if (words !== key.current.words) key.current = { words, key: newKey() };
    const made = await call("POST", "/strategy/create", body, { key: key.current.key });
    take(made);
    location.hash = `#/s/${made.strategy_id}`;
  };
  return html`<${Title}>New strategy<//>
    <${TermsForm} first=${NEW} submit="Create" send=${send}>
      <p class="quiet">Nothing is bought before you press START on the next screen.</p>
    <//>`;
}

export function Edit({ words: [id] }) {
  const before = useStore(book).strategies.get(id);
  const missing = useRead(async () => (before ? null : takeAnswer(id, get(`/strategy/${id}`))), [id]);
  if (!before) return html`<${Title}>Change<//><${Unread} of=${missing} />`;
  const send = async (body) => {
    await takeAnswer(id, call("PATCH", `/strategy/${id}`, changeOf(before, body)));
    location.hash = `#/s/${id}`;
  };
  return html`<${Title}>Change ${nameOf(before)}<//>
    <${TermsForm} first=${termsOf(before)} submit="Save" send=${send} />`;
}

function TermsForm({ first, submit, send, children = null }) {
  const [terms, set] = useState(first);
  const [chosen, choose] = useState(/** @type {any} */ (null));
  const put = (words) => set((before) => ({ ...before, ...words }));
  const on = (name) => (event) => put({ [name]: event.target.value });
  const take = (one) => {
    if (!one) return;
    choose(one);
    put({ symbol: one.symbol, exchange: one.exchange, product: one.products.includes(terms.product) ? terms.product : one.products[0] });
  };
  useEffect(() => { resolve(terms.exchange); }, []);
  const products = chosen?.products ?? ["CNC", "MIS"];
  const check = useCheck(terms);
  // A symbol that was typed in full is looked up when its field is left, or when another exchange is chosen for it.
  const resolve = async (exchange) => { if (terms.symbol.trim()) take(named(await find(terms.symbol.trim()), terms.symbol, exchange)); };
  const exchanged = (event) => { choose(null); put({ exchange: event.target.value }); resolve(event.target.value); };
  const typed = (symbol) => { put({ symbol }); if (symbol.toUpperCase() !== chosen?.symbol) choose(null); };
  const whole = async () => send(bodyOf(terms));
  return html`<${Form} submit=${submit} send=${whole}>
    <${Field} name="symbol" label="Symbol" hint=${chosen ? instrumentWords(chosen) : "Type a symbol or a company's name, and choose."}>
      ${(common) => html`<${SymbolBox} ...${common} symbol=${terms.symbol} type=${typed} choose=${take} left=${() => chosen ?? resolve(terms.exchange)} />`}
    <//>
    <div class="pair">
      <${Field} name="buy_time" label="Buy at" ...${TIME} value=${terms.buyTime} onInput=${on("buyTime")} onBlur=${() => put({ buyTime: timeOf(terms.buyTime) })} required />
      <${Field} name="sell_time" label="Sell at" ...${TIME} value=${terms.sellTime} onInput=${on("sellTime")} onBlur=${() => put({ sellTime: timeOf(terms.sellTime) })} required />
    </div>
    <${Hours} />
    <${Stop} terms=${terms} on=${on} check=${check.data} />
    <${Place} terms=${terms} on=${on} live=${book.get().mode === "live"} />
    <${Target} terms=${terms} on=${on} put=${put} check=${check.data} />
    <div class="pair">
      <${Field} name=${terms.sizeBy} label=${SIZE_LABELS[terms.sizeBy]} inputmode="decimal" autocomplete="off" value=${terms.size} onInput=${on("size")} required />
      <${Field} name="size_by" label="Size by" options=${SIZES} value=${terms.sizeBy} onChange=${on("sizeBy")} />
    </div>
    <${Repeat} terms=${terms} on=${on} put=${put} />
    <details><summary>More: exchange, product, limit, buying again</summary>
      <div class="pair">
        <${Field} name="exchange" label="Exchange" options=${["NSE", "BSE", "NFO", "BFO"].map((one) => [one, one])} value=${terms.exchange} onChange=${exchanged} />
        <${Field} name="product" label="Product" options=${products.map((one) => [one, PRODUCTS[one] ?? one])} value=${terms.product} onChange=${on("product")} />
      </div>
      <${Entry} terms=${terms} on=${on} />
      <${Again} terms=${terms} on=${on} />
      <${Field} name="on_stop" label="If I end it myself" options=${ON_STOP} value=${terms.onStop} onChange=${on("onStop")} />
    </details>
    <${Answer} check=${check} whole=${isWhole(terms)} />
    ${children}
  <//>`;
}

const SIZE_LABELS = { quantity: "Quantity", amount: "Amount, ₹", risk: "Risk, ₹" };

/** Return what is listed under exactly this symbol: at the exchange where it is there, else the only other one. */
function named(found, symbol, exchange) {
  const same = found?.filter((one) => one.symbol === symbol.trim().toUpperCase()) ?? [];
  return same.find((one) => one.exchange === exchange) ?? (same.length === 1 ? same[0] : null);
}

/** The session's bounds, so that nobody has to know them. */
function Hours() {
  const market = useRead(() => get("/market/status"));
  const session = market.data?.session ?? market.data?.next_session;
  const hours = session ? ` Continuous trading is from ${clock(session.opens_at)} to ${clock(session.closes_at)}.` : "";
  return html`<p class="hint">${`Exchange time (IST), 24 hours, to the second.${hours}`}</p>`;
}

/** Ask what a START of these terms would come to, once nothing was typed for a moment. */
function useCheck(terms) {
  const [state, set] = useState(/** @type {{data: any, problem: any, of: string}} */ ({ data: null, problem: null, of: "" }));
  const words = isWhole(terms) ? JSON.stringify(bodyOf(terms)) : "";
  useEffect(() => {
    if (!words) return void set({ data: null, problem: null, of: "" });
    let alive = true;
    const timer = setTimeout(() => post("/strategy/check", JSON.parse(words)).then(
      (data) => alive && set({ data, problem: null, of: words }),
      (problem) => alive && set({ data: null, problem, of: words }),
    ), CHECK_AFTER);
    return () => { alive = false; clearTimeout(timer); };
  }, [words]);
  return { ...state, stale: state.of !== words };
}
