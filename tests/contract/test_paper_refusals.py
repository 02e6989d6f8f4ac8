"""Kite's own client, unmodified, against the paper exchange: orders and changes that are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_client import buy, client, limit
from tests.paper_process import PaperProcess, eventually


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def kite(paper: PaperProcess) -> KiteConnect:
    return client(paper, paper.account())


def test_market_order_without_protection_is_refused(paper: PaperProcess, kite: KiteConnect) -> None:
    with pytest.raises(kite_errors.InputException, match="without market protection") as refused:
        buy(kite, market_protection=None, tag="bare")
    assert refused.value.code == 400
    assert kite.orders() == []
    assert [row["tag"] for row in paper.refused()].count("bare") == 1


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"order_type": "LIMIT", "price": 3500.05}, kite_errors.InputException, "Tick size for this script"),
        ({"order_type": "LIMIT"}, kite_errors.InputException, "Missing or empty field `price`"),
        ({"order_type": "LIMIT", "price": 2000}, kite_errors.OrderException, "lower circuit limit of 2840"),
        ({"order_type": "LIMIT", "price": 5000}, kite_errors.OrderException, "upper circuit limit of 4260"),
        ({"order_type": "LIMIT", "price": float("nan")}, kite_errors.InputException, "Tick size"),
        ({"quantity": 0}, kite_errors.InputException, "quantity"),
        ({"quantity": -1}, kite_errors.InputException, "quantity"),
        ({"product": "NRML"}, kite_errors.InputException, "NRML is not allowed in NSE"),
        ({"product": ""}, kite_errors.InputException, "Missing or empty field `product`"),
        ({"tradingsymbol": "NOSUCH"}, kite_errors.InputException, "does not exist"),
        ({"tradingsymbol": "NIFTY 50"}, kite_errors.InputException, "does not exist"),
        ({"tag": "x" * 21}, kite_errors.InputException, "`tag`"),
        ({"market_protection": 101}, kite_errors.InputException, "market_protection"),
        ({"variety": "bo"}, kite_errors.InputException, "variety"),
        ({"validity": "GTC"}, kite_errors.InputException, "validity"),
        (
            {"transaction_type": "SELL", "product": "MIS", "order_type": "SL-M", "trigger_price": 3600},
            kite_errors.OrderException,
            "lower than the last traded price",
        ),
    ],
)
def test_bad_order_is_refused_and_makes_no_row(
    paper: PaperProcess, kite: KiteConnect, changed: dict[str, Any], error: type[Exception], text: str
) -> None:
    paper.price("TCS", 3550)
    with pytest.raises(error, match=text) as refused:
        buy(kite, **changed)
    assert refused.value.code == 400  # type: ignore[attr-defined]
    assert kite.orders() == []


def test_lot_is_asked_for_in_derivatives(kite: KiteConnect) -> None:
    future = next(row for row in kite.instruments("NFO") if row["name"] == "TCS")
    order = {"exchange": "NFO", "tradingsymbol": future["tradingsymbol"], "product": "NRML"}
    with pytest.raises(kite_errors.InputException, match=f"Lot size is {future['lot_size']}"):
        buy(kite, quantity=1, **order)
    buy(kite, quantity=future["lot_size"], **order)
    assert kite.orders()[0]["status"] == "COMPLETE"


def test_cnc_sell_beyond_what_is_held_is_refused(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    with pytest.raises(kite_errors.GeneralException, match="Insufficient stock holding") as refused:
        buy(kite, transaction_type="SELL")
    assert refused.value.code == 400
    buy(kite, quantity=3)
    limit(kite, 3600, transaction_type="SELL", quantity=2)
    with pytest.raises(kite_errors.GeneralException, match="pending sell orders"):
        buy(kite, transaction_type="SELL", quantity=2)
    buy(kite, transaction_type="SELL", quantity=1)
    assert kite.positions()["net"][0]["quantity"] == 2


def test_order_beyond_the_margin_is_rejected_with_an_id(paper: PaperProcess) -> None:
    poor = client(paper, paper.account(cash=1000))
    order_id = buy(poor)
    row = poor.order_history(order_id)[-1]
    assert row["status"] == "REJECTED"
    assert row["status_message"].startswith("Insufficient funds. Required margin is")
    assert "RMS:Margin Exceeds" in row["status_message_raw"]
    assert (row["pending_quantity"], row["exchange_order_id"]) == (0, None)


def test_done_order_can_be_neither_changed_nor_cancelled(paper: PaperProcess, kite: KiteConnect) -> None:
    order_id = buy(kite)
    with pytest.raises(kite_errors.OrderException, match="cannot be cancelled as it is being processed"):
        kite.cancel_order("regular", order_id)
    with pytest.raises(kite_errors.OrderException, match="cannot be modified as it is being processed"):
        kite.modify_order("regular", order_id, price=3000)


def test_unknown_order_is_an_error(kite: KiteConnect) -> None:
    with pytest.raises(kite_errors.GeneralException, match="Couldn't find that `order_id`"):
        kite.order_history("1234567890123456789")


def test_26th_modification_is_refused(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = limit(kite, 3500)

    def modified(price: float) -> bool:
        try:
            kite.modify_order("regular", order_id, price=price)
        except kite_errors.NetworkException as error:
            if error.code != 429:
                raise
            return False
        return True

    for number in range(25):
        eventually(lambda number=number: modified(3400 + number))
    with pytest.raises(kite_errors.NetworkException, match="Maximum allowed order modifications") as refused:
        eventually(lambda: modified(3450))
    assert refused.value.code == 400
