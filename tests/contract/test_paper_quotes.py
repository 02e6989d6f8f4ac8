"""Kite's own client, unmodified, against the paper exchange: instruments, quotes, candles."""

import gzip
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_client import client
from tests.paper_process import PaperProcess

IST = timezone(timedelta(hours=5, minutes=30))
CANDLE_LIMITS = {"minute": 60, "5minute": 100, "15minute": 200, "60minute": 400, "day": 2000}


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def kite(paper: PaperProcess) -> KiteConnect:
    return client(paper, paper.account())


def test_instruments_are_listed_with_lots_and_ticks(kite: KiteConnect) -> None:
    rows = {(row["exchange"], row["tradingsymbol"]): row for row in kite.instruments()}
    for symbol in ("TCS", "INFY", "SBIN", "RELIANCE"):
        assert rows["NSE", symbol]["lot_size"] == rows["BSE", symbol]["lot_size"] == 1
    assert rows["NSE", "INFY"]["instrument_token"] == 408065
    assert rows["NSE", "NIFTY 50"]["segment"] == "INDICES"
    assert len(kite.instruments("NSE")) >= 50
    for row in rows.values():
        assert row["instrument_token"] // 256 == int(row["exchange_token"])
        assert (row["tick_size"] > 0) == (row["segment"] != "INDICES")


def test_instruments_are_zipped_for_who_takes_it_and_need_no_token(paper: PaperProcess) -> None:
    plain = urllib.request.urlopen(f"{paper.url}/instruments/NSE", timeout=5).read()  # noqa: S310
    request = urllib.request.Request(  # noqa: S310
        f"{paper.url}/instruments/NSE", headers={"Accept-Encoding": "gzip"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == "text/csv"
        assert gzip.decompress(answer.read()) == plain


def test_quotes_are_keyed_as_asked_and_leave_out_what_is_unknown(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    paper.price("TCS", 3550)
    quote = kite.quote("NSE:TCS", "NSE:NOSUCH")
    assert list(quote) == ["NSE:TCS"]
    tcs = quote["NSE:TCS"]
    assert tcs["last_price"] == 3550
    assert (tcs["lower_circuit_limit"], tcs["upper_circuit_limit"]) == (2840, 4260)
    assert tcs["depth"]["buy"][0]["price"] < 3550 < tcs["depth"]["sell"][0]["price"]
    assert isinstance(tcs["timestamp"], datetime)


def test_ltp_and_ohlc_take_lists(paper: PaperProcess) -> None:
    paper.price("INFY", 1500)
    one, other = client(paper, paper.account()), client(paper, paper.account())
    assert one.ltp(["NSE:INFY", "NSE:NIFTY 50"])["NSE:INFY"]["last_price"] == 1500
    assert other.ohlc(["NSE:INFY"])["NSE:INFY"]["ohlc"]["low"] <= 1500


def test_trigger_range_brackets_the_price(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.price("INFY", 1500)
    assert kite.trigger_range("BUY", "NSE:INFY")["NSE:INFY"]["upper"] == 1500
    assert kite.trigger_range("SELL", ["NSE:INFY"])["NSE:INFY"]["lower"] == 1500


@pytest.mark.parametrize(("interval", "days"), CANDLE_LIMITS.items())
def test_candles_hang_together_and_have_a_limit(paper: PaperProcess, interval: str, days: int) -> None:
    kite = client(paper, paper.account())
    now = datetime.now(IST)
    candles = kite.historical_data(408065, now - timedelta(days=3), now, interval, oi=True)
    assert candles
    for candle in candles:
        assert candle["low"] <= min(candle["open"], candle["close"])
        assert candle["high"] >= max(candle["open"], candle["close"])
        assert candle["oi"] == 0
    assert [c["date"] for c in candles] == sorted(c["date"] for c in candles)
    with pytest.raises(kite_errors.InputException, match=f"max limit: {days} days"):
        kite.historical_data(408065, now - timedelta(days=days + 1), now, interval)
