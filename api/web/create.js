// A new strategy: symbol, buy time, sell time, stop-loss, quantity.

import { call, get, newKey, pause } from "./client.js";
import { field, fill, form, h } from "./dom.js";

const PRODUCTS = { CNC: "CNC, delivery", MIS: "MIS, intraday", NRML: "NRML, carried forward" };

export async function show(view, _parameters, signal) {
  const symbol = field("symbol", "Symbol", { autocomplete: "off", autocapitalize: "characters", spellcheck: "false", list: "symbols", required: true }, "Type a symbol or a company's name.");
  const found = h("datalist", { id: "symbols" });
  const product = field("product", "Product", { options: Object.entries(PRODUCTS).slice(0, 2) });
  const exchange = field("exchange", "Exchange", { options: ["NSE", "BSE", "NFO", "BFO"].map((name) => [name, name]) });
  const sent = { words: null, key: null };
  let listed = [];

  let asked = 0;
  symbol.querySelector("input").addEventListener("input", async (event) => {
    const words = event.target.value.trim();
    const mine = ++asked;
    const chosen = listed.find((one) => keyOf(one) === words.toUpperCase());
    if (chosen) {
      event.target.value = chosen.symbol;
      return choose(chosen);
    }
    await pause(200, signal);
    if (mine !== asked || !words) return;
    try {
      listed = (await get(`/instruments?limit=12&q=${encodeURIComponent(words)}`)).items;
    } catch {
      return; // without the list a symbol is typed in full; create says when it is not one
    }
    fill(found, ...listed.map((one) => h("option", { value: keyOf(one) }, `${one.name} · ${one.exchange}`)));
  });

  /** One symbol may be listed at two exchanges: what is not NSE's names its own. */
  function keyOf(one) {
    return one.exchange === "NSE" || listed.filter(({ symbol: same }) => same === one.symbol).length === 1 ? one.symbol : `${one.symbol} · ${one.exchange}`;
  }

  function choose(one) {
    exchange.querySelector("select").value = one.exchange;
    const select = product.querySelector("select");
    const before = select.value;
    fill(select, ...one.products.map((value) => h("option", { value }, PRODUCTS[value] ?? value)));
    if (one.products.includes(before)) select.value = before;
  }

  const send = async (values) => {
    const wanted = {
      ...values, symbol: values.symbol.toUpperCase(), stop_loss: number(values.stop_loss), quantity: number(values.quantity),
    };
    // Pressed again after an answer that was lost, the same words are the same strategy.
    const words = JSON.stringify(wanted);
    if (words !== sent.words) Object.assign(sent, { words, key: newKey() });
    const strategy = await call("POST", "/strategy/create", wanted, { key: sent.key });
    location.hash = `#/s/${strategy.strategy_id}`;
  };

  view.append(
    h("h1", { tabindex: -1 }, "New strategy"),
    form(
      [
        symbol, found,
        h("div", { class: "pair" },
          field("buy_time", "Buy at", { type: "time", step: 1, required: true }),
          field("sell_time", "Sell at", { type: "time", step: 1, required: true })),
        h("p", { class: "hint" }, "Exchange time (IST), to the second."),
        h("div", { class: "pair" },
          field("stop_loss", "Stop-loss, ₹", { inputmode: "decimal", autocomplete: "off", required: true }),
          field("quantity", "Quantity", { inputmode: "numeric", autocomplete: "off", required: true })),
        h("details", {}, h("summary", {}, "More: exchange, product, on STOP"),
          h("div", { class: "fields" }, exchange, product,
            field("on_stop", "When it is stopped by hand", { options: [["exit", "Sell the shares"], ["keep", "Keep the shares"]] }))),
      ],
      "Create",
      send,
    ),
    h("p", { class: "quiet" }, "Nothing is bought before you press START on the next screen."),
  );
}

/** A number as JSON wants it; what is none is sent as it was typed, so that the server says what is wrong. */
function number(text) {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

