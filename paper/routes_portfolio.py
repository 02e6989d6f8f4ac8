"""Positions and holdings."""

from paper.conversion import convert_now
from paper.exchange import Exchange
from paper.holdings import holding_row
from paper.kite_error import bad_input
from paper.positions import day_row, net_row
from paper.ticket import whole
from paper.web import Answer, Call, Route, Routes, data


class PortfolioRoutes:
    """`/portfolio`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/portfolio/positions", Route(self.positions))
        routes.add("PUT", "/portfolio/positions", Route(self.convert))
        routes.add("GET", "/portfolio/holdings", Route(self.holdings))
        routes.add("GET", "/portfolio/holdings/auctions", Route(self.auctions))
        routes.add("POST", "/portfolio/holdings/authorise", Route(self.authorise))

    def positions(self, call: Call) -> Answer:
        net, day = [], []
        for position in call.user.positions.values():
            tape = self._exchange.market.tape(position.instrument)
            net.append(net_row(position, tape.last, tape.close))
            if position.day_buys or position.day_sells:
                day.append(day_row(position, tape.last, tape.close))
        return data({"net": net, "day": day})

    def convert(self, call: Call) -> Answer:
        form = call.form
        for name in (
            "exchange",
            "tradingsymbol",
            "transaction_type",
            "quantity",
            "old_product",
            "new_product",
        ):
            if not form.get(name):
                raise bad_input(f"Missing or empty field `{name}`")
        instrument = self._exchange.market.listing.find(form["exchange"], form["tradingsymbol"])
        if instrument is None:
            raise bad_input("The instrument does not exist.")
        old, new, side = form["old_product"], form["new_product"], form["transaction_type"]
        quantity = whole(form, "quantity")
        convert_now(self._exchange, call.user, instrument, side, quantity, old, new)
        return data(True)

    def holdings(self, call: Call) -> Answer:
        out = []
        for holding in call.user.holdings.values():
            tape = self._exchange.market.tape(holding.instrument)
            out.append(holding_row(holding, tape.last, tape.close))
        return data(out)

    def auctions(self, call: Call) -> Answer:
        """Return no auctions: every paper trade is delivered."""
        return data([])

    def authorise(self, call: Call) -> Answer:
        return data({"request_id": "paper"})
