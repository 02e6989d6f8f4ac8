"""Kite's own client, unmodified, against the paper exchange: positions, holdings, margins, charges."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from kiteconnect import KiteConnect

from tests.paper_client import buy, client, limit
from tests.paper_process import PaperProcess


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def kite(paper: PaperProcess) -> KiteConnect:
    return client(paper, paper.account())


def test_positions_keep_kites_identities(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("HDFCBANK", 1000)
    buy(kite, "HDFCBANK", 10, product="MIS")
    paper.price("HDFCBANK", 1010)
    buy(kite, "HDFCBANK", 4, product="MIS", transaction_type="SELL")
    buy(kite, "TCS", 1)
    positions = kite.positions()
    assert len(positions["net"]) == len(positions["day"]) == 2
    for row in positions["net"] + positions["day"]:
        assert row["value"] == pytest.approx(row["sell_value"] - row["buy_value"])
        assert row["pnl"] == pytest.approx(row["value"] + row["quantity"] * row["last_price"])
        assert row["m2m"] == pytest.approx(
            row["sell_m2m"] - row["buy_m2m"] + row["quantity"] * row["last_price"]
        )
    bank = next(row for row in positions["net"] if row["tradingsymbol"] == "HDFCBANK")
    assert (bank["quantity"], bank["buy_quantity"], bank["sell_quantity"]) == (6, 10, 4)


def test_margins_move_with_orders(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    before = kite.margins("equity")["net"]
    assert before == 10_000_000
    limit(kite, 3500, quantity=10)
    assert kite.margins("equity")["net"] == before - 35_000
    kite.cancel_order("regular", kite.orders()[0]["order_id"])
    assert kite.margins()["equity"]["available"]["live_balance"] == before
    assert kite.margins()["commodity"]["net"] == 0


def test_bought_shares_are_holdings_the_next_day() -> None:
    with PaperProcess() as paper:
        account = paper.account()
        kite = client(paper, account)
        paper.price("TCS", 3550)
        buy(kite, quantity=5)
        assert kite.holdings() == []
        tomorrow = datetime.fromisoformat(paper.clock()["now"]) + timedelta(days=1)
        paper.clock(now=tomorrow.isoformat())
        (held,) = kite.holdings()
        assert (held["tradingsymbol"], held["t1_quantity"], held["average_price"]) == ("TCS", 5, 3550.1)
        assert kite.positions() == {"net": [], "day": []}
        assert kite.orders() == []
        buy(kite, transaction_type="SELL", quantity=2)
        assert kite.holdings()[0]["used_quantity"] == 2


def test_position_is_converted(paper: PaperProcess, kite: KiteConnect) -> None:
    buy(kite, quantity=5)
    assert kite.convert_position("NSE", "TCS", "BUY", "day", 2, "CNC", "MIS") is True
    rows = {row["product"]: row["quantity"] for row in kite.positions()["net"]}
    assert rows == {"CNC": 3, "MIS": 2}


def test_auctions_and_funds_are_there_to_read(kite: KiteConnect) -> None:
    assert kite.get_auction_instruments() == []
    (order,) = kite.mf_orders()
    assert kite.mf_orders(order["order_id"])["order_id"] == order["order_id"]
    (sip,) = kite.mf_sips()
    assert kite.mf_sips(sip["sip_id"])["status"] == "ACTIVE"
    assert kite.mf_holdings()[0]["quantity"] > 0
    assert kite.mf_instruments()[0]["purchase_allowed"] is True


# Margins and charges, before the order


def test_order_margins_baskets_and_charges(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("INFY", 1500)
    order = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "variety": "regular",
        "product": "MIS",
        "order_type": "MARKET",
        "quantity": 10,
        "price": 0,
    }
    (margin,) = kite.order_margins([order])
    assert margin["total"] == margin["var"] == 3000
    assert margin["charges"]["total"] > 0
    basket = kite.basket_order_margins([order, order | {"product": "CNC"}], mode="compact")
    assert basket["initial"]["total"] == 18_000
    (note,) = kite.get_virtual_contract_note([order | {"order_id": "1", "average_price": 1500}])
    assert note["charges"]["brokerage"] == pytest.approx(4.5)
