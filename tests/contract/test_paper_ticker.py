"""KiteTicker, unmodified, against the paper exchange's WebSocket."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from kiteconnect import KiteConnect

from tests.paper_process import PaperAccount, PaperProcess
from tests.ticker_process import Probe

TCS, RELIANCE, NIFTY = 2953217, 738561, 256265


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def account(paper: PaperProcess) -> PaperAccount:
    return paper.account()


def trade(paper: PaperProcess, account: PaperAccount, **changed: Any) -> tuple[KiteConnect, str]:
    kite = KiteConnect(account.api_key, account.access_token, root=paper.url)
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "transaction_type": "BUY",
        "quantity": 1,
        "product": "CNC",
        "order_type": "MARKET",
        "market_protection": -1,
    }
    return kite, kite.place_order(**(order | changed))


def test_full_mode_carries_depth_and_the_days_figures(paper: PaperProcess, account: PaperAccount) -> None:
    paper.price("TCS", 3550)
    with Probe(paper, account, "full", TCS, NIFTY) as probe:
        probe.waits(lambda: [t for t in probe.ticks(TCS) if t["mode"] == "full"])
        tcs = next(t for t in probe.ticks(TCS) if t["mode"] == "full")
        index = probe.waits(lambda: [t for t in probe.ticks(NIFTY) if t["mode"] == "full"])[0]
    assert tcs["last_price"] == 3550
    assert len(tcs["depth"]["buy"]) == len(tcs["depth"]["sell"]) == 5
    assert tcs["depth"]["buy"][0]["price"] < 3550 < tcs["depth"]["sell"][0]["price"]
    assert tcs["tradable"] is True
    assert index["tradable"] is False
    assert index["ohlc"]["low"] <= index["ohlc"]["open"] <= index["ohlc"]["high"]


def test_ltp_mode_carries_the_price_alone(paper: PaperProcess, account: PaperAccount) -> None:
    paper.price("TCS", 3550)
    with Probe(paper, account, "ltp", TCS) as probe:
        tick = probe.waits(lambda: [t for t in probe.ticks(TCS) if t["mode"] == "ltp"])[0]
    assert tick == {"tradable": True, "mode": "ltp", "instrument_token": TCS, "last_price": 3550}


def test_controlled_price_goes_out_as_one_tick(paper: PaperProcess, account: PaperAccount) -> None:
    paper.price("TCS", 3550)
    with Probe(paper, account, "quote", TCS) as probe:
        probe.waits(lambda: probe.ticks(TCS))
        paper.price("TCS", 3444.4)
        probe.waits(lambda: probe.ticks(TCS)[-1]["last_price"] == 3444.4)
        probe.waits(lambda: len(probe.all("heartbeat")) >= 2)
        prices = [tick["last_price"] for tick in probe.ticks(TCS)]
    assert prices.count(3444.4) == 1


def test_control_says_when_the_tick_went_to_the_sockets(paper: PaperProcess, account: PaperAccount) -> None:
    spec = {"exchange": "NSE", "symbol": "TCS", "price": 3550}
    assert paper.control("POST", "price", spec)["tick_at"] is None  # nobody listens
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.ticks(TCS))
        asked = time.time()
        tick_at = paper.control("POST", "price", spec | {"price": 3444})["tick_at"]
        probe.waits(lambda: probe.ticks(TCS)[-1]["last_price"] == 3444)
        heard = next(line["at"] for line in probe.all("ticks") if line["value"][0]["last_price"] == 3444)
    assert asked <= tick_at <= heard


def test_path_is_walked_point_by_point(paper: PaperProcess, account: PaperAccount) -> None:
    paper.price("TCS", 3550)
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.ticks(TCS))
        paper.path("TCS", [(0, 3540), (0.3, 3530), (0.6, 3520)])
        probe.waits(lambda: probe.ticks(TCS)[-1]["last_price"] == 3520)
        prices = [tick["last_price"] for tick in probe.ticks(TCS)]
    assert prices[-3:] == [3540, 3530, 3520]


def test_walk_ticks_by_itself_and_a_quiet_feed_sends_heartbeats(
    paper: PaperProcess, account: PaperAccount
) -> None:
    with Probe(paper, account, "ltp", RELIANCE) as probe:
        probe.waits(lambda: len(probe.ticks(RELIANCE)) >= 4)
        paper.price("RELIANCE", 1480)
        probe.waits(lambda: len(probe.all("heartbeat")) >= 2)
        assert not probe.all("close")


def test_order_updates_tell_of_fills_changes_and_cancels_but_not_of_placing(
    paper: PaperProcess, account: PaperAccount
) -> None:
    paper.price("TCS", 3550)
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.all("connect"))
        kite, resting = trade(
            paper, account, order_type="LIMIT", price=3500, market_protection=None, tag="rests"
        )
        kite.modify_order("regular", resting, price=3501)
        kite.cancel_order("regular", resting)
        _, bought = trade(paper, account, tag="fills")
        probe.waits(lambda: len(probe.all("order")) >= 3)
        updates = [line["value"] for line in probe.all("order")]
    assert [(u["order_id"], u["status"]) for u in updates] == [
        (resting, "UPDATE"),
        (resting, "CANCELLED"),
        (bought, "COMPLETE"),
    ]
    assert updates[-1]["tag"] == "fills"
    assert updates[-1]["user_id"] == account.user_id
    assert updates[-1]["unfilled_quantity"] == 0


def test_order_updates_reach_nobody_else(paper: PaperProcess, account: PaperAccount) -> None:
    other = paper.account()
    with Probe(paper, account, "ltp", TCS) as mine, Probe(paper, other, "ltp", TCS) as theirs:
        mine.waits(lambda: mine.all("connect"))
        theirs.waits(lambda: theirs.all("connect"))
        trade(paper, account)
        trade(paper, other)
        mine.waits(lambda: mine.all("order"))
        theirs.waits(lambda: theirs.all("order"))
        assert {line["value"]["user_id"] for line in mine.all("order")} == {account.user_id}
        assert {line["value"]["user_id"] for line in theirs.all("order")} == {other.user_id}


def test_dead_token_is_refused_with_403(paper: PaperProcess, account: PaperAccount) -> None:
    paper.account(account.user_id)
    with Probe(paper, account, "ltp", TCS) as probe:
        code, reason = probe.waits(lambda: probe.all("error"))[0]["value"]
    assert code == 1006
    assert "403" in reason


def test_socket_is_cut_when_its_token_dies(paper: PaperProcess, account: PaperAccount) -> None:
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.ticks(TCS))
        paper.account(account.user_id)
        assert probe.waits(lambda: probe.all("close"))[0]["value"][0] == 1006


def test_dropped_socket_comes_back_and_subscribes_again(paper: PaperProcess, account: PaperAccount) -> None:
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.ticks(TCS))
        paper.fault("ws_drop", {"user_id": account.user_id})
        probe.waits(lambda: probe.all("close"))
        probe.waits(lambda: len(probe.all("connect")) == 2)
        paper.price("TCS", 3456.7)
        probe.waits(lambda: probe.ticks(TCS)[-1]["last_price"] == 3456.7)


def test_silent_feed_says_nothing_and_stays_connected(paper: PaperProcess, account: PaperAccount) -> None:
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.all("heartbeat"))
        paper.fault("ws_silent", {"user_id": account.user_id}, seconds=2.5)
        paper.price("TCS", 3333.3)
        before = len(probe.heard)
        probe.waits(lambda: len(probe.heard) > before)
        assert probe.heard[before]["at"] - probe.heard[before - 1]["at"] > 2
        assert 3333.3 not in [tick["last_price"] for tick in probe.ticks(TCS)]
        assert not probe.all("close")


def test_garbage_is_sent_when_asked_for(paper: PaperProcess, account: PaperAccount) -> None:
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.ticks(TCS))
        paper.fault("ws_garbage", {"user_id": account.user_id}, seconds=1)
        # Kite's client drops its connection on a torn frame; ours must not.
        probe.waits(lambda: probe.all("close"))


def test_order_updates_come_twice_and_out_of_order_when_asked_for(
    paper: PaperProcess, account: PaperAccount
) -> None:
    paper.price("TCS", 3550)
    with Probe(paper, account, "ltp", TCS) as probe:
        probe.waits(lambda: probe.all("connect"))
        paper.fault("ws_duplicate", {"user_id": account.user_id})
        trade(paper, account, tag="twice")
        probe.waits(lambda: len(probe.all("order")) == 2)
        paper.fault("ws_out_of_order", {"user_id": account.user_id}, count=2)
        kite, order_id = trade(paper, account, order_type="LIMIT", price=3500, market_protection=None)
        kite.modify_order("regular", order_id, price=3501)
        kite.cancel_order("regular", order_id)
        probe.waits(lambda: len(probe.all("order")) == 4)
        assert [line["value"]["status"] for line in probe.all("order")] == [
            "COMPLETE",
            "COMPLETE",
            "CANCELLED",
            "UPDATE",
        ]
