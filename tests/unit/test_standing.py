"""Where stop and target stand: worked examples, and what holds for every set of terms."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.standing import Fills, Standing, standing
from domain.terms import Distance, Rung, Target, Terms, Trail, Unit
from domain.trigger import stop_at, target_at

TICKS = ("0.01", "0.05", "0.1", "1", "5")


def d(words: str | None) -> Decimal | None:
    return None if words is None else Decimal(words)


def percent(words: str) -> Distance:
    return Distance(Decimal(words), Unit.PERCENT)


def points(words: str) -> Distance:
    return Distance(Decimal(words), Unit.POINTS)


def stood(
    terms: Terms, entry: str | None, peak: str | None, tick: str = "0.05", stop_loss: str | None = None
) -> Standing:
    return standing(d(stop_loss), terms, Fills(d(entry), d(peak), d(tick)))


@pytest.mark.parametrize(
    ("stop", "tick", "entry", "expected"),
    [
        (percent("1"), "0.05", "1000", "990"),
        (percent("1"), "0.05", "1001.37", "991.40"),  # 991.3563, up
        (percent("1"), "0.01", "1001.37", "991.36"),
        (percent("1"), "5", "1001.37", "995"),
        (percent("0.5"), "1", "333.33", "332"),
        (points("12.5"), "0.05", "1000.02", "987.55"),  # an odd average of partial fills
        (points("10"), "0.05", "1000", "990"),
        (percent("99"), "0.05", "100", "1"),
        (percent("1"), "0.05", None, None),  # the average comes late
    ],
)
def test_a_stop_from_the_fill_is_rounded_up(
    stop: Distance, tick: str, entry: str | None, expected: str | None
) -> None:
    assert stood(Terms(stop=stop), entry, None, tick).stop == d(expected)


def test_a_stop_from_the_fill_follows_the_average_both_ways() -> None:
    terms = Terms(stop=points("10"))
    averages = ("1000", "1002.50", "999")
    assert [stood(terms, entry, None).stop for entry in averages] == [Decimal(at) for at in (990, 992.5, 989)]


@pytest.mark.parametrize(
    ("target", "tick", "entry", "expected"),
    [
        (Target(price=Decimal("1050")), "0.05", None, "1050"),
        (Target(distance=percent("3")), "0.05", "1000", "1030"),
        (Target(distance=percent("3")), "0.05", "1001.37", "1031.40"),  # 1031.4111, down
        (Target(distance=percent("3")), "5", "1001.37", "1030"),
        (Target(distance=points("7.77")), "0.1", "100", "107.7"),
        (Target(distance=percent("3")), "0.05", None, None),
    ],
)
def test_a_target_is_rounded_down(target: Target, tick: str, entry: str | None, expected: str | None) -> None:
    assert stood(Terms(points("10"), target), entry, None, tick).target == d(expected)


@pytest.mark.parametrize(
    ("trail", "peak", "expected"),
    [
        (Trail(by=points("5")), None, "990"),  # no price since the fill
        (Trail(by=points("5")), "1000", "995"),
        (Trail(by=points("5")), "994", "990"),  # never below the first stop
        (Trail(by=percent("1")), "1020", "1010"),  # of the entry, not of the peak
        (Trail(by=points("5"), after=points("10")), "1009.95", "990"),
        (Trail(by=points("5"), after=points("10")), "1010", "1005"),
        (Trail(by=points("12"), after=percent("1")), "1010", "998"),
        (Trail(by=points("5"), every=points("10")), "1009.95", "990"),
        (Trail(by=points("5"), every=points("10")), "1010", "995"),
        (Trail(by=points("5"), every=points("10")), "1019.95", "995"),
        (Trail(by=points("5"), every=points("10")), "1030", "1005"),
        (Trail(by=points("5"), after=points("15"), every=points("10")), "1014", "990"),
        (Trail(by=points("5"), after=points("15"), every=points("10")), "1015", "995"),
        (Trail(by=points("30"), every=points("10")), "1010", "1010"),  # never above the peak
        (Trail(by=points("0.07")), "1000.05", "1000"),  # 999.98, up
    ],
)
def test_a_trailing_stop(trail: Trail, peak: str | None, expected: str) -> None:
    assert stood(Terms(stop=points("10"), trail=trail), "1000", peak).stop == Decimal(expected)


@pytest.mark.parametrize(
    ("peak", "expected"),
    [
        (None, "980"),
        ("1009.95", "980"),
        ("1010", "1000"),  # to cost
        ("1019.95", "1000"),
        ("1020", "1008"),
    ],
)
def test_a_lock_raises_the_stop_rung_by_rung(peak: str | None, expected: str) -> None:
    rungs = (Rung(points("10"), points("0")), Rung(percent("2"), points("8")))
    assert stood(Terms(lock=rungs), "1000", peak, stop_loss="980").stop == Decimal(expected)


def test_of_trail_and_lock_the_higher_stop_stands() -> None:
    terms = Terms(stop=points("10"), trail=Trail(by=points("8")), lock=(Rung(points("10"), points("6")),))
    peaks = ("1009", "1010", "1013", "1015")
    assert [stood(terms, "1000", peak).stop for peak in peaks] == [
        Decimal(at) for at in (1001, 1006, 1006, 1007)
    ]


def test_of_a_price_at_both_the_stop_comes_first() -> None:
    stands = Standing(Decimal(100), Decimal(100))
    assert stands.triggers == (stop_at(Decimal(100)), target_at(Decimal(100)))
    assert min(trigger for trigger in stands.triggers if trigger.is_hit(Decimal(100))) == stop_at(
        Decimal(100)
    )


def test_a_strategy_of_the_five_fields_has_its_stop_alone() -> None:
    assert stood(Terms(), "1000", "1200", stop_loss="987.60") == Standing(Decimal("987.60"), None)


amounts = st.decimals(min_value="0.05", max_value="200", places=2)
distances = st.one_of(
    amounts.map(lambda amount: Distance(amount, Unit.POINTS)),
    st.decimals(min_value="0.1", max_value="90", places=1).map(lambda amount: Distance(amount, Unit.PERCENT)),
)
trails = st.builds(Trail, distances, st.none() | distances, st.none() | distances)
moving = st.builds(
    Terms,
    stop=distances,
    target=st.none(),
    trail=st.none() | trails,
    lock=st.lists(st.builds(Rung, distances, distances), max_size=3).map(tuple),
)


@given(
    terms=moving,
    entry=st.decimals(min_value="50", max_value="5000", places=2),
    rises=st.lists(amounts, max_size=12),
    tick=st.sampled_from([Decimal(tick) for tick in TICKS]),
)
def test_a_stop_never_falls_nor_passes_the_peak_and_is_on_the_tick(
    terms: Terms, entry: Decimal, rises: list[Decimal], tick: Decimal
) -> None:
    peak = _on(entry, tick)
    peaks: list[Decimal] = [peak]
    for rise in rises:
        peak = _on(peak + rise, tick)
        peaks.append(peak)
    stops = [standing(None, terms, Fills(entry, at, tick)).stop for at in peaks]
    found = [stop for stop in stops if stop is not None]
    first = standing(None, terms, Fills(entry, None, tick)).stop
    assert first is not None
    assert all(before <= after for before, after in pairwise([first, *found]))
    assert all(stop <= max(at, first) for stop, at in zip(found, peaks, strict=True))
    assert all(stop % tick == 0 for stop in found)


def _on(price: Decimal, tick: Decimal) -> Decimal:
    return price // tick * tick
