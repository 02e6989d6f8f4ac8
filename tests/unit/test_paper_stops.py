"""How far the limit of a stop may be from its trigger."""

import pytest

from paper.instruments import Instrument
from paper.kite_error import KiteError
from paper.stops import check_stop, largest_gap


def listed(kind: str) -> Instrument:
    exchange = "NSE" if kind == "EQ" else "NFO"
    return Instrument(1, "X", "X", exchange, exchange, 10_000, 5, kind=kind)


@pytest.mark.parametrize(
    ("kind", "trigger", "gap"),
    [
        ("EQ", 5_000, 150),
        ("EQ", 5_005, 150),
        ("EQ", 100_000, 3_000),
        ("FUT", 1_000, 150),
        ("CE", 5_000, 1_000),
        ("CE", 5_005, 1_001),
        ("PE", 10_000, 2_000),
    ],
)
@pytest.mark.parametrize(("side", "sign"), [("SELL", -1), ("BUY", 1)])
def test_a_stop_is_taken_up_to_its_widest_gap(
    kind: str, trigger: int, gap: int, side: str, sign: int
) -> None:
    share, last = listed(kind), trigger - sign * 100
    assert largest_gap(share, trigger) == gap
    check_stop(share, side, "SL", trigger + sign * gap, trigger, last)
    with pytest.raises(KiteError, match="over the exchange permissible range"):
        check_stop(share, side, "SL", trigger + sign * (gap + 1), trigger, last)


@pytest.mark.parametrize(("side", "price"), [("SELL", 10_005), ("BUY", 9_995)])
def test_the_limit_of_a_stop_is_on_the_far_side_of_its_trigger(side: str, price: int) -> None:
    last = 10_100 if side == "SELL" else 9_900
    with pytest.raises(KiteError, match="limit price"):
        check_stop(listed("EQ"), side, "SL", price, 10_000, last)
