"""The rules around an order that rests, over Kite's own client: shares, slices, auction, triggers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_client import client, place
from tests.paper_process import PaperAccount, PaperProcess, eventually


@pytest.fixture(scope="module")
def process() -> Iterator[PaperProcess]:
    with PaperProcess() as running:
        yield running


@pytest.fixture
def paper(process: PaperProcess) -> Iterator[PaperProcess]:
    process.price("TCS", 3550)
    yield process
    process.clear_faults()


@pytest.fixture
def account(paper: PaperProcess) -> PaperAccount:
    return paper.account()


@pytest.fixture
def kite(paper: PaperProcess, account: PaperAccount) -> KiteConnect:
    return client(paper, account)


def stop(kite: KiteConnect, **changed: Any) -> str:
    words = {"transaction_type": "SELL", "order_type": "SL", "price": 3480, "trigger_price": 3500}
    return place(kite, **(words | changed))


def now(kite: KiteConnect, order_id: str) -> dict[str, Any]:
    row: dict[str, Any] = kite.order_history(order_id)[-1]
    return row


def in_turn(call: Callable[[], object]) -> None:
    """Make an order call in the first second that still has one for the account."""

    def called() -> bool:
        try:
            call()
        except kite_errors.NetworkException as error:
            if error.code != 429:
                raise
            return False
        return True

    eventually(called, every=0.1)


def trigger(kite: KiteConnect, **changed: Any) -> int:
    """Set a GTT that sells at 3500."""
    leg = {"transaction_type": "SELL", "quantity": 10, "order_type": "LIMIT", "product": "CNC", "price": 3490}
    values = changed.pop("trigger_values", [3500])
    made: int = kite.place_gtt("single", "TCS", "NSE", values, 3550, [leg | changed])["trigger_id"]
    return made


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ({"trigger_price": 3550, "price": 3540}, "lower than the last traded price"),
        ({"trigger_price": 3560, "price": 3540}, "lower than the last traded price"),
        ({"trigger_price": 2000, "price": 1990}, "circuit"),
        ({"trigger_price": 3500, "price": 3510}, "limit price"),
    ],
)
def test_a_selling_trigger_lies_below_the_price_and_inside_the_circuit(
    kite: KiteConnect, prices: dict[str, float], why: str
) -> None:
    with pytest.raises(kite_errors.OrderException, match=why) as refused:
        stop(kite, **prices)
    assert refused.value.code == 400
    assert kite.orders() == [], "what is refused makes no row"


def test_a_stop_at_market_needs_protection_when_it_is_placed(kite: KiteConnect) -> None:
    with pytest.raises(kite_errors.InputException, match="market protection"):
        stop(kite, order_type="SL-M", price=0, market_protection=None)
    assert kite.orders() == []


def test_what_a_triggered_stop_at_market_cannot_sell_in_its_band_stays_open(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    place(kite)
    paper.fault("partial_fill", {"side": "SELL"}, fraction=0.4)
    order_id = stop(kite, order_type="SL-M", price=0, market_protection=-1)
    paper.price("TCS", 3500)
    row = now(kite, order_id)
    assert (row["status"], row["order_type"], row["filled_quantity"]) == ("OPEN", "LIMIT", 4)
    assert 3480 < row["price"] < 3500, "the end of its band"
    kite.modify_order("regular", order_id, order_type="MARKET", market_protection=-1)
    assert now(kite, order_id)["status"] == "COMPLETE"
    assert sum(row["quantity"] for row in kite.positions()["net"]) == 0


def test_a_delivery_stop_sells_what_was_bought_today_and_nothing_else(kite: KiteConnect) -> None:
    with pytest.raises(kite_errors.KiteException, match="Insufficient stock holding"):
        stop(kite, product="CNC")
    place(kite, product="CNC")
    order_id = stop(kite, product="CNC")
    assert now(kite, order_id)["status"] == "TRIGGER PENDING"
    with pytest.raises(kite_errors.KiteException, match="pending sell orders"):
        place(kite, product="CNC", transaction_type="SELL", quantity=1)
    kite.cancel_order("regular", order_id)
    assert now(kite, place(kite, product="CNC", transaction_type="SELL"))["status"] == "COMPLETE"


def test_a_resting_delivery_stop_blocks_a_sale_by_hand(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    place(kite, product="CNC")
    stop(kite, product="CNC")
    with pytest.raises(AssertionError, match="pending sell orders"):
        paper.hand(account.user_id, "sell", symbol="TCS", product="CNC", quantity=1)


def test_a_resting_intraday_stop_outlives_the_shares_and_opens_a_short(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    place(kite)
    stop(kite)
    paper.hand(account.user_id, "sell", symbol="TCS", product="MIS", quantity=10)
    paper.price("TCS", 3500)
    assert sum(row["quantity"] for row in kite.positions()["net"]) == -10


def test_a_stop_without_the_depositorys_authorisation_makes_no_row(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    place(kite, product="CNC")
    paper.fault("authorise_428", {"side": "SELL"})
    with pytest.raises(TypeError):  # the answer has no error type, and the client stumbles over that
        stop(kite, product="CNC")
    assert [row["transaction_type"] for row in kite.orders()] == ["BUY"]


def test_a_stop_that_lacks_margin_gets_an_id_and_is_rejected(paper: PaperProcess) -> None:
    poor = paper.account(cash=100)
    kite = KiteConnect(poor.api_key, poor.access_token, root=paper.url)
    row = now(kite, stop(kite))
    assert row["status"] == "REJECTED"
    assert row["status_message"].startswith("Insufficient funds. Required margin is ")


def test_modifications_share_the_second_with_other_order_calls(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    order_id = stop(kite)
    answers: list[str] = []

    def burst() -> bool:
        try:
            kite.modify_order("regular", order_id, trigger_price=3500)
        except kite_errors.NetworkException as error:
            answers.append(f"{error.code} {error}")
        return bool(answers)

    eventually(burst)
    assert answers == ["429 Too many requests"]


def test_an_order_takes_25_modifications_and_is_then_only_to_be_cancelled(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    order_id = stop(kite)
    for _ in range(25):
        in_turn(lambda: kite.modify_order("regular", order_id, trigger_price=3500))
    assert paper.ledger()[-1]["modifications"] == 25
    with pytest.raises(kite_errors.NetworkException, match="modifications exceeded"):
        in_turn(lambda: kite.modify_order("regular", order_id, order_type="MARKET", market_protection=-1))
    assert now(kite, order_id)["status"] == "TRIGGER PENDING"
    in_turn(lambda: kite.cancel_order("regular", order_id))
    assert now(kite, order_id)["status"] == "CANCELLED"


def test_autoslice_splits_an_order_above_the_freeze_quantity_into_ten_at_most(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    row = next(row for row in kite.instruments("NFO") if row["name"] == "BANKNIFTY")
    lot, symbol = row["lot_size"], row["tradingsymbol"]
    most = 900 // lot * lot
    paper.price(symbol, 100, "NFO")
    words = ("regular", "NFO", symbol, "BUY")
    made = kite.place_autoslice_order(*words, 2 * most + lot, "NRML", "LIMIT", price=90)
    rows = {row["order_id"]: row for row in kite.orders()}
    placed = [rows[child["order_id"]] for child in made["children"]]
    assert [row["quantity"] for row in placed] == [most, most, lot]
    assert all(row["tags"] == ["autoslice", f"autoslice:{made['order_id']}"] for row in placed)
    with pytest.raises(kite_errors.InputException, match="more than 10"):
        kite.place_autoslice_order(*words, 10 * most + lot, "NRML", "LIMIT", price=90)
    assert len(kite.orders()) == 3


def test_a_closing_auction_takes_no_stop_and_no_market_order() -> None:
    with PaperProcess("--calendar", "XNSE") as paper:
        paper.clock(now="2026-09-02T15:14:00", speed=0)
        account = paper.account()
        kite = KiteConnect(account.api_key, account.access_token, root=paper.url)
        paper.price("TCS", 3550)
        paper.price("RITES", 240)
        resting = place(kite, order_type="LIMIT", price=3400)
        paper.clock(now="2026-09-02T15:16:00")
        for words, why in (
            ({"order_type": "MARKET"}, "Market orders are currently not allowed."),
            ({"order_type": "SL", "price": 3600, "trigger_price": 3590}, "SL orders are not allowed"),
            ({"order_type": "LIMIT", "price": 3400, "validity": "IOC"}, "IOC orders are not allowed"),
            ({"order_type": "LIMIT", "price": 3400, "disclosed_quantity": 5}, "Disclosed quantity"),
        ):
            with pytest.raises(kite_errors.OrderException, match=why):
                place(kite, **words)
        with pytest.raises(kite_errors.OrderException, match="Market orders are currently not allowed"):
            kite.modify_order("regular", resting, order_type="MARKET", market_protection=-1)
        assert now(kite, resting)["status"] == "OPEN"
        assert now(kite, place(kite, tradingsymbol="RITES"))["status"] == "COMPLETE", "it has no auction"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"product": "MIS"}, "Use CNC or NRML"),
        ({"order_type": "MARKET"}, "Only LIMIT"),
        ({"order_type": "SL"}, "Only LIMIT"),
        ({"trigger_values": [3545]}, "too close"),
    ],
)
def test_a_trigger_takes_no_intraday_stop(kite: KiteConnect, words: dict[str, Any], why: str) -> None:
    with pytest.raises(kite_errors.InputException, match=why):
        trigger(kite, **words)
    assert kite.get_gtts() == []


def test_a_trigger_fires_once_and_its_order_has_no_tag(paper: PaperProcess, kite: KiteConnect) -> None:
    place(kite, product="CNC", quantity=20)
    trigger_id = trigger(kite)
    for price in (3499, 3550, 3499):
        paper.price("TCS", price)
    assert kite.get_gtt(trigger_id)["status"] == "triggered"
    (sale,) = [row for row in kite.orders() if row["transaction_type"] == "SELL"]
    assert (sale["tag"], sale["order_type"], sale["status"]) == (None, "LIMIT", "COMPLETE")


def test_a_triggers_sale_fails_without_the_depositorys_authorisation(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    place(kite, product="CNC")
    trigger_id = trigger(kite)
    paper.fault("authorise_428", {"side": "SELL"})
    paper.price("TCS", 3499)
    done = kite.get_gtt(trigger_id)
    result = done["orders"][0]["result"]["order_result"]
    assert (done["status"], result["status"], result["order_id"]) == ("triggered", "failed", "")
    assert "authorisation" in result["rejection_reason"]
    assert [row["transaction_type"] for row in kite.orders()] == ["BUY"]


def test_a_trigger_that_is_a_year_old_does_not_fire() -> None:
    with PaperProcess() as paper:
        paper.price("TCS", 3550)
        account = paper.account()
        kite = KiteConnect(account.api_key, account.access_token, root=paper.url)
        trigger_id = trigger(kite, transaction_type="BUY")
        paper.clock(now="2028-01-03T11:00:00")
        paper.price("TCS", 3499)
        assert kite.get_gtt(trigger_id)["status"] == "expired"
        assert kite.orders() == []
