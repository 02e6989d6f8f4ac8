"""Which sale leaves ahead of its run for which event: the price is judged by what the store holds."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.hit_stop import HitStop
from domain.order import Attempt, Leg, OrderStatus, Reason
from domain.run import ExitOrder
from domain.scheduled_order import StopSale
from domain.standing import Fills
from domain.terms import Distance, Target, Terms, Unit
from domain.trigger import TriggerKind
from tests.unit.test_executor import INTENT, KEY, NOW

EXIT = replace(KEY, leg=Leg.EXIT)
TERMS = Terms(target=Target(distance=Distance(Decimal(10), Unit.PERCENT)))
SALE = StopSale(
    ExitOrder(EXIT, INTENT.terms, 10, Reason.STOPLOSS, NOW),
    Attempt(UUID(int=9), EXIT, 1, EXIT.tag(1), OrderStatus.PLANNED),
    Decimal(95),
    TERMS,
    Fills(Decimal(100), None, Decimal("0.05")),
)


@pytest.mark.parametrize(
    ("kind", "price", "reason"),
    [
        (TriggerKind.STOP, "95", Reason.STOPLOSS),
        (TriggerKind.STOP, "95.05", None),
        (TriggerKind.STOP, "110", None),  # at the target, but that is not what it says
        (TriggerKind.TARGET, "110", Reason.TARGET),
        (TriggerKind.TARGET, "109.95", None),
        (TriggerKind.TARGET, "95", None),
    ],
)
def test_an_event_sells_for_the_trigger_that_it_names_and_no_other(
    kind: TriggerKind, price: str, reason: Reason | None
) -> None:
    sale = SALE.sale_at(HitStop(EXIT.strategy_id, Decimal(price), NOW, kind))
    order = None if sale is None else sale.order
    assert (order.reason if isinstance(order, ExitOrder) else None) == reason


def test_a_target_that_is_not_known_yet_sells_nothing() -> None:
    unknown = replace(SALE, fills=Fills())
    assert unknown.sale_at(HitStop(EXIT.strategy_id, Decimal(200), NOW, TriggerKind.TARGET)) is None
    assert unknown.sale_at(HitStop(EXIT.strategy_id, Decimal(95), NOW)) is not None


@pytest.mark.parametrize(("round_", "sells"), [(1, True), (2, False)])
def test_an_event_of_an_earlier_round_sells_nothing_of_the_next(round_: int, sells: bool) -> None:
    key = replace(EXIT, round=round_)
    bought = replace(SALE, attempt=replace(SALE.attempt, key=key), bought_at=NOW + timedelta(seconds=1))
    assert (bought.sale_at(HitStop(key.strategy_id, Decimal(95), NOW)) is not None) is sells
    later = HitStop(key.strategy_id, Decimal(95), NOW + timedelta(seconds=2))
    assert bought.sale_at(later) is not None
