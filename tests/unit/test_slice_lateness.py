"""How late a leg was that went out as several orders, in the books."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.postgres.finished_rounds import what_was_traded
from adapters.postgres.tables import OrderRow
from domain.order import Leg

DUE = datetime(2026, 12, 2, 9, 30, tzinfo=UTC)


def sent(attempt: int, late_ms: int, filled: int) -> OrderRow:
    return OrderRow(
        leg=Leg.EXIT.value,
        side="SELL",
        attempt=attempt,
        due_at=DUE,
        sent_at=DUE + timedelta(milliseconds=late_ms),
        filled_quantity=filled,
        trading_day=DUE.date(),
    )


@pytest.mark.parametrize(
    ("orders", "lateness"),
    [
        ([sent(1, 4, 1800), sent(2, 260, 1800), sent(3, 410, 600)], 410),
        ([sent(1, 4, 10)], 4),
        ([sent(1, 4, 0), sent(2, 1500, 10)], 4),  # refused, and sent again: it was there in time
        ([sent(1, 4, 1800), sent(2, 300, 0), sent(3, 900, 600)], 900),
        ([sent(1, 7, 0)], 7),
        ([], None),
    ],
)
def test_a_leg_in_slices_is_as_late_as_its_last_one(orders: list[OrderRow], lateness: int | None) -> None:
    assert what_was_traded(orders)["exit_lateness_ms"] == lateness
