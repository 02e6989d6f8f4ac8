"""Prices of the paper exchange: the walk, minute bars, the tick grid, circuit limits."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.calendar.exchange import ExchangeCalendar
from domain.instrument import Segment
from paper.bars import BarsUnreadable, read_bars
from paper.calendar import AlwaysOpen, Xnse
from paper.clock import Clock, day_of, parse_instant
from paper.derivatives import last_tuesday, listing, monthly_expiries
from paper.instruments import Instrument
from paper.market import Market, Script
from paper.money import on_tick, paise, rupees
from paper.protection import AUTOMATIC, band_percent, protected_price
from paper.sources import Replaying
from paper.walk import Walk

TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC).timestamp()
BARS = """datetime,symbol,open,high,low,close,volume
2026-03-02T09:15:00+05:30,TCS,3500,3520,3490,3510,1000
2026-03-02T09:16:00+05:30,TCS,3510,3515,3400,3405,1000
"""


class HandClock:
    """Wall time that a test moves."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def market(wall: HandClock, seed: int = 7) -> Market:
    return Market(listing(TODAY), Clock(wall), AlwaysOpen(), seed=seed, origin=NOON)


def share(of: Market, symbol: str = "TCS") -> Instrument:
    found = of.listing.find("NSE", symbol)
    assert found is not None
    return found


@given(st.integers(0, 2**32), st.integers(-100_000, 10_000_000), st.sampled_from([1, 5, 10, 50]))
def test_walk_stays_on_the_grid_and_near_its_start(seed: int, step: int, tick: int) -> None:
    price = Walk(seed, "TCS", 350_000, tick).price(step)
    assert price % tick == 0
    assert 330_000 <= price <= 370_000


def test_walk_is_the_same_for_a_seed_whatever_was_asked_before() -> None:
    one, other = Walk(7, "TCS", 350_000, 10), Walk(7, "TCS", 350_000, 10)
    forwards = [one.price(step) for step in range(200)]
    backwards = [other.price(step) for step in reversed(range(200))]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) > 20
    assert forwards != [Walk(8, "TCS", 350_000, 10).price(step) for step in range(200)]


def test_walk_starts_at_the_listing_price() -> None:
    assert Walk(99, "TCS", 350_000, 10).price(0) == 350_000


def test_share_walks_alike_on_both_exchanges() -> None:
    wall = HandClock()
    both = market(wall)
    bse = both.listing.find("BSE", "TCS")
    assert bse is not None
    wall.now += 500
    assert both.tape(bse).last == pytest.approx(both.tape(share(both)).last, abs=10)


def test_nobody_asks_and_nothing_moves() -> None:
    wall = HandClock()
    quiet = market(wall)
    heard: list[int] = []
    quiet.on_print.append(lambda tape: heard.append(tape.last))
    tape = quiet.tape(share(quiet))
    wall.now += 3600
    quiet.move_watched()
    assert heard == []
    tape.watchers = 1
    quiet.move_watched()
    assert heard == [tape.last]


def test_fixed_price_ends_the_walk_and_moves_the_limits() -> None:
    wall = HandClock()
    fixed = market(wall)
    tape = fixed.fix(share(fixed), 400_000)
    assert (tape.lower, tape.upper) == (320_000, 480_000)
    wall.now += 3600
    assert fixed.tape(share(fixed)).last == 400_000


async def test_script_takes_what_is_due_at_once() -> None:
    wall = HandClock()
    scripted = market(wall)
    tape = scripted.script(share(scripted), Script(((NOON - 2, 340_000), (NOON - 1, 341_000))))
    assert (tape.last, tape.lower) == (341_000, 272_800)


def test_day_begins_with_yesterdays_last_as_close() -> None:
    wall = HandClock()
    days = market(wall)
    days.fix(share(days), 400_000)
    days.fix(share(days), 390_000)
    wall.now += 86_400
    tape = days.tape(share(days))
    assert (tape.close, tape.open, tape.high, tape.low) == (390_000, 390_000, 390_000, 390_000)


def test_bars_go_open_then_the_nearer_extreme_then_the_other_then_close(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(BARS)
    series = read_bars(file)["TCS"]
    start = parse_instant("2026-03-02T09:15:00+05:30")
    assert [series.price(start + at) for at in (0, 20, 40, 59)] == [350_000, 349_000, 352_000, 351_000]
    assert [series.price(start + 60 + at) for at in (20, 40, 59)] == [351_500, 340_000, 340_500]
    assert series.price(start - 3600) == 350_000
    assert series.price(start + 9000) == 340_500


def test_fast_replay_misses_no_extreme(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(BARS)
    now = HandClock(parse_instant("2026-03-02T09:15:00"))
    replay = Replaying(read_bars(file)["TCS"], 10, now)
    now.now += 120
    assert replay.passed() == [349_000, 352_000, 351_000, 351_000, 351_500, 340_000, 340_500, 340_500]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("datetime,symbol,open,high,low,close,volume\n", "holds no bars"),
        ("a,b\n1,2\n", "Line 2"),
        ("datetime,symbol,open,high,low,close,volume\n2026-03-02T09:15:00,TCS,0,1,1,1,1\n", "Line 2"),
    ],
)
def test_bars_that_are_none_are_refused_with_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(text)
    with pytest.raises(BarsUnreadable, match=said):
        read_bars(file)


