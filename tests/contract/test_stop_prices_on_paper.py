"""The exchange takes the prices that the product computes for a stop, over Kite's own client."""

from decimal import Decimal

from kiteconnect import KiteConnect

from domain.stop_prices import OrderKind, Traded, stop_prices
from tests.paper_process import PaperProcess


def test_the_exchange_takes_the_stops_that_the_product_computes() -> None:
    with PaperProcess() as paper:
        account = paper.account()
        kite = KiteConnect(account.api_key, account.access_token, root=paper.url)
        options = [row for row in kite.instruments("NFO") if row["name"] == "NIFTY"]
        option = next(row for row in options if row["segment"] == "NFO-OPT")
        contract, lot = option["tradingsymbol"], option["lot_size"]
        kinds = []
        for exchange, symbol, tick, last, stop, quantity in (
            ("NSE", "TCS", "0.1", "3550", "3477.03", 1),
            ("BSE", "TCS", "0.1", "3550", "3477.03", 1),
            ("BSE", "TCS", "0.1", "3550", "3549.9", 1),
            ("NSE", "SOUTHBANK", "0.01", "45", "43.999", 1),
            ("NFO", contract, "0.05", "150", "141.02", lot),
            ("NFO", contract, "0.05", "40", "33.3", lot),
        ):
            paper.price(symbol, float(last), exchange)
            prices = stop_prices(Decimal(stop), Traded(exchange, symbol, Decimal(tick), Decimal(last)))
            assert prices is not None
            order_id = kite.place_order(
                *("regular", exchange, symbol, "SELL", quantity),
                product="NRML" if exchange == "NFO" else "MIS",
                order_type=prices.kind.value,
                trigger_price=float(prices.trigger),
                price=None if prices.limit is None else float(prices.limit),
                market_protection=-1 if prices.kind is OrderKind.SL_M else None,
            )
            assert kite.order_history(order_id)[-1]["status"] == "TRIGGER PENDING", (symbol, stop)
            kinds.append(prices.kind.value)
        assert kinds == ["SL-M", "SL", "SL", "SL-M", "SL", "SL"]
