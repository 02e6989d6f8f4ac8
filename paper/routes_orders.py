"""Orders and trades."""

from typing import Any

import orjson

from paper.exchange import Exchange
from paper.faults import Request
from paper.kite_error import KiteError, order_not_found
from paper.order_service import NO_FAULTS, OrderFaults, OrderService
from paper.orders import Order, history_rows, row
from paper.slices import refused_child, slices
from paper.ticket import Form, Ticket
from paper.trades import trade_row
from paper.web import JSON, Answer, Call, Route, Routes, data

HEAD = b'{"status":"success","data":['
TAIL = b"]}"


class OrderRoutes:
    """`/orders` and `/trades`."""

    def __init__(self, exchange: Exchange, order_service: OrderService) -> None:
        self._exchange = exchange
        self._order_service = order_service

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/orders", Route(self.book))
        routes.add("GET", "/trades", Route(self.trades))
        routes.add("GET", "/orders/{}", Route(self.history))
        routes.add("GET", "/orders/{}/trades", Route(self.trades_of_one))
        routes.add("POST", "/orders/{}", Route(self.place, "order", placement=True))
        routes.add("PUT", "/orders/{}/{}", Route(self.modify, "change"))
        routes.add("DELETE", "/orders/{}/{}", Route(self.cancel, "change"))

    def place(self, call: Call) -> Answer:
        if call.form.get("autoslice") == "true":
            return self._place_slices(call)
        call.order = self._place(call, call.form)
        return Answer(b'{"status":"success","data":{"order_id":"' + call.order.order_id.encode() + b'"}}')

    def _place(self, call: Call, form: Form, parent_id: str = "") -> Order:
        ticket = self._order_service.check(call.user, form, call.args[0])
        faults = self._order_faults(call, ticket) if self._exchange.faults.any else NO_FAULTS
        marks = ["autoslice", f"autoslice:{parent_id}"] if parent_id else []
        return self._order_service.place(call.user, ticket, call.received_at, faults, marks)

    def _place_slices(self, call: Call) -> Answer:
        """Place the orders that one becomes; what is refused is named among the children."""
        parent_id = self._exchange.ids.order()
        children: list[dict[str, Any]] = []
        forms = slices(call.form, self._exchange.market)
        for form in forms:
            try:
                order = self._place(call, form, parent_id)
            except KiteError as error:
                if len(forms) == 1:
                    raise
                children.append(refused_child(error))
                continue
            # Faults on the answer are those of the first; the others count as answered.
            if call.order is None:
                call.order = order
            else:
                self._exchange.answered(order)
            children.append({"order_id": order.order_id})
        return data({"order_id": parent_id, "children": children})

    def modify(self, call: Call) -> Answer:
        return data({"order_id": self._order_service.modify(call.user, call.args[1], call.form)})

    def cancel(self, call: Call) -> Answer:
        return data({"order_id": self._order_service.cancel(call.user, call.args[1])})

    def book(self, call: Call) -> Answer:
        rows = [_cached(order) for order in call.user.orders.values() if self._shows(order)]
        return Answer(HEAD + b",".join(rows) + TAIL, content_type=JSON)

    def history(self, call: Call) -> Answer:
        return data(history_rows(self._shown(call)))

    def trades(self, call: Call) -> Answer:
        visible = self._exchange.visible
        return data([trade_row(trade) for trade in call.user.trades if visible(trade.visible_at)])

    def trades_of_one(self, call: Call) -> Answer:
        order = self._shown(call)
        return data([trade_row(t) for t in call.user.trades if t.order_id == order.order_id])

    def _shown(self, call: Call) -> Order:
        order = self._order_service.find(call.user, call.args[0])
        if not self._shows(order):
            raise order_not_found()
        return order

    def _shows(self, order: Order) -> bool:
        return self._exchange.visible(order.visible_at)

    def _order_faults(self, call: Call, ticket: Ticket) -> OrderFaults:
        request = Request(call.user.user_id, call.path, True, ticket.side, ticket.instrument.symbol)
        take = self._exchange.faults.take
        return OrderFaults(take("book", request), take("fill", request))


def _cached(order: Order) -> bytes:
    """Return the row as JSON: written once, until the order changes."""
    if order.cached_row is None:
        order.cached_row = orjson.dumps(row(order))
    return order.cached_row
