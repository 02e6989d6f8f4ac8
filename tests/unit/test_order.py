"""An order's life, and the tag that names it at the broker."""

import contextlib
import string
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import IllegalMove
from domain.order import FINAL, Leg, LegKey, OrderEvent, OrderStatus, next_status

KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.ENTRY)


def test_tag_is_what_kite_takes() -> None:
    tag = KEY.tag(1)
    assert len(tag) == 20
    assert set(tag) <= set(string.ascii_uppercase + string.digits)


def test_tag_is_the_same_on_every_machine() -> None:
    assert KEY.tag(1) == "JDIQR4YQF2JVRKODNTJQ"  # a running day of yesterday's build must be found by today's


@given(st.integers(1, 50), st.integers(1, 50), st.sampled_from(Leg), st.dates())
def test_tag_differs_for_each_attempt_round_leg_and_day(
    attempt: int, round_: int, leg: Leg, day: date
) -> None:
    key = replace(KEY, round=round_, leg=leg, trading_day=day)
    others = [
        replace(key, round=round_ + 1).tag(attempt),
        key.tag(attempt + 1),
        replace(key, leg=Leg.EXIT if leg is Leg.ENTRY else Leg.ENTRY).tag(attempt),
        replace(key, strategy_id=UUID(int=9)).tag(attempt),
    ]
    assert key.tag(attempt) not in others


def test_a_leg_knows_its_side() -> None:
    assert (Leg.ENTRY.side, Leg.EXIT.side) == ("BUY", "SELL")


@pytest.mark.parametrize("final", sorted(FINAL))
@pytest.mark.parametrize("event", list(OrderEvent))
def test_a_final_order_never_changes(final: OrderStatus, event: OrderEvent) -> None:
    with contextlib.suppress(IllegalMove):
        assert next_status(final, event) is final


def test_a_late_order_is_owned_after_we_gave_up_on_it() -> None:
    assert next_status(OrderStatus.ABSENT, OrderEvent.SEE_COMPLETE) is OrderStatus.COMPLETE
    assert next_status(OrderStatus.NOT_PLACED, OrderEvent.SEE_OPEN) is OrderStatus.OPEN


def test_a_person_may_vouch_that_an_absent_order_was_never_placed() -> None:
    assert next_status(OrderStatus.ABSENT, OrderEvent.PROVE_NOT_PLACED) is OrderStatus.NOT_PLACED


def test_a_planned_order_cannot_be_seen_at_the_broker() -> None:
    with pytest.raises(IllegalMove):
        next_status(OrderStatus.PLANNED, OrderEvent.SEE_OPEN)
