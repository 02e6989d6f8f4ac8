"""What a user is shown of an order whose stop rests at the exchange."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from adapters.postgres.read_models import OrderRecord
from api.orders.schemas import OrderOut

NOW = datetime(2026, 11, 30, 4, tzinfo=UTC)


def change(price: str | None, **more: object) -> dict[str, Any]:
    sent = {"due_at": NOW.isoformat(), "sent_at": NOW.isoformat(), "confirmed_at": None}
    return {"price": price, "reason": "STOPLOSS"} | sent | more


def answer(*changes: dict[str, Any], stop: dict[str, Any] | None) -> OrderOut:
    record = OrderRecord(
        order_id=UUID(int=1),
        strategy_id=UUID(int=2),
        leg="exit",
        reason="STOPLOSS",
        attempt=1,
        side="SELL",
        quantity=10,
        filled_quantity=0,
        average_price=None,
        status="open",
        tag="QJ2V6NIYH4TXMB7EKZ3C",
        broker_order_id="2126028438140616731",
        due_at=NOW,
        sent_at=NOW,
        acknowledged_at=NOW,
        filled_at=None,
        message="",
        created_at=NOW,
        price=None,
        modifications=list(changes),
        stop=stop,
    )
    return OrderOut.model_validate(record, from_attributes=True)


@pytest.mark.parametrize("kind", ["SL", "SL-M"])
@pytest.mark.parametrize(
    ("changes", "order_type", "trigger"),
    [
        ((), None, "3500"),
        ((change("3550"),), None, "3550"),
        ((change("3550"), change(None)), "MARKET", None),
        ((change("3550"), change(None, refused=True)), None, "3550"),
        ((change(None, refused=True),), None, "3500"),
    ],
)
def test_a_stop_is_shown_as_it_was_last_asked_for(
    kind: str, changes: tuple[dict[str, Any], ...], order_type: str | None, trigger: str | None
) -> None:
    shown = answer(*changes, stop={"kind": kind, "trigger": "3500", "limit": None})
    assert shown.order_type == (order_type or kind)
    assert shown.trigger_price == (None if trigger is None else Decimal(trigger))
    assert shown.price is None


def test_a_change_that_the_broker_refused_is_shown_as_that() -> None:
    shown = answer(change("3550", refused=True), change("3560"), stop={"kind": "SL-M", "trigger": "3500"})
    assert [one.refused for one in shown.modifications] == [True, False]


def test_an_order_at_the_market_has_no_trigger() -> None:
    assert (answer(stop=None).order_type, answer(stop=None).trigger_price) == ("MARKET", None)
