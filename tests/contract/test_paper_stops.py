"""Orders that rest at the exchange until a trigger, over Kite's own client: rules, changes and faults."""

from collections.abc import Iterator
from typing import Any

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_client import client, place
from tests.paper_process import PaperAccount, PaperProcess, eventually

STOP = {"transaction_type": "SELL", "order_type": "SL", "product": "MIS"}
WIDE = "over the exchange permissible range"


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


def stop(kite: KiteConnect, price: float = 3480, trigger: float = 3500, **changed: Any) -> str:
    return place(kite, **(STOP | {"price": price, "trigger_price": trigger} | changed))


def stop_market(kite: KiteConnect, trigger: float = 3500, **changed: Any) -> str:
    return place(kite, **(STOP | {"order_type": "SL-M", "trigger_price": trigger} | changed))


def now(kite: KiteConnect, order_id: str) -> dict[str, Any]:
    row: dict[str, Any] = kite.order_history(order_id)[-1]
    return row


def net(kite: KiteConnect) -> int:
    return sum(row["quantity"] for row in kite.positions()["net"])


def option(kite: KiteConnect, paper: PaperProcess, price: float) -> dict[str, Any]:
    """Return an index option that trades at a price."""
    row = next(
        row for row in kite.instruments("NFO") if row["name"] == "NIFTY" and row["segment"] == "NFO-OPT"
    )
    paper.price(row["tradingsymbol"], price, "NFO")
    return {"exchange": "NFO", "tradingsymbol": row["tradingsymbol"], "quantity": row["lot_size"]}


