"""The hands of others on a paper account, and what Kite's own client reads of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_process import PaperAccount, PaperProcess
from tests.ticker_process import Probe

TCS = 2953217


@pytest.fixture(scope="module")
def process() -> Iterator[PaperProcess]:
    with PaperProcess() as running:
        yield running


@pytest.fixture
def paper(process: PaperProcess) -> Iterator[PaperProcess]:
    process.price("TCS", 3550)
    process.price("INFY", 1500)
    yield process
    process.clear_faults()


@pytest.fixture
def account(paper: PaperProcess) -> PaperAccount:
    return paper.account()


@pytest.fixture
def kite(paper: PaperProcess, account: PaperAccount) -> KiteConnect:
    return client(paper, account)


def client(paper: PaperProcess, account: PaperAccount) -> KiteConnect:
    return KiteConnect(account.api_key, account.access_token, root=paper.url)


def refused(paper: PaperProcess, status: int, **spec: Any) -> str:
    """Ask for what no hand can do; return why."""
    answer = httpx.post(f"{paper.url}/_paper/hand", json=spec)
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error"}
    return str(answer.json()["error"])


def net(kite: KiteConnect) -> dict[tuple[str, str], int]:
    """Return the open positions by symbol and product."""
    rows = kite.positions()["net"]
    return {(row["tradingsymbol"], row["product"]): row["quantity"] for row in rows if row["quantity"]}


def resting(kite: KiteConnect, price: float, **changed: Any) -> str:
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "transaction_type": "BUY",
        "quantity": 1,
        "product": "MIS",
        "order_type": "LIMIT",
        "price": price,
    }
    order_id: str = kite.place_order(**(order | changed))
    return order_id


@pytest.mark.parametrize("product", ["CNC", "MIS"])
def test_a_hand_buys_and_sells_at_once_without_a_tag(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect, product: str
) -> None:
    bought = paper.hand(account.user_id, "buy", symbol="TCS", product=product, quantity=10)
    sold = paper.hand(account.user_id, "sell", symbol="TCS", exchange="NSE", product=product, quantity=4)
    assert (bought["status"], bought["filled_quantity"], bought["average_price"]) == ("COMPLETE", 10, 3550.1)
    assert (sold["status"], sold["filled_quantity"], sold["average_price"]) == ("COMPLETE", 4, 3549.9)
    rows = {row["order_id"]: row for row in kite.orders()}
    assert rows.keys() == {bought["order_id"], sold["order_id"]}
    assert all(row["tag"] is None and row["status"] == "COMPLETE" for row in rows.values())
    assert rows[sold["order_id"]]["transaction_type"] == "SELL"
    assert [trade["quantity"] for trade in kite.trades()] == [10, 4]
    assert net(kite) == {("TCS", product): 6}
    mine = [row for row in paper.ledger() if row["user_id"] == account.user_id]
    assert [(row["order_id"], row["tag"], row["answered"]) for row in mine] == [
        (bought["order_id"], None, True),
        (sold["order_id"], None, True),
    ]


def test_a_hand_finds_the_exchange_that_lists_a_symbol(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    future = next(row for row in kite.instruments("NFO") if row["name"] == "TCS")
    symbol, lot = future["tradingsymbol"], future["lot_size"]
    assert (
        paper.hand(account.user_id, "sell", symbol=symbol, product="NRML", quantity=lot)["exchange"] == "NFO"
    )
    assert net(kite) == {(symbol, "NRML"): -lot}


def test_delivery_shares_that_are_not_held_are_not_sold(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    paper.hand(account.user_id, "buy", symbol="TCS", product="CNC", quantity=3)
    sale = {"user_id": account.user_id, "action": "sell", "symbol": "TCS", "product": "CNC", "quantity": 4}
    assert "Insufficient stock holding" in refused(paper, 400, **sale)
    assert net(kite) == {("TCS", "CNC"): 3}


def test_an_order_beyond_the_cash_is_rejected_and_says_so(paper: PaperProcess) -> None:
    poor = paper.account(cash=1000)
    done = paper.hand(poor.user_id, "buy", symbol="TCS", product="CNC", quantity=1)
    assert (done["status"], done["filled_quantity"]) == ("REJECTED", 0)
    assert "Insufficient funds" in done["status_message"]


def test_a_hand_needs_no_token(paper: PaperProcess, account: PaperAccount) -> None:
    paper.fault("token_expired", {"user_id": account.user_id})
    paper.hand(account.user_id, "buy", symbol="TCS", product="MIS", quantity=2)
    kite = client(paper, paper.account(account.user_id))
    assert net(kite) == {("TCS", "MIS"): 2}


@pytest.mark.parametrize(("side", "signed"), [("buy", 1), ("sell", -1)])
def test_a_hand_converts_a_part_of_a_position_either_way(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect, side: str, signed: int
) -> None:
    future = next(row for row in kite.instruments("NFO") if row["name"] == "TCS")
    symbol, lot = future["tradingsymbol"], future["lot_size"]
    paper.hand(account.user_id, side, symbol=symbol, product="MIS", quantity=2 * lot)
    words = {"symbol": symbol, "from": "MIS", "to": "NRML"}
    done = paper.hand(account.user_id, "convert", **words, quantity=lot)
    assert (done["exchange"], done["quantity"]) == ("NFO", lot)
    assert net(kite) == {(symbol, "MIS"): signed * lot, (symbol, "NRML"): signed * lot}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"quantity": 6}, "more than the open position"),
        ({"from": "CNC", "to": "MIS"}, "more than the open position"),
        ({"to": "MIS"}, "new_product"),
        ({"to": "NRML"}, "new_product"),
    ],
)
def test_a_conversion_of_what_is_not_there_is_refused(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect, change: dict[str, Any], why: str
) -> None:
    paper.hand(account.user_id, "buy", symbol="TCS", product="MIS", quantity=5)
    spec = {"action": "convert", "symbol": "TCS", "from": "MIS", "to": "CNC", "quantity": 5}
    assert why in refused(paper, 400, **({"user_id": account.user_id} | spec | change))
    assert net(kite) == {("TCS", "MIS"): 5}


def test_the_risk_desk_cancels_what_is_open_and_closes_everything_intraday(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    user = account.user_id
    paper.hand(user, "buy", symbol="TCS", product="MIS", quantity=10)
    paper.hand(user, "sell", symbol="INFY", product="MIS", quantity=7)
    paper.hand(user, "buy", symbol="TCS", product="CNC", quantity=3)
    intraday = resting(kite, 3500)
    stop = resting(kite, 3490, transaction_type="SELL", order_type="SL", trigger_price=3500, quantity=10)
    delivery = resting(kite, 3500, product="CNC")
    done = paper.hand(user, "square_off")
    assert sorted(done["cancelled"]) == sorted([intraday, stop])
    closed = {row["symbol"]: (row["transaction_type"], row["filled_quantity"]) for row in done["orders"]}
    assert closed == {"TCS": ("SELL", 10), "INFY": ("BUY", 7)}
    assert done["left"] == []
    assert net(kite) == {("TCS", "CNC"): 3}
    states = {row["order_id"]: row["status"] for row in kite.orders()}
    assert (states[intraday], states[stop], states[delivery]) == ("CANCELLED", "CANCELLED", "OPEN")
    again = paper.hand(user, "square_off")
    assert (again["cancelled"], again["orders"]) == ([], [])


def test_a_hand_cancels_any_order_of_the_account_and_no_other(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    order_id = resting(kite, 3500, tag="strategy1")
    other = paper.account()
    spec = {"action": "cancel", "order_id": order_id}
    assert "order_id" in refused(paper, 404, user_id=other.user_id, **spec)
    assert paper.hand(account.user_id, **spec)["status"] == "CANCELLED"
    assert kite.order_history(order_id)[-1]["status"] == "CANCELLED"
    assert "being processed" in refused(paper, 400, user_id=account.user_id, **spec)


def test_a_login_elsewhere_ends_the_token_and_its_sockets(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.ticks(TCS))
        assert paper.hand(account.user_id, "login_elsewhere")["token"] == "dead"
        probe.waits(lambda: probe.all("close"))
    with pytest.raises(kite_errors.TokenException):
        kite.profile()
    kite.set_access_token(paper.account(account.user_id).access_token)
    assert kite.profile()["user_id"] == account.user_id


def test_order_updates_tell_of_what_a_hand_did(paper: PaperProcess, account: PaperAccount) -> None:
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.ticks(TCS))
        done = paper.hand(account.user_id, "buy", symbol="TCS", product="MIS", quantity=2)
        update = probe.waits(lambda: probe.all("order"))[0]["value"]
    assert (update["order_id"], update["status"], update["tag"]) == (done["order_id"], "COMPLETE", None)


def test_a_fault_strikes_a_hand_only_when_it_names_the_hands(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    paper.fault("reject_async", {"user_id": account.user_id})
    words = {"symbol": "TCS", "product": "MIS", "quantity": 2}
    assert paper.hand(account.user_id, "buy", **words)["status"] == "COMPLETE"
    assert kite.order_history(resting(kite, 3600))[-1]["status"] == "REJECTED"
    paper.fault("late_visibility", {"path": "/_paper/hand", "side": "SELL"}, delay=60)
    paper.hand(account.user_id, "sell", **words)
    assert {row["transaction_type"] for row in kite.orders()} == {"BUY"}
    assert net(kite) == {}


def test_what_a_hand_did_survives_a_kill(tmp_path: Path) -> None:
    paper = PaperProcess(data_dir=tmp_path)
    paper.start()
    try:
        account = paper.account("HAND1")
        kite = client(paper, account)
        paper.price("TCS", 3550)
        paper.hand("HAND1", "buy", symbol="TCS", product="MIS", quantity=10)
        paper.hand("HAND1", "sell", symbol="TCS", product="MIS", quantity=2)
        paper.hand("HAND1", "convert", symbol="TCS", quantity=3, **{"from": "MIS", "to": "CNC"})
        paper.hand("HAND1", "cancel", order_id=resting(kite, 3500))
        before = (kite.orders(), kite.trades(), kite.positions(), paper.ledger())
        paper.kill()
        paper.start()
        assert (kite.orders(), kite.trades(), kite.positions(), paper.ledger()) == before
        paper.hand("HAND1", "login_elsewhere")
        paper.kill()
        paper.start()
        with pytest.raises(kite_errors.TokenException):
            kite.orders()
    finally:
        paper.stop()


def test_hands_that_need_a_market_say_when_it_is_closed() -> None:
    with PaperProcess("--calendar", "XNSE") as paper:
        paper.clock(now="2026-03-02T11:00:00", speed=0)
        account = paper.account()
        user, kite = account.user_id, client(paper, account)
        paper.price("TCS", 3550)
        future = next(row["tradingsymbol"] for row in kite.instruments("NFO") if row["name"] == "TCS")
        lot = paper.hand(user, "buy", symbol=future, product="MIS", quantity=175)["quantity"]
        paper.hand(user, "buy", symbol="TCS", product="MIS", quantity=10)
        order_id = resting(kite, 3000)
        paper.clock(now="2026-03-02T15:20:00")
        for words in (
            {"action": "sell", "product": "MIS"},
            {"action": "buy", "product": "CNC"},
            {"action": "convert", "from": "MIS", "to": "CNC"},
        ):
            why = refused(paper, 400, user_id=user, symbol="TCS", quantity=1, **words)
            assert "The market is closed for NSE:TCS" in why
            assert "15:20" in why
        squared = paper.hand(user, "square_off")
        assert [row["symbol"] for row in squared["orders"]] == [future], "futures trade to 15:40"
        assert squared["left"] == [{"exchange": "NSE", "symbol": "TCS"}]
        assert squared["orders"][0]["quantity"] == lot
        assert squared["cancelled"] == [order_id]
        assert "closed" in refused(paper, 400, user_id=user, action="square_off")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, "`action`"),
        ({"action": "steal"}, "`action`"),
        ({"action": "buy", "product": "CNC", "quantity": 1}, "`symbol`"),
        ({"action": "buy", "symbol": "TCS", "quantity": 1}, "`product`"),
        ({"action": "buy", "symbol": "TCS", "product": "CNC"}, "`quantity`"),
        ({"action": "buy", "symbol": "TCS", "product": "CNC", "quantity": True}, "`quantity`"),
        ({"action": "buy", "symbol": "TCS", "product": "CNC", "quantity": 1.5}, "`quantity`"),
        ({"action": "convert", "symbol": "TCS", "quantity": 1, "to": "CNC"}, "`from`"),
        ({"action": "cancel"}, "`order_id`"),
    ],
)
def test_what_no_hand_does_is_refused_with_a_sentence(
    paper: PaperProcess, account: PaperAccount, spec: dict[str, Any], why: str
) -> None:
    assert why in refused(paper, 400, user_id=account.user_id, **spec)
    assert "no such account" in refused(paper, 404, user_id="NOBODY", action="square_off")
