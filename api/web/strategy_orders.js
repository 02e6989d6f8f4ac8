// The orders of a strategy, each a card: what was sent, when, how late, what was filled.

import { plain } from "./problems.js";
import { html } from "./ui.js";
import { clock, rupees } from "./words.js";

const REASONS = { BUY: "", SELL: "at its time", STOPLOSS: "stop", TARGET: "target", STOP: "stopped by hand" };
const STATUSES = {
  planned: "planned", sent: "on its way", open: "open", complete: "filled", cancelled: "cancelled", rejected: "rejected",
  not_placed: "not placed", absent: "not at Zerodha",
};

export function Orders({ orders }) {
  if (!orders.length) return html`<p class="quiet">No order has been sent.</p>`;
  return html`<ul class="cards orders">${orders.map((order) => html`<li key=${order.order_id} class="card">
    <div class="row"><strong>${title(order)}</strong><span class="chip">${standing(order)}</span></div>
    <p class="number">${filled(order)}</p>
    <p class="quiet number">${timing(order)}</p>
    ${order.modifications.map((one) => html`<p key=${one.sent_at} class="quiet number">${`${clock(one.sent_at)} ${change(one)}`}</p>`)}
    ${order.message ? html`<p class="quiet">${plain(order.message)}</p>` : null}
  </li>`)}</ul>`;
}

/** A stop that waits at the exchange is open as any other, and means something else. */
function standing({ status, trigger_price: trigger }) {
  if (status === "open" && trigger !== null) return "rests at the exchange";
  return STATUSES[status] ?? status.replaceAll("_", " ");
}

function change({ price, confirmed_at: made, refused }) {
  const what = price === null ? "sell at the market's price" : `move to ${rupees(price)}`;
  if (refused) return `asked to ${what}, and refused`;
  return price === null || !made ? `asked to ${what}` : `moved to ${rupees(price)}`;
}

function title(order) {
  const why = order.leg === "entry" ? "" : REASONS[order.reason] ?? "";
  if (order.trigger_price !== null) return `${order.side} once the price is ${rupees(order.trigger_price)} or less (${order.order_type})`;
  return `${order.side}${order.price === null ? "" : ` at ${rupees(order.price)} or ${order.side === "BUY" ? "less" : "more"}`}${why ? ` (${why})` : ""}`;
}

function filled(order) {
  const of = order.quantity === null ? "" : ` of ${order.quantity}`;
  return `${order.filled_quantity}${of}${order.average_price === null ? "" : ` at ${rupees(order.average_price)}`}`;
}

function timing(order) {
  if (!order.sent_at) return order.due_at ? `due ${clock(order.due_at)}` : "not sent";
  const late = order.lateness_ms === null ? "" : order.lateness_ms < 1000 ? ", on time" : `, ${(order.lateness_ms / 1000).toFixed(1)} s late`;
  return `sent ${clock(order.sent_at)}${late}`;
}
