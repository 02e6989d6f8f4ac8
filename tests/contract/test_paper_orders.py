"""Kite's own client, unmodified, against the paper exchange: orders and triggers that are taken."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_client import buy, client, limit
from tests.paper_process import PaperProcess


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def kite(paper: PaperProcess) -> KiteConnect:
    return client(paper, paper.account())


def test_market_order_is_complete_in_the_book_when_the_answer_is_out(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    paper.price("TCS", 3550)
    order_id = buy(kite, quantity=5, tag="morning1")
    (row,) = kite.orders()
    assert row["order_id"] == order_id
    assert len(order_id) == 19
    assert row["status"] == "COMPLETE"
    assert (row["filled_quantity"], row["pending_quantity"]) == (5, 0)
    assert row["average_price"] == 3550.1
    assert row["tag"] == "morning1"
    assert isinstance(row["order_timestamp"], datetime)


def test_protected_market_order_is_booked_as_a_limit(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("INFY", 1500)
    buy(kite, "INFY", tag="t")
    buy(kite, "INFY", market_protection=2)
    automatic, explicit = kite.orders()
    assert automatic["order_type"] == explicit["order_type"] == "LIMIT"
    assert automatic["price"] == 1507.5
    assert automatic["tags"] == ["t", "mktp"]
    assert automatic["market_protection"] == 0
    assert explicit["price"] == 1530
    assert explicit["tags"] == ["mktp:2.00"]


def test_history_goes_through_the_classic_statuses(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = limit(kite, 3500)
    kite.modify_order("regular", order_id, price=3501, quantity=2)
    kite.cancel_order("regular", order_id)
    history = kite.order_history(order_id)
    assert [row["status"] for row in history] == [
        "PUT ORDER REQ RECEIVED",
        "VALIDATION PENDING",
        "OPEN PENDING",
        "OPEN",
        "MODIFY VALIDATION PENDING",
        "MODIFY PENDING",
        "MODIFIED",
        "OPEN",
        "CANCEL PENDING",
        "CANCELLED",
    ]
    assert history[0]["exchange_order_id"] is None
    assert history[3]["price"] == 3500
    last = history[-1]
    assert (last["quantity"], last["price"], last["cancelled_quantity"]) == (2, 3501, 2)
    assert last["pending_quantity"] == 2
    assert last["status_message"] is None


def test_limit_order_rests_and_fills_when_the_price_comes(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("SBIN", 880)
    order_id = limit(kite, 870, "SBIN", quantity=3)
    assert kite.order_history(order_id)[-1]["status"] == "OPEN"
    paper.price("SBIN", 869)
    row = kite.order_history(order_id)[-1]
    assert (row["status"], row["average_price"]) == ("COMPLETE", 870)


def test_stop_order_waits_for_its_trigger(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("ITC", 400)
    buy(kite, "ITC", 10, product="MIS")
    stop = buy(
        kite,
        "ITC",
        10,
        product="MIS",
        transaction_type="SELL",
        order_type="SL",
        trigger_price=395,
        price=394,
        market_protection=None,
    )
    assert kite.order_history(stop)[-1]["status"] == "TRIGGER PENDING"
    paper.price("ITC", 395)
    statuses = [row["status"] for row in kite.order_history(stop)]
    assert statuses[-3:] == ["TRIGGER PENDING", "OPEN", "COMPLETE"]
    assert kite.positions()["net"][0]["quantity"] == 0


def test_protected_stop_market_sells_when_triggered(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("WIPRO", 245)
    buy(kite, "WIPRO", 4)
    stop = buy(kite, "WIPRO", 4, transaction_type="SELL", order_type="SL-M", trigger_price=240)
    assert kite.order_history(stop)[-1]["status"] == "TRIGGER PENDING"
    paper.price("WIPRO", 238)
    row = kite.order_history(stop)[-1]
    assert (row["status"], row["average_price"]) == ("COMPLETE", 237.99)


def test_ioc_remainder_is_cancelled(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = limit(kite, 3500, validity="IOC")
    assert kite.order_history(order_id)[-1]["status"] == "CANCELLED"


def test_cover_order_leaves_a_stop_leg_that_can_be_exited(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("RELIANCE", 1480)
    parent = buy(kite, "RELIANCE", variety="co", product="MIS", trigger_price=1470)
    leg = next(row for row in kite.orders() if row["parent_order_id"] == parent)
    assert (leg["product"], leg["status"], leg["transaction_type"]) == ("CO", "TRIGGER PENDING", "SELL")
    kite.exit_order("co", leg["order_id"], parent_order_id=parent)
    assert kite.order_history(leg["order_id"])[-1]["status"] == "COMPLETE"
    assert kite.positions()["net"][0]["quantity"] == 0


def test_after_market_order_can_be_changed_and_cancelled(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("RELIANCE", 1480)
    order_id = limit(kite, 1470, "RELIANCE", variety="amo")
    kite.modify_order("amo", order_id, quantity=2, price=1469)
    row = kite.order_history(order_id)[-1]
    assert (row["status"], row["quantity"], row["price"]) == ("AMO REQ RECEIVED", 2, 1469)
    assert kite.cancel_order("amo", order_id) == order_id
    assert kite.order_history(order_id)[-1]["status"] == "CANCELLED"


def test_autoslice_answers_with_parent_and_children(kite: KiteConnect) -> None:
    answer = kite.place_autoslice_order(
        "regular", "NSE", "TCS", "BUY", 1, "CNC", "MARKET", market_protection=-1
    )
    assert answer["children"][0]["order_id"]


def test_trades_belong_to_their_order(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = buy(kite, quantity=2)
    (trade,) = kite.order_trades(order_id)
    assert (trade["quantity"], trade["average_price"]) == (2, 3550.1)
    assert isinstance(trade["fill_timestamp"], datetime)
    assert trade["order_timestamp"] == trade["fill_timestamp"].strftime("%H:%M:%S")
    assert kite.trades() == [trade]


def test_price_a_hair_off_the_tick_is_on_the_tick(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    limit(kite, 3500.1000009)
    assert kite.orders()[0]["price"] == 3500.1


def test_modification_to_market_needs_protection_and_fills(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550)
    order_id = limit(kite, 3500)
    with pytest.raises(kite_errors.InputException, match="without market protection"):
        kite.modify_order("regular", order_id, order_type="MARKET")
    kite.modify_order("regular", order_id, order_type="MARKET", market_protection=-1)
    assert kite.order_history(order_id)[-1]["status"] == "COMPLETE"


def test_trigger_places_its_order_when_the_price_is_met(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("LT", 4000)
    leg = {
        "transaction_type": "BUY",
        "quantity": 2,
        "order_type": "LIMIT",
        "product": "CNC",
        "price": 3900,
    }
    trigger_id = kite.place_gtt("single", "LT", "NSE", [3890], 4000, [leg])["trigger_id"]
    assert kite.get_gtt(trigger_id)["status"] == "active"
    kite.modify_gtt(trigger_id, "single", "LT", "NSE", [3900], 4000, [leg])
    paper.price("LT", 3899)
    done = kite.get_gtt(trigger_id)
    assert done["status"] == "triggered"
    order_id = done["orders"][0]["result"]["order_result"]["order_id"]
    assert kite.order_history(order_id)[-1]["status"] == "COMPLETE"


def test_trigger_with_two_legs_can_be_deleted(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("LT", 4000)
    leg = {"transaction_type": "SELL", "quantity": 1, "order_type": "LIMIT", "product": "CNC", "price": 3900}
    trigger_id = kite.place_gtt("two-leg", "LT", "NSE", [3900, 4100], 4000, [leg, leg])["trigger_id"]
    assert [row["id"] for row in kite.get_gtts()] == [trigger_id]
    assert kite.delete_gtt(trigger_id)["trigger_id"] == trigger_id
    assert kite.get_gtts() == []
