"""Faults on demand: what the client sees, what is really placed, and what the ledger remembers."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

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
    return KiteConnect(account.api_key, account.access_token, root=paper.url, timeout=1)


def buy(kite: KiteConnect, tag: str, quantity: int = 1, **changed: Any) -> str:
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "transaction_type": "BUY",
        "quantity": quantity,
        "product": "CNC",
        "order_type": "MARKET",
        "market_protection": -1,
        "tag": tag,
    }
    order_id: str = kite.place_order(**(order | changed))
    return order_id


def placed(paper: PaperProcess, tag: str) -> list[dict[str, Any]]:
    return [row for row in paper.ledger() if row["tag"] == tag]


def refused(paper: PaperProcess, tag: str) -> list[dict[str, Any]]:
    return [row for row in paper.refused() if row["tag"] == tag]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("accept_then_hang", requests.exceptions.ReadTimeout),
        ("accept_then_reset", requests.exceptions.ConnectionError),
    ],
)
def test_accepted_order_whose_answer_is_lost_is_in_the_ledger_unanswered(
    paper: PaperProcess, kite: KiteConnect, kind: str, error: type[Exception]
) -> None:
    paper.fault(kind)
    before = time.time()
    with pytest.raises(error):
        buy(kite, f"lost-{kind[12:]}")
    (row,) = placed(paper, f"lost-{kind[12:]}")
    assert row["answered"] is False
    assert (row["status"], row["filled_quantity"], row["average_price"]) == ("COMPLETE", 1, 3550.1)
    assert before <= row["received_at"] <= time.time()
    assert [order["tag"] for order in kite.orders()] == [f"lost-{kind[12:]}"]


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("hang_without_accept", requests.exceptions.ReadTimeout, 0),
        ("http_503", kite_errors.NetworkException, 503),
        ("html_502", kite_errors.DataException, 502),
        ("rate_limit_429", kite_errors.NetworkException, 429),
        ("reject_400", kite_errors.InputException, 400),
    ],
)
def test_request_that_is_struck_makes_no_order(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect, kind: str, error: Any, status: int
) -> None:
    paper.fault(kind)
    with pytest.raises(error):
        buy(kite, f"none-{kind[:14]}")
    assert placed(paper, f"none-{kind[:14]}") == []
    (row,) = refused(paper, f"none-{kind[:14]}")
    assert (row["status"], row["user_id"]) == (status, account.user_id)
    assert (row["method"], row["path"]) == ("POST", "/orders/regular")
    buy(kite, f"next-{kind[:14]}")
    assert placed(paper, f"next-{kind[:14]}")[0]["answered"] is True


def test_a_sale_that_needs_authorisation_is_answered_as_kite_does(
    paper: PaperProcess, account: PaperAccount
) -> None:
    paper.fault("authorise_428")
    headers = {"Authorization": f"token {account.api_key}:{account.access_token}"}
    order = {"exchange": "NSE", "tradingsymbol": "TCS", "transaction_type": "SELL", "quantity": "1"}
    order |= {"product": "CNC", "order_type": "MARKET", "validity": "DAY"}
    answer = requests.post(f"{paper.url}/orders/regular", data=order, headers=headers, timeout=10)
    said = answer.json()
    assert (answer.status_code, said["status"], "error_type" in said) == (428, "error", False)
    assert "authorisation" in said["message"]


def test_503_may_hide_a_placed_order(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("http_503_but_placed")
    with pytest.raises(kite_errors.NetworkException) as lost:
        buy(kite, "hidden503")
    assert lost.value.code == 503
    assert len(placed(paper, "hidden503")) == 1
    assert refused(paper, "hidden503") == []


def test_400_that_timed_out_is_placed_later(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("timeout_400_then_place", delay=0.5)
    with pytest.raises(kite_errors.OrderException, match="Order request timed out") as lost:
        buy(kite, "late400")
    assert lost.value.code == 400
    assert kite.orders() == []
    (row,) = eventually(lambda: placed(paper, "late400"))
    assert row["status"] == "COMPLETE"
    assert refused(paper, "late400") == []


def test_slow_answer_comes_all_the_same(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("slow", delay=0.4)
    assert buy(kite, "slow")
    assert placed(paper, "slow")[0]["answered"] is True


def test_late_order_is_real_before_the_books_show_it(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("late_visibility", delay=1.0)
    order_id = buy(kite, "late", quantity=3)
    assert kite.positions()["net"][0]["quantity"] == 3
    assert placed(paper, "late")[0]["filled_quantity"] == 3
    assert kite.orders() == kite.trades() == []
    with pytest.raises(kite_errors.GeneralException, match="Couldn't find"):
        kite.order_history(order_id)
    eventually(lambda: [row["order_id"] for row in kite.orders()] == [order_id], every=0.3)
    assert len(kite.trades()) == 1


def test_stuck_order_ends_only_when_cancelled(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("stuck_open_pending")
    order_id = buy(kite, "stuck")
    paper.price("TCS", 3500)
    assert kite.order_history(order_id)[-1]["status"] == "OPEN PENDING"
    with pytest.raises(kite_errors.OrderException, match="being processed"):
        kite.modify_order("regular", order_id, price=3500)
    kite.cancel_order("regular", order_id)
    assert kite.order_history(order_id)[-1]["status"] == "CANCELLED"


def test_order_is_rejected_after_it_got_its_id(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("reject_async")
    row = kite.order_history(buy(kite, "rms"))[-1]
    assert row["status"] == "REJECTED"
    assert row["status_message"]


def test_part_fills_and_the_rest_waits_for_a_modification(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("partial_fill", fraction=0.3)
    order_id = buy(kite, "part", quantity=10)
    row = kite.order_history(order_id)[-1]
    assert (row["status"], row["filled_quantity"], row["pending_quantity"]) == ("OPEN", 3, 7)
    paper.price("TCS", 3540)
    assert kite.order_history(order_id)[-1]["filled_quantity"] == 3
    kite.modify_order("regular", order_id, quantity=8)
    row = kite.order_history(order_id)[-1]
    assert (row["status"], row["filled_quantity"]) == ("COMPLETE", 8)


def test_part_is_at_least_one_share(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("partial_fill", fraction=0.1)
    assert kite.order_history(buy(kite, "one", quantity=2))[-1]["filled_quantity"] == 1


def test_part_fills_and_the_exchange_cancels_the_rest(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("partial_then_cancel", fraction=0.5)
    row = kite.order_history(buy(kite, "halved", quantity=5))[-1]
    assert (row["status"], row["filled_quantity"], row["cancelled_quantity"]) == ("CANCELLED", 2, 3)


def test_token_of_a_named_user_dies_at_once_and_lives_again_after_the_login(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    paper.fault("token_expired", {"user_id": account.user_id})
    with pytest.raises(kite_errors.TokenException):
        kite.profile()
    kite.set_access_token(paper.account(account.user_id).access_token)
    assert kite.profile()["user_id"] == account.user_id


def test_token_dies_at_the_next_order_when_nobody_is_named(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("token_expired")
    assert kite.profile()
    with pytest.raises(kite_errors.TokenException):
        buy(kite, "dead")
    assert refused(paper, "dead")[0]["status"] == 403
    with pytest.raises(kite_errors.TokenException):
        kite.profile()


def test_fault_strikes_only_what_it_matches(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    other = paper.account()
    theirs = KiteConnect(other.api_key, other.access_token, root=paper.url)
    paper.fault("http_503", {"user_id": account.user_id, "side": "SELL", "symbol": "TCS"})
    buy(theirs, "theirs")
    buy(theirs, "theirs", transaction_type="SELL")
    buy(kite, "mine")
    with pytest.raises(kite_errors.NetworkException):
        buy(kite, "mine", transaction_type="SELL")
    buy(kite, "mine", transaction_type="SELL")


def test_path_strikes_reads_by_their_prefix(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("http_503", {"path": "/portfolio"})
    assert kite.orders() == []
    with pytest.raises(kite_errors.NetworkException):
        kite.positions()
    assert kite.positions()["net"] == []


def test_one_fault_of_each_group_strikes_one_order(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("accept_then_reset")
    paper.fault("late_visibility", delay=0.6)
    paper.fault("partial_then_cancel", fraction=0.5)
    with pytest.raises(requests.exceptions.ConnectionError):
        buy(kite, "all", quantity=4)
    assert kite.orders() == []
    (row,) = placed(paper, "all")
    assert (row["status"], row["filled_quantity"], row["answered"]) == ("CANCELLED", 2, False)
    eventually(lambda: [order["tag"] for order in kite.orders()] == ["all"], every=0.15)
    assert buy(kite, "after")


def test_count_is_used_up_and_delete_takes_faults_back(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.fault("reject_400", count=2)
    for _ in range(2):
        with pytest.raises(kite_errors.InputException):
            buy(kite, "counted")
    buy(kite, "counted")
    paper.fault("reject_400", seconds=60)
    for _ in range(2):
        with pytest.raises(kite_errors.InputException):
            buy(kite, "counted")
    paper.clear_faults()
    buy(kite, "counted")
    assert len(placed(paper, "counted")) == 2


def test_delete_with_an_account_takes_back_its_own_faults(paper: PaperProcess, kite: KiteConnect) -> None:
    account = paper.account()
    other = KiteConnect(account.api_key, account.access_token, root=paper.url, timeout=1)
    mine = kite.profile()["user_id"]
    for user_id in (mine, account.user_id):
        paper.fault("reject_400", count=9, match={"user_id": user_id})
    answer = requests.delete(f"{paper.url}/_paper/faults", params={"user_id": mine}, timeout=5)
    assert answer.json() == {"cleared": True}
    assert buy(kite, "mine")
    with pytest.raises(kite_errors.InputException):
        buy(other, "others")


@pytest.mark.parametrize(
    "spec", [{"kind": "nonsense"}, {"kind": "slow", "count": 0}, {"kind": "slow", "match": {"colour": "red"}}]
)
def test_fault_that_is_none_is_refused_with_a_sentence(paper: PaperProcess, spec: dict[str, Any]) -> None:
    answer = requests.post(f"{paper.url}/_paper/faults", json=spec, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