@pytest.mark.parametrize(
    ("value", "tick", "price"),
    [
        ("3500.1", 10, 350_010),
        (3500.1000000009, 10, 350_010),
        ("3500.0999991", 10, 350_010),
        ("3500.100002", 10, None),
        ("3500.05", 10, None),
        ("880.05", 5, 88_005),
        ("nan", 5, None),
        ("inf", 5, None),
        ("1e99", 5, None),
        ("", 5, None),
        ("three", 5, None),
    ],
)
def test_price_within_a_millionth_of_a_tick_is_on_it(value: object, tick: int, price: int | None) -> None:
    assert on_tick(value, tick) == price


@given(st.integers(1, 10**9))
def test_paise_and_rupees_are_each_others_inverse(value: int) -> None:
    assert paise(rupees(value)) == value


@pytest.mark.parametrize(
    ("kind", "last", "percent"),
    [("EQ", 9_999, 2), ("EQ", 10_000, 1), ("EQ", 50_000, 0.5), ("CE", 999, 5), ("CE", 60_000, 1)],
)
def test_automatic_band_is_kites(kind: str, last: int, percent: float) -> None:
    exchange = "NSE" if kind == "EQ" else "NFO"
    instrument = Instrument(1, "X", "X", exchange, exchange, last, 5, kind=kind)
    assert band_percent(instrument, last, AUTOMATIC) == percent
    assert band_percent(instrument, last, 7) == 7


@given(st.integers(100, 10**7), st.sampled_from([1, 5, 10, 50]), st.floats(0.01, 100))
def test_protected_price_is_on_the_grid_and_leaves_room(last: int, tick: int, percent: float) -> None:
    last = max(tick * 3, last // tick * tick)
    assert protected_price("BUY", last, tick, percent) % tick == 0
    assert protected_price("BUY", last, tick, percent) > last
    assert 0 < protected_price("SELL", last, tick, percent) < last


def test_expiries_are_last_tuesdays_from_today_on() -> None:
    assert last_tuesday(2026, 11) == date(2026, 11, 24)
    assert monthly_expiries(date(2026, 11, 25))[0] == date(2026, 12, 29)
    assert monthly_expiries(date(2026, 12, 30))[0] == date(2027, 1, 26)


def test_every_token_is_listed_once() -> None:
    book = listing(TODAY)
    assert len({instrument.token for instrument in book}) == len(book)
    assert all(instrument.token < 2**32 and instrument.base > 0 for instrument in book)
    assert all(instrument.base % instrument.tick == 0 for instrument in book)


@pytest.mark.parametrize(
    ("moment", "share_open", "future_open", "plain_open"),
    [
        ("2026-11-23T09:14:59", False, False, False),
        ("2026-11-23T09:15:00", True, True, True),
        ("2026-11-23T15:14:59", True, True, True),
        ("2026-11-23T15:15:00", False, True, True),
        ("2026-11-23T15:30:00", False, True, False),
        ("2026-11-23T15:40:00", False, False, False),
        ("2026-11-22T11:00:00", False, False, False),
        ("2026-01-26T11:00:00", False, False, False),
        ("2027-01-04T15:15:00", False, True, True),
        ("2027-01-26T11:00:00", False, False, False),
        ("2027-03-10T11:00:00", False, False, False),
        ("2035-01-26T11:00:00", False, False, False),
    ],
)
def test_hours_differ_by_segment(moment: str, share_open: bool, future_open: bool, plain_open: bool) -> None:
    book, calendar, now = listing(TODAY), Xnse(), parse_instant(moment)
    future = next(i for i in book if i.kind == "FUT")
    for instrument, is_open in (
        (book.find("NSE", "TCS"), share_open),
        (future, future_open),
        (book.find("NSE", "NIFTYBEES"), plain_open),
    ):
        assert instrument is not None
        assert calendar.is_open(now, instrument) is is_open


def test_next_open_skips_the_weekend() -> None:
    calendar = Xnse()
    assert calendar.next_open(parse_instant("2026-11-20T16:00:00")) == parse_instant("2026-11-23T09:15:00")


def test_trading_days_are_those_of_the_product() -> None:
    """Each computes them by itself."""
    ours, papers = ExchangeCalendar(), Xnse()
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(4 * 365)]
    differ = [day for day in days if papers.is_session(day) != (ours.session(day, Segment.CASH) is not None)]
    assert differ == []


def test_clock_runs_at_its_speed_from_where_it_was_set() -> None:
    wall = HandClock()
    clock = Clock(wall)
    assert clock.now() == NOON
    clock.move(now=1000.0, speed=60)
    wall.now += 10
    assert clock.now() == 1600
    clock.move(speed=0)
    wall.now += 10
    assert clock.now() == 1600


def test_day_turns_at_midnight_in_india() -> None:
    before = datetime(2026, 11, 23, 18, 29, 59, tzinfo=UTC).timestamp()
    assert (day_of(before), day_of(before + 1)) == ("2026-11-23", "2026-11-24")
