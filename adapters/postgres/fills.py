"""Applies a fill: to the order's row, the strategy's position and averages, the exit's first intent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from adapters.postgres.order_rows import attempt_of, planned, terms_of
from adapters.postgres.tables import OrderRow, StrategyRow
from adapters.postgres.unit_of_work import UnitOfWork
from domain.leg import filled, filled_value
from domain.order import FINAL, Attempt, BrokerOrder, Leg
from domain.sellable import claims_from
from domain.strategy import Position, Status
from domain.timeline import EventKind, filled_text, unseen_words

UNSEEN_FOR = timedelta(seconds=5)
"""A fill that is seen so long after its time was not watched: its own time is what counts then."""


def write_fill(unit: UnitOfWork, row: OrderRow, seen: BrokerOrder) -> None:
    """Apply the broker's fill where it exceeds the stored one; a smaller or older row changes nothing."""
    before = attempt_of(row)
    if seen.filled_quantity < before.filled_quantity or not seen.filled_quantity:
        return
    grown = seen.filled_quantity > before.filled_quantity
    if not grown and (before.average_price is not None or seen.average_price is None):
        return
    earlier = [attempt_of(attempt) for attempt in unit.leg(before.key)]
    row.filled_quantity = seen.filled_quantity
    row.average_price = seen.average_price
    if grown:
        row.filled_at = _filled_at(unit, row, seen)
    later = [attempt_of(attempt) for attempt in unit.leg(before.key)]
    if (unit.strategy.trading_day, unit.strategy.round) == (row.trading_day, row.round):
        if before.key.leg is Leg.ENTRY and not filled(earlier):
            _forget_the_round_before(unit.strategy)
        if before.key.leg is Leg.ENTRY and not unit.strategy.bought_quantity:
            unit.strategy.bought_at = unit.now
            unit.strategy.claims_from = claims_from(row.sent_at, row.acknowledged_at or unit.now)
        _move_position(unit.strategy, before.key.leg, earlier, later)
    if _may_have_ended(unit.strategy, row):
        unit.filled_late.add((row.trading_day, row.round))
    if before.key.leg is Leg.ENTRY:
        _plan_exit(unit, row)
    if grown:
        _say(unit, row)


def _filled_at(unit: UnitOfWork, row: OrderRow, seen: BrokerOrder) -> datetime:
    """Return when it was filled: as it is seen; of a stop that sold in an outage, when the exchange says."""
    at = seen.updated_at
    late = at is not None and unit.now - at > UNSEEN_FOR
    return at if at is not None and late and row.stop is not None and seen.status in FINAL else unit.now


def _may_have_ended(strategy: StrategyRow, row: OrderRow) -> bool:
    newest = (strategy.trading_day, strategy.round) == (row.trading_day, row.round)
    return not newest or strategy.status == Status.STOPPED


def _forget_the_round_before(strategy: StrategyRow) -> None:
    """Count this round's shares alone: those of an earlier one of its START are sold."""
    if strategy.bought_quantity == strategy.sold_quantity > 0:
        strategy.bought_quantity = strategy.sold_quantity = strategy.outside_quantity = 0
        strategy.entry_price = strategy.exit_price = None
        strategy.bought_at = strategy.claims_from = strategy.baseline = None


def position_of(bought: int, sold: int) -> Position:
    """Return the position for these quantities: bought from the first share until all are sold."""
    if not bought:
        return Position.NONE
    return Position.BOUGHT if sold < bought else Position.SOLD


def _move_position(
    strategy: StrategyRow, leg: Leg, earlier: Sequence[Attempt], later: Sequence[Attempt]
) -> None:
    grown = filled(later) - filled(earlier)
    if leg is Leg.ENTRY:
        strategy.entry_price = _average(strategy.bought_quantity, strategy.entry_price, earlier, later)
        strategy.bought_quantity += grown
    else:
        strategy.exit_price = _average(strategy.sold_quantity, strategy.exit_price, earlier, later)
        strategy.sold_quantity += grown
    strategy.position = position_of(strategy.bought_quantity, strategy.sold_quantity).value


def _average(
    quantity: int, price: Decimal | None, earlier: Sequence[Attempt], later: Sequence[Attempt]
) -> Decimal | None:
    """Return the average of this leg and of earlier rounds, None while a price is unknown."""
    if any(attempt.filled_quantity and attempt.average_price is None for attempt in later):
        return None
    value, shares = filled_value(later), filled(later)
    other_rounds = quantity - filled(earlier)
    if other_rounds > 0:
        if price is None:
            return None
        value += price * quantity - filled_value(earlier)
        shares += other_rounds
    return value / shares if shares else None


def _plan_exit(unit: UnitOfWork, entry: OrderRow) -> None:
    key = replace(attempt_of(entry).key, leg=Leg.EXIT)
    if not unit.leg(key):
        unit.add_order(planned(key, terms_of(entry), 1, None, unit.now))


def _say(unit: UnitOfWork, row: OrderRow) -> None:
    attempt = attempt_of(row)
    kind = EventKind.BOUGHT if attempt.key.leg is Leg.ENTRY else EventKind.SOLD
    unseen = row.filled_at if row.filled_at is not None and row.filled_at < unit.now else None
    unit.say(
        kind,
        filled_text(attempt, terms_of(row)) + ("" if unseen is None else unseen_words(unseen)),
        f"filled:{row.order_id}:{row.filled_quantity}",
        {
            "order_id": str(row.order_id),
            "leg": row.leg,
            "filled_quantity": str(row.filled_quantity),
            "price": str(row.average_price) if row.average_price is not None else "",
            "reason": row.reason or "",
        },
    )
