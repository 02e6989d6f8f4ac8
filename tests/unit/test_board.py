"""The board tells the same of a whole frame as looking at every tick by itself would."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from adapters.kite.ticks import Tick, Ticks, places, price
from domain.market_data import HIGHEST
from domain.quote import believable
from domain.trigger import stop_at
from listener.price_table import PriceTable

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
NAMES = {"NSE:TCS": 2953217, "NSE:INFY": 408065, "CDS:USDINR": 259, "BCD:USDINR": 262, "NSE:NIFTY 50": 256265}
STRANGER = 777

limits = st.one_of(st.none(), st.decimals("0.001", "30000000", places=3))
ranges = st.tuples(limits, limits)
stops = st.one_of(st.none(), st.decimals("0.01", "30000000", places=6))
raws = st.one_of(st.integers(1, HIGHEST), st.integers(1, 500), st.just(HIGHEST))
tokens = st.sampled_from([*NAMES.values(), STRANGER])
ticks = st.lists(st.tuples(tokens, raws, st.sampled_from([0, 1_790_000_000])), max_size=12)


@dataclass
class Plain:
    """What a board should say, by asking about every tick."""

    ranges: dict[str, tuple[Decimal | None, Decimal | None]]
    stops: dict[str, Decimal | None]
    last: dict[str, Tick] = field(default_factory=dict)

    def take(self, ticks: Sequence[Tick]) -> tuple[set[str], dict[str, Decimal]]:
        doubtful, low = set(), dict[str, Decimal]()
        listed = {token: name for name, token in NAMES.items()}
        for tick in ticks:
            name = listed.get(tick.token)
            if name is None:
                continue
            known = self.ranges.get(name)
            if known is None or not believable(tick.price, *known):
                doubtful.add(name)
                continue
            self.last[name] = tick
            stop = self.stops.get(name)
            if stop is not None and stop_at(stop).is_hit(tick.price):
                low[name] = min(tick.price, low.get(name, tick.price))
        return doubtful, low


@given(
    st.dictionaries(st.sampled_from(list(NAMES)), ranges),
    st.dictionaries(st.sampled_from(list(NAMES)), stops),
    st.lists(ticks, min_size=1, max_size=4),
)
def test_board_agrees_with_looking_at_every_tick(
    known: dict[str, tuple[Decimal | None, Decimal | None]],
    waiting: dict[str, Decimal | None],
    frames: list[list[tuple[int, int, int]]],
) -> None:
    board, plain = PriceTable(places), Plain(known, waiting)
    board.tokens(NAMES)
    for name, pair in known.items():
        board.range(name, *pair)
    for name, stop in waiting.items():
        board.stop(name, stop)
    for number, rows in enumerate(frames):
        came = [Tick(token, price(token, raw), at) for token, raw, at in rows]
        seen_at = NOW + timedelta(seconds=number)
        restless = board.take(Ticks.of(came), seen_at)
        doubtful, low = plain.take(came)
        assert set(restless.doubtful) == doubtful
        assert {name: fed.price for name, fed in restless.low} == low
        assert all(fed.seen_at == seen_at for _, fed in restless.low)
    for name in NAMES:
        fed, tick = board.fed(name), plain.last.get(name)
        assert (fed and (fed.price, fed.at)) == (tick and (tick.price, tick.at))
    assert set(board.changed()) == plain.last.keys()
    assert board.changed() == []


def open_board(*names: str) -> PriceTable:
    board = PriceTable(places)
    board.tokens({name: 256 * number + 1 for number, name in enumerate(names, start=1)})
    for name in names:
        board.range(name, None, None)
    return board


def test_low_that_recovered_in_the_same_frame_is_told_and_the_newest_price_is_kept() -> None:
    board = open_board("NSE:TCS")
    board.stop("NSE:TCS", Decimal(3500))
    came = [Tick(257, Decimal(text)) for text in ("3600", "3490", "3480.05", "3495", "3610")]
    ((name, fed),) = board.take(Ticks.of(came), NOW).low
    assert (name, fed.price) == ("NSE:TCS", Decimal("3480.05"))
    last = board.fed("NSE:TCS")
    assert last is not None
    assert last.price == 3610
    assert board.conflated == 4


def test_many_instruments_keep_apart_whatever_comes_and_goes() -> None:
    names = [f"NSE:S{number}" for number in range(500)]
    board = open_board(*names)
    for name in names[::2]:
        board.forget(name)
    more = [f"BSE:S{number}" for number in range(300)]
    listed = {name: 256 * number + 1 for number, name in enumerate(names, start=1) if number % 2 == 0}
    listed |= {name: 256 * number + 4 for number, name in enumerate(more, start=1)}
    board.tokens(listed)
    for name in more:
        board.range(name, None, None)
    came = [Tick(token, Decimal(number)) for number, token in enumerate(listed.values(), start=1)]
    assert board.take(Ticks.of(came), NOW).doubtful == []
    for number, name in enumerate(listed, start=1):
        fed = board.fed(name)
        assert fed is not None
        assert fed.price == number
    assert board.fed(names[0]) is None


def test_token_that_means_another_share_today_is_read_as_that_share() -> None:
    board = open_board("NSE:TCS", "NSE:INFY")
    board.tokens({"NSE:TCS": 513, "NSE:INFY": 257})
    board.take(Ticks.of([Tick(257, Decimal(1500))]), NOW)
    fed = board.fed("NSE:INFY")
    assert fed is not None
    assert fed.price == 1500
    assert board.fed("NSE:TCS") is None
