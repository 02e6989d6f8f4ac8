"""The price table tells the same of a whole frame as looking at every tick by itself would."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from hypothesis import given
from hypothesis import strategies as st

from adapters.kite.ticks import Tick, Ticks, places, price
from domain.market_data import HIGHEST
from domain.quote import believable
from domain.trigger import stop_at
from domain.watched_strategy import WatchedStrategy
from listener.price_table import PriceTable
from listener.trigger_index import TriggerIndex
from tests.fakes.watch_list import watched

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
NAMES = {"NSE:TCS": 2953217, "NSE:INFY": 408065, "CDS:USDINR": 259, "BCD:USDINR": 262, "NSE:NIFTY 50": 256265}
STRANGER = 777

limits = st.one_of(st.none(), st.decimals("0.001", "30000000", places=3))
pairs = st.tuples(limits, limits)
stops = st.decimals("0.01", "30000000", places=6)
raws = st.one_of(st.integers(1, HIGHEST), st.integers(1, 500), st.just(HIGHEST))
tokens = st.sampled_from([*NAMES.values(), STRANGER])
ticks = st.lists(st.tuples(tokens, raws, st.sampled_from([0, 1_790_000_000])), max_size=12)


@dataclass
class Plain:
    """Judges every tick by itself."""

    limits: dict[str, tuple[Decimal | None, Decimal | None]]
    stops: dict[str, Decimal]
    last: dict[str, Tick] = field(default_factory=dict)

    def take(self, ticks: Sequence[Tick]) -> tuple[set[str], dict[str, Decimal]]:
        doubtful, first = set(), dict[str, Decimal]()
        listed = {token: name for name, token in NAMES.items()}
        for tick in ticks:
            name = listed.get(tick.token)
            if name is None:
                continue
            known = self.limits.get(name)
            if known is None or not believable(tick.price, *known):
                doubtful.add(name)
                continue
            self.last[name] = tick
            stop = self.stops.get(name)
            if stop is not None and stop_at(stop).is_hit(tick.price):
                first.setdefault(name, tick.price)
        return doubtful, first


@given(
    st.dictionaries(st.sampled_from(list(NAMES)), pairs),
    st.dictionaries(st.sampled_from(list(NAMES)), stops),
    st.lists(ticks, min_size=1, max_size=4),
)
def test_table_agrees_with_looking_at_every_tick(
    known: dict[str, tuple[Decimal | None, Decimal | None]],
    waiting: dict[str, Decimal],
    frames: list[list[tuple[int, int, int]]],
) -> None:
    triggers, plain = TriggerIndex(), Plain(known, waiting)
    table = PriceTable(triggers, places)
    table.read_tokens(NAMES)
    for name, pair in known.items():
        table.set_limits(name, *pair)
    for number, rows in enumerate(frames):
        came = [Tick(token, price(token, raw), at) for token, raw, at in rows]
        seen_at = NOW + timedelta(seconds=number)
        for name, stop in waiting.items():  # what fired in the last frame is armed again
            triggers.arm(held(name, stop))
        anomalies = table.take(Ticks.of(came), seen_at)
        doubtful, first = plain.take(came)
        assert set(anomalies.doubtful) == doubtful
        assert {one.watched.instrument: one.price for one in anomalies.crossings} == first
        assert all(one.seen_at == seen_at for one in anomalies.crossings)
        for one in anomalies.crossings:
            triggers.disarm(one.watched.strategy_id)
    for name in NAMES:
        seen, tick = table.last(name), plain.last.get(name)
        assert (seen and (seen.price, seen.tick_at)) == (tick and (tick.price, tick.traded_at))
    assert set(table.changed()) == plain.last.keys()
    assert table.changed() == []


def held(name: str, stop: Decimal) -> WatchedStrategy:
    """Return the one strategy that holds the instrument."""
    exchange, symbol = name.split(":")
    return replace(watched(symbol, str(stop), exchange=exchange), strategy_id=uuid5(NAMESPACE_URL, name))


def open_table(triggers: TriggerIndex, *names: str) -> PriceTable:
    table = PriceTable(triggers, places)
    table.read_tokens({name: 256 * number + 1 for number, name in enumerate(names, start=1)})
    for name in names:
        table.set_limits(name, None, None)
    return table


def test_a_stop_that_was_hit_within_a_frame_that_recovered_is_told_and_the_newest_price_is_kept() -> None:
    triggers = TriggerIndex()
    table = open_table(triggers, "NSE:TCS")
    triggers.arm(held("NSE:TCS", Decimal(3500)))
    came = [Tick(257, Decimal(text)) for text in ("3600", "3490", "3480.05", "3510", "3610")]
    (crossing,) = table.take(Ticks.of(came), NOW).crossings
    assert (crossing.watched.instrument, crossing.price) == ("NSE:TCS", Decimal("3490"))
    last = table.last("NSE:TCS")
    assert last is not None
    assert last.price == 3610
    assert table.conflated == 4


def test_many_instruments_keep_apart_whatever_comes_and_goes() -> None:
    names = [f"NSE:S{number}" for number in range(500)]
    table = open_table(TriggerIndex(), *names)
    for name in names[::2]:
        table.forget(name)
    more = [f"BSE:S{number}" for number in range(300)]
    listed = {name: 256 * number + 1 for number, name in enumerate(names, start=1) if number % 2 == 0}
    listed |= {name: 256 * number + 4 for number, name in enumerate(more, start=1)}
    table.read_tokens(listed)
    for name in more:
        table.set_limits(name, None, None)
    came = [Tick(token, Decimal(number)) for number, token in enumerate(listed.values(), start=1)]
    assert table.take(Ticks.of(came), NOW).doubtful == []
    for number, name in enumerate(listed, start=1):
        seen = table.last(name)
        assert seen is not None
        assert seen.price == number
    assert table.last(names[0]) is None


def test_token_that_means_another_share_today_is_read_as_that_share() -> None:
    table = open_table(TriggerIndex(), "NSE:TCS", "NSE:INFY")
    table.read_tokens({"NSE:TCS": 513, "NSE:INFY": 257})
    table.take(Ticks.of([Tick(257, Decimal(1500))]), NOW)
    seen = table.last("NSE:INFY")
    assert seen is not None
    assert seen.price == 1500
    assert table.last("NSE:TCS") is None
