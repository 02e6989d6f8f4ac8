// The box in which a symbol is typed and chosen: keyed by exchange, with price, lot and tick.

import { get, pause } from "./client.js";
import { html, useEffect, useRef, useState } from "./ui.js";
import { rupees } from "./words.js";

/** @typedef {import("api-types").components["schemas"]["InstrumentOut"]} Instrument */

const SHOWN = 12;
const keyOf = (one) => `${one.exchange}:${one.symbol}`;

/** Return what is listed under some words; null where it could not be asked. @returns {Promise<Instrument[] | null>} */
export const find = (words) => get(`/instruments?limit=${SHOWN}&q=${encodeURIComponent(words)}`).then((page) => page.items, () => null);

/** An input with a list to choose from, as the ARIA pattern of a combobox has it. `choose` gets the instrument. */
export function SymbolBox({ symbol, type, choose, left, ...rest }) {
  const [found, setFound] = useState(/** @type {Instrument[]} */ ([]));
  const [at, setAt] = useState(-1);
  const [open, setOpen] = useState(false);
  const [nothing, setNothing] = useState("");
  const asked = useRef(0);
  const input = useRef(/** @type {any} */ (null));
  const search = async (words) => {
    type(words);
    const mine = ++asked.current;
    await pause(150);
    if (mine !== asked.current || !words.trim()) return setOpen(false);
    const listed = await find(words.trim());
    if (mine !== asked.current) return undefined;
    setFound(listed ?? []);
    setNothing(listed === null ? "Symbols cannot be looked up now." : listed.length ? "" : `Nothing is listed under “${words.trim()}”.`);
    setAt(-1);
    // Whoever has gone on to the next field meanwhile does not want a list over it.
    return setOpen((listed?.length ?? 0) > 0 && document.activeElement === input.current);
  };
  const take = (one) => { asked.current += 1; setOpen(false); choose(one); };
  const keys = (event) => {
    if (!open) return void (event.key === "ArrowDown" && found.length && setOpen(true));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((at + step + found.length) % found.length);
    else if (event.key === "Enter" && at >= 0) take(found[at]);
    else if (event.key === "Escape") setOpen(false);
    else return;
    event.preventDefault();
  };
  useEffect(() => { document.getElementById(`symbol-${at}`)?.scrollIntoView({ block: "nearest" }); }, [at]);
  return html`<div class="combobox">
    <input ref=${input} ...${rest} value=${symbol} role="combobox" aria-expanded=${String(open)} aria-controls="symbols" aria-autocomplete="list"
      aria-activedescendant=${open && at >= 0 ? `symbol-${at}` : null} autocomplete="off" autocapitalize="characters" spellcheck="false"
      onInput=${(event) => search(event.target.value)} onKeyDown=${keys} onBlur=${() => { setTimeout(() => setOpen(false), 150); left(); }} />
    <small class="quiet" role="status">${nothing}</small>
    <ul id="symbols" role="listbox" aria-label="Symbols" hidden=${!open}>${found.map((one, number) => html`
      <li key=${keyOf(one)} id=${`symbol-${number}`} role="option" aria-selected=${String(number === at)} onMouseDown=${(event) => { event.preventDefault(); take(one); }}>
        <strong>${one.symbol}</strong> <span class="chip">${one.exchange}</span><span class="number">${one.last_price === null || one.last_price === undefined ? "" : rupees(one.last_price)}</span>
        <small>${`${one.name}${one.lot_size > 1 ? ` · lot ${one.lot_size}` : ""} · tick ${one.tick_size}`}</small>
      </li>`)}</ul>
  </div>`;
}

/** What is known of a chosen symbol, in one line. @param {Instrument} one */
export function instrumentWords(one) {
  const price = one.last_price === null || one.last_price === undefined ? "" : `last ${rupees(one.last_price)}, `;
  const lot = one.lot_size > 1 ? `sold in lots of ${one.lot_size}, ` : "";
  const freeze = one.freeze_quantity ? `, at most ${one.freeze_quantity} in one order (more goes out in several)` : "";
  return `${one.name} at ${one.exchange}: ${price}${lot}prices in steps of ${rupees(one.tick_size)}${freeze}.`;
}