def test_a_stop_at_market_rests_as_what_it_is_and_becomes_a_limit_at_its_trigger(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    place(kite)
    order_id = stop_market(kite)
    row = now(kite, order_id)
    assert (row["status"], row["order_type"], row["trigger_price"]) == ("TRIGGER PENDING", "SL-M", 3500)
    assert (row["price"], row["tags"]) == (0, ["mktp"])
    paper.price("TCS", 3499)
    row = now(kite, order_id)
    assert (row["status"], row["order_type"], row["average_price"]) == ("COMPLETE", "LIMIT", 3498.9)
    assert row["price"] < 3499
    assert net(kite) == 0


@pytest.mark.parametrize(("trigger", "price", "last"), [(3500, 3395, 3550), (50, 48.5, 55), (40, 38.5, 45)])
def test_the_widest_gap_of_a_stop_is_taken_and_a_tick_more_is_refused(
    paper: PaperProcess, kite: KiteConnect, trigger: float, price: float, last: float
) -> None:
    symbol = "TCS" if last > 100 else "SOUTHBANK"
    tick = 0.1 if last > 100 else 0.01
    paper.price(symbol, last)
    assert now(kite, stop(kite, price, trigger, tradingsymbol=symbol))["status"] == "TRIGGER PENDING"
    with pytest.raises(kite_errors.OrderException, match=WIDE):
        stop(kite, round(price - tick, 2), trigger, tradingsymbol=symbol)


@pytest.mark.parametrize(("trigger", "price"), [(150, 141), (40, 34)])
def test_an_option_may_have_a_wider_gap(
    paper: PaperProcess, kite: KiteConnect, trigger: float, price: float
) -> None:
    words = option(kite, paper, trigger + 1)
    assert now(kite, stop(kite, price, trigger, **words))["status"] == "TRIGGER PENDING"


def test_stops_at_market_are_for_shares_and_futures_of_nse(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("TCS", 3550, "BSE")
    future = next(row for row in kite.instruments("NFO") if row["name"] == "TCS")
    words = {"exchange": "NFO", "tradingsymbol": future["tradingsymbol"], "quantity": future["lot_size"]}
    paper.price(future["tradingsymbol"], 3550, "NFO")
    assert now(kite, stop_market(kite, **words))["status"] == "TRIGGER PENDING"
    with pytest.raises(kite_errors.InputException, match="SL-M orders are not allowed in BSE"):
        stop_market(kite, exchange="BSE")
    with pytest.raises(kite_errors.InputException, match="SL-M orders are not allowed in options"):
        stop_market(kite, 140, **option(kite, paper, 150))
    assert now(kite, stop(kite, exchange="BSE"))["status"] == "TRIGGER PENDING"


@pytest.mark.parametrize("validity", ["IOC", "TTL"])
def test_a_stop_is_for_the_day(kite: KiteConnect, validity: str) -> None:
    with pytest.raises(kite_errors.InputException, match="Use DAY"):
        stop(kite, validity=validity, validity_ttl=5)


def test_a_resting_stop_becomes_a_market_order_and_sells_at_once(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    place(kite)
    order_id = stop(kite)
    with pytest.raises(kite_errors.InputException, match="market protection"):
        kite.modify_order("regular", order_id, order_type="MARKET")
    kite.modify_order("regular", order_id, order_type="MARKET", market_protection=-1)
    row = now(kite, order_id)
    assert (row["status"], row["filled_quantity"], row["trigger_price"]) == ("COMPLETE", 10, 0)
    assert row["average_price"] == 3549.9
    assert net(kite) == 0


@pytest.mark.parametrize("kind", ["SL", "SL-M"])
def test_a_resting_stop_becomes_a_limit_order_in_the_book(
    paper: PaperProcess, kite: KiteConnect, kind: str
) -> None:
    place(kite)
    order_id = stop(kite) if kind == "SL" else stop_market(kite)
    kite.modify_order("regular", order_id, order_type="LIMIT", price=3600)
    row = now(kite, order_id)
    assert (row["status"], row["order_type"], row["trigger_price"]) == ("OPEN", "LIMIT", 0)
    paper.price("TCS", 3490)
    assert now(kite, order_id)["status"] == "OPEN", "there is no trigger any more"
    paper.price("TCS", 3600)
    row = now(kite, order_id)
    assert (row["status"], row["average_price"]) == ("COMPLETE", 3600)


def test_a_stop_at_market_needs_a_price_to_become_a_limit(kite: KiteConnect) -> None:
    order_id = stop_market(kite)
    for kind in ("LIMIT", "SL"):
        with pytest.raises(kite_errors.InputException, match="price"):
            kite.modify_order("regular", order_id, order_type=kind)
    kite.modify_order("regular", order_id, order_type="SL", price=3480)
    row = now(kite, order_id)
    assert (row["status"], row["order_type"], row["price"]) == ("TRIGGER PENDING", "SL", 3480)


@pytest.mark.parametrize("kind", ["SL", "SL-M"])
def test_no_other_order_becomes_a_stop(kite: KiteConnect, kind: str) -> None:
    order_id = place(kite, order_type="LIMIT", price=3400)
    with pytest.raises(kite_errors.InputException, match=f"LIMIT orders cannot be modified to {kind}"):
        kite.modify_order(
            "regular", order_id, order_type=kind, trigger_price=3600, price=3605, market_protection=-1
        )
    assert now(kite, order_id)["order_type"] == "LIMIT"


def test_a_moved_stop_obeys_the_rules_of_a_new_one(paper: PaperProcess, kite: KiteConnect) -> None:
    order_id = stop(kite)
    for change, why in (
        ({"trigger_price": 3560}, "lower than the last traded price"),
        ({"trigger_price": 2000, "price": 1990}, "circuit"),
        ({"trigger_price": 3470}, "higher than the limit price"),
        ({"price": 3300}, WIDE),
    ):
        with pytest.raises(kite_errors.OrderException, match=why):
            kite.modify_order("regular", order_id, **change)
    kite.modify_order("regular", order_id, trigger_price=3540, price=3520)
    row = now(kite, order_id)
    assert (row["status"], row["trigger_price"], row["modified"]) == ("TRIGGER PENDING", 3540, True)
    ours = next(one for one in paper.ledger() if one["order_id"] == order_id)
    assert (ours["order_type"], ours["trigger_price"], ours["price"]) == ("SL", 3540, 3520)
    assert ours["modifications"] == 1


def test_the_exchange_cancels_a_stop_at_the_moment_it_is_needed(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    place(kite)
    first, second = stop(kite, quantity=4), stop_market(kite, quantity=6)
    paper.fault("cancel_17070", {"user_id": account.user_id, "side": "SELL", "symbol": "TCS"})
    paper.price("TCS", 3501)
    assert now(kite, first)["status"] == now(kite, second)["status"] == "TRIGGER PENDING"
    paper.price("TCS", 3500)
    row = now(kite, first)
    assert (row["status"], row["filled_quantity"], row["cancelled_quantity"]) == ("CANCELLED", 0, 4)
    assert "17070" in row["status_message"]
    assert now(kite, second)["status"] == "COMPLETE", "one count is one order"
    assert net(kite) == 4


def test_a_purchase_of_the_same_person_kills_the_resting_stop(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    place(kite)
    order_id = stop(kite)
    paper.fault("self_trade_cancel", {"user_id": account.user_id, "symbol": "TCS"})
    other = paper.account()
    place(KiteConnect(other.api_key, other.access_token, root=paper.url))
    place(kite, transaction_type="SELL", quantity=1)
    assert now(kite, order_id)["status"] == "TRIGGER PENDING", "of another person, and of the same side"
    bought = place(kite)
    row = now(kite, order_id)
    assert (row["status"], row["cancelled_quantity"]) == ("CANCELLED", 10)
    assert "self trade" in row["status_message"]
    assert now(kite, bought)["status"] == "COMPLETE"


def test_a_modification_comes_too_late_once(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    order_id = stop(kite)
    paper.fault("modify_too_late", {"user_id": account.user_id})
    with pytest.raises(
        kite_errors.OrderException, match="cannot be modified as it is being processed"
    ) as late:
        kite.modify_order("regular", order_id, trigger_price=3510)
    assert late.value.code == 400
    assert now(kite, order_id)["trigger_price"] == 3500
    kite.modify_order("regular", order_id, trigger_price=3510)
    assert now(kite, order_id)["trigger_price"] == 3510


def test_a_modification_that_was_answered_is_none(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    place(kite)
    order_id = stop(kite)
    paper.fault("modify_lost", {"user_id": account.user_id, "side": "SELL", "symbol": "TCS"})
    before = kite.order_history(order_id)
    assert kite.modify_order("regular", order_id, order_type="MARKET", market_protection=-1) == order_id
    assert kite.order_history(order_id) == before
    assert [row["modifications"] for row in paper.ledger() if row["order_id"] == order_id] == [0]
    kite.modify_order("regular", order_id, order_type="MARKET", market_protection=-1)
    assert now(kite, order_id)["status"] == "COMPLETE"


def test_the_exchange_sweeps_the_stops_of_a_symbol(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    paper.price("INFY", 1500)
    swept, market = stop(kite), stop_market(kite)
    limit = place(kite, order_type="LIMIT", price=3400)
    other = stop(kite, 1480, 1490, tradingsymbol="INFY")
    paper.fault("sweep", {"user_id": account.user_id, "symbol": "TCS"})
    states = {row["order_id"]: row["status"] for row in kite.orders()}
    assert (states[swept], states[market]) == ("CANCELLED", "CANCELLED")
    assert (states[limit], states[other]) == ("OPEN", "TRIGGER PENDING")
    assert now(kite, stop(kite))["status"] == "TRIGGER PENDING", "a sweep is one moment"
    assert paper.control("GET", "faults")["struck"]["sweep"] == 1


def test_shares_with_derivatives_keep_no_stop_in_the_closing_auction() -> None:
    with PaperProcess("--calendar", "XNSE") as paper:
        paper.clock(now="2026-09-02T11:00:00", speed=0)
        account = paper.account()
        kite = KiteConnect(account.api_key, account.access_token, root=paper.url)
        paper.price("TCS", 3550)
        paper.price("RITES", 240)
        swept, kept = stop(kite), stop(kite, 230, 235, tradingsymbol="RITES")
        paper.clock(now="2026-09-02T15:14:59")
        assert now(kite, swept)["status"] == "TRIGGER PENDING"
        paper.clock(now="2026-09-02T15:15:00")
        eventually(lambda: now(kite, swept)["status"] == "CANCELLED", every=0.3)
        assert "closing auction" in now(kite, swept)["status_message"]
        assert now(kite, kept)["status"] == "TRIGGER PENDING"


def test_a_modification_fills_nothing_while_the_market_is_closed() -> None:
    with PaperProcess("--calendar", "XNSE") as paper:
        paper.clock(now="2026-09-02T11:00:00", speed=0)
        account = paper.account()
        kite = KiteConnect(account.api_key, account.access_token, root=paper.url)
        paper.price("TCS", 3550)
        order_id = place(kite, order_type="LIMIT", price=3400)
        paper.clock(now="2026-09-02T15:20:00")
        kite.modify_order("regular", order_id, price=3600)
        row = now(kite, order_id)
        assert (row["status"], row["price"], row["filled_quantity"]) == ("OPEN", 3600, 0)


@pytest.mark.parametrize(("name", "freeze"), [("NIFTY", 1800), ("BANKNIFTY", 900), ("TCS", 8750)])
def test_an_order_above_the_freeze_quantity_is_refused(
    paper: PaperProcess, kite: KiteConnect, name: str, freeze: int
) -> None:
    row = next(row for row in kite.instruments("NFO") if row["name"] == name)
    lot = row["lot_size"]
    words = {"exchange": "NFO", "tradingsymbol": row["tradingsymbol"], "product": "NRML"}
    most = freeze // lot * lot
    paper.price(row["tradingsymbol"], 100, "NFO")
    order_id = place(kite, order_type="LIMIT", price=90, quantity=most, **words)
    with pytest.raises(kite_errors.InputException, match=f"maximum quantity of {freeze}") as refused:
        place(kite, quantity=most + lot, **words)
    assert refused.value.code == 400
    with pytest.raises(kite_errors.InputException, match=f"maximum quantity of {freeze}"):
        kite.modify_order("regular", order_id, quantity=most + lot)
    assert len(kite.orders()) == 1


def test_an_index_has_no_tick_and_no_lot_as_in_the_real_file(kite: KiteConnect) -> None:
    rows = [row for row in kite.instruments() if row["segment"] == "INDICES"]
    assert {row["tradingsymbol"] for row in rows} >= {"NIFTY 50", "NIFTY BANK", "INDIA VIX", "SENSEX"}
    assert {(row["tick_size"], row["lot_size"], row["instrument_type"]) for row in rows} == {(0, 0, "EQ")}
