"""The paper exchange as a process: its ports, its end, its memory."""

import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_process import ROOT, PaperAccount, PaperProcess, eventually, free_port

BARS = """datetime,symbol,open,high,low,close,volume
2026-03-02T09:15:00+05:30,TCS,3500,3520,3490,3510,1000
2026-03-02T09:16:00+05:30,TCS,3510,3515,3400,3405,1000
2026-03-02T09:15:00+05:30,WIDGET,100,101,99,100.5,10
2026-03-02T09:16:00+05:30,WIDGET,100.5,101,99,100.5,10
"""


def client(paper: PaperProcess, account: PaperAccount) -> KiteConnect:
    return KiteConnect(account.api_key, account.access_token, root=paper.url)


def order(**changed: Any) -> dict[str, Any]:
    return {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "transaction_type": "BUY",
        "quantity": 2,
        "product": "CNC",
        "order_type": "MARKET",
        "market_protection": -1,
    } | changed


def ended(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "paper", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_ends_with_status_0_when_told_to() -> None:
    paper = PaperProcess()
    paper.start()
    assert paper.stop() == 0
    paper.start()
    assert paper.stop(signal.SIGINT) == 0


def test_says_one_sentence_and_ends_with_2_when_the_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        end = ended("--port", str(port))
    assert end.returncode == 2
    assert f"Port {port}" in end.stderr
    assert "Traceback" not in end.stderr


def test_ends_with_2_when_the_bars_are_none(tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text("datetime,symbol,open,high,low,close,volume\nyesterday,TCS,1,1,1,1,1\n")
    end = ended("--port", str(free_port()), "--bars", str(bars))
    assert end.returncode == 2
    assert "Line 2" in end.stderr


def test_second_process_on_one_directory_ends_with_2(tmp_path: Path) -> None:
    with PaperProcess(data_dir=tmp_path):
        end = ended("--port", str(free_port()), "--data-dir", str(tmp_path))
    assert end.returncode == 2
    assert "Another paper exchange" in end.stderr


def test_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    paper = PaperProcess(data_dir=tmp_path)
    paper.start()
    try:
        account = paper.account("KEEP1", cash=500_000)
        kite = client(paper, account)
        paper.price("TCS", 3550)
        bought = kite.place_order(**order(tag="kept"))
        resting = kite.place_order(**order(order_type="LIMIT", price=3500, market_protection=None))
        cancelled = kite.place_order(**order(order_type="LIMIT", price=3490, market_protection=None))
        kite.cancel_order("regular", cancelled)
        eventually(lambda: all(row["answered"] for row in paper.ledger()))
        before = (kite.orders(), kite.trades(), kite.positions(), kite.margins("equity"), paper.ledger())
        history = kite.order_history(cancelled)

        paper.kill()
        paper.start()

        after = (kite.orders(), kite.trades(), kite.positions(), kite.margins("equity"), paper.ledger())
        assert after == before
        assert kite.order_history(cancelled) == history
        paper.price("TCS", 3499)
        rows = {row["order_id"]: row["status"] for row in kite.orders()}
        assert rows == {bought: "COMPLETE", resting: "COMPLETE", cancelled: "CANCELLED"}
        assert kite.place_order(**order()) > resting
    finally:
        paper.stop()


def test_triggers_conversions_and_logins_survive_a_kill(tmp_path: Path) -> None:
    paper = PaperProcess(data_dir=tmp_path)
    paper.start()
    try:
        paper.account("KEEP2")
        account = paper.account("KEEP2")
        kite = client(paper, account)
        paper.price("TCS", 3550)
        kite.place_order(**order(quantity=5))
        kite.convert_position("NSE", "TCS", "BUY", "day", 2, "CNC", "MIS")
        leg = {
            "transaction_type": "BUY",
            "quantity": 1,
            "order_type": "LIMIT",
            "product": "CNC",
            "price": 3500,
        }
        trigger_id = kite.place_gtt("single", "TCS", "NSE", [3500], 3550, [leg])["trigger_id"]
        paper.path("TCS", [(0, 3540), (600, 3300)])
        before = (kite.positions(), kite.get_gtts(), kite.margins("equity"))

        paper.kill()
        paper.start()

        assert (kite.positions(), kite.get_gtts(), kite.margins("equity")) == before
        assert kite.ltp("NSE:TCS")["NSE:TCS"]["last_price"] == 3540
        paper.price("TCS", 3499)
        assert kite.get_gtt(trigger_id)["status"] == "triggered"
    finally:
        paper.stop()


def test_journal_is_for_its_owner_alone_and_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    paper = PaperProcess(data_dir=tmp_path)
    paper.start()
    account = paper.account()
    client(paper, account).place_order(**order())
    paper.kill()
    (journal,) = tmp_path.iterdir()
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    with journal.open("ab") as torn:
        torn.write(b'{"k":"order","order_id":"21')
    paper.start()
    try:
        kite = client(paper, account)
        assert len(kite.orders()) == 1
        kite.place_order(**order())
        paper.kill()
        paper.start()
        assert len(kite.orders()) == 2
    finally:
        paper.stop()


def test_second_port_serves_the_websocket_too() -> None:
    port = free_port()
    with PaperProcess("--ws-port", str(port)) as paper:
        account = paper.account()
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        root = f"http://127.0.0.1:{port}/"
        query = {"api_key": account.api_key, "access_token": account.access_token}
        for where in (root, paper.url):
            with requests.get(where, params=query, headers=headers, timeout=5, stream=True) as answer:
                assert answer.status_code == 101
        bad = requests.get(root, params=query | {"access_token": "x"}, headers=headers, timeout=5)
        assert bad.status_code == 403


def test_lenient_takes_market_orders_without_protection() -> None:
    with PaperProcess("--lenient") as paper:
        kite = client(paper, paper.account())
        kite.place_order(**order(market_protection=None))
        (row,) = kite.orders()
        assert (row["status"], row["order_type"], row["price"]) == ("COMPLETE", "MARKET", 0)


def test_bars_are_replayed_in_their_own_time(tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text(BARS)
    with PaperProcess("--bars", str(bars), "--speed", "60") as paper:
        kite = client(paper, paper.account())
        resting = kite.place_order(**order(order_type="LIMIT", price=3450, market_protection=None))
        # Bought on the way down to 3400, which a look twice a second would have jumped over.
        eventually(lambda: kite.order_history(resting)[-1]["status"] == "COMPLETE", every=0.15)
        assert kite.order_history(resting)[-1]["average_price"] == 3450
        token = next(row for row in kite.instruments("NSE") if row["tradingsymbol"] == "WIDGET")
        assert token["lot_size"] == 1
        candles = kite.historical_data(2953217, "2026-03-02 09:15:00", "2026-03-02 09:16:00", "minute")
        assert [c["close"] for c in candles] == [3510, 3405]


def test_closed_exchange_points_at_amo() -> None:
    with PaperProcess("--calendar", "XNSE") as paper:
        kite = client(paper, paper.account())
        paper.clock(now="2026-03-02T11:00:00", speed=0)
        kite.place_order(**order())
        for closed in (
            "2026-03-02T15:36:00",
            "2026-03-02T08:00:00",
            "2026-03-01T11:00:00",
            "2026-01-26T11:00:00",
        ):
            paper.clock(now=closed)
            token = paper.account(kite.profile()["user_id"]) if closed.endswith("08:00:00") else None
            if token:
                kite.set_access_token(token.access_token)
            with pytest.raises(kite_errors.OrderException, match="Try placing an AMO order"):
                kite.place_order(**order())
