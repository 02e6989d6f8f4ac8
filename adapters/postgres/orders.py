"""Stores the order log in Postgres: intents, claims, answers, and what the order book showed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from adapters.postgres.claims import Claim, Claims
from adapters.postgres.engine import Store
from adapters.postgres.fills import write_fill
from adapters.postgres.legs import Legs
from adapters.postgres.modifications import Modifications, shown
from adapters.postgres.order_rows import attempt_of, planned, terms_of
from adapters.postgres.other_claims import OtherClaimsReader
from adapters.postgres.resting_stops import stop_over, stop_shown
from adapters.postgres.sale_lines import say_why
from adapters.postgres.tables import OrderRow
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from domain import timeline
from domain.order import (
    Attempt,
    BrokerOrder,
    Leg,
    LegKey,
    Limit,
    OrderEvent,
    OrderStatus,
    OrderTerms,
    Reason,
    next_status,
)
from domain.outcome import Accepted, Cause, Denied, PlaceOutcome, Rejected, Unknown
from domain.ports import Claimed, NotClaimed
from domain.refusal import Refusal
from domain.run import SaleLine
from domain.sellable import OtherClaims
from domain.stop_prices import StopPrices
from domain.strategy import Outcome, Status
from domain.timeline import EventKind


class PostgresOrderLog:
    """Implements `domain.ports.OrderLog`. One per process: concurrent calls share transactions."""

    def __init__(self, store: Store) -> None:
        self._legs = Legs(store)
        self._writer = StrategyWriter(store)
        self._claims = Claims(store)
        self._other_claims = OtherClaimsReader(store)
        self._modifications = Modifications(store)

    async def leg(self, key: LegKey) -> Sequence[Attempt]:
        """Return the leg's attempts, oldest first."""
        return await self._legs.read(key)

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None) -> Attempt:
        """Write the intent unless it exists; return the row that is there now."""
        return await self._write(key, lambda unit: _plan(unit, key, terms, attempt, due_at))

    async def supersede(
        self, attempt: Attempt, terms: OrderTerms, *, absent: bool, message: str, due_at: datetime
    ) -> Attempt:
        """Plan attempt n+1, closing n where it is still sent with no answer; n where it has moved on."""

        def apply(unit: UnitOfWork) -> Attempt:
            row = unit.order(attempt.order_id)
            if row.status == OrderStatus.SENT:
                (_mark_absent if absent else _mark_not_placed)(unit, row, message)
            elif not _has(unit, attempt.key, attempt.attempt + 1) and not _may_follow(attempt, row):
                return attempt_of(row)
            return _plan(unit, attempt.key, terms, attempt.attempt + 1, due_at)

        return await self._write(attempt.key, apply)

    async def claim(
        self,
        attempt: Attempt,
        quantity: int,
        reason: Reason,
        due_at: datetime,
        latest: datetime | None,
        price: Decimal | None = None,
        limit: Limit | None = None,
        stop: StopPrices | None = None,
    ) -> Claimed | NotClaimed:
        """Take the right to send, once; it is committed when this returns."""
        return await self._claims.take(Claim(attempt, quantity, reason, due_at, latest, price, limit, stop))

    async def move(self, attempt: Attempt, price: Decimal) -> bool:
        """Take the right to ask for a new price, once; it is committed when this returns."""
        return await self._modifications.claim(attempt, price)

    async def answer(self, attempt: Attempt, outcome: PlaceOutcome, why: SaleLine | None = None) -> Attempt:
        """Write the outcome of sending. The order book outranks it where it was read first."""

        def apply(unit: UnitOfWork, row: OrderRow) -> None:
            say_why(unit, row, why)
            _answer(unit, row, outcome)

        return await self._change(attempt, apply)

    async def deny(self, attempt: Attempt, message: str, verdict: Outcome | None = None) -> Attempt:
        """Mark an intent that was never sent as not placed; a sent one is left unchanged."""

        def apply(unit: UnitOfWork, row: OrderRow) -> None:
            if row.status in (OrderStatus.PLANNED, OrderStatus.NOT_PLACED) and row.verdict is None:
                row.verdict = verdict.value if verdict else None
            if row.status == OrderStatus.PLANNED:
                _mark_not_placed(unit, row, message)

        return await self._change(attempt, apply)

    async def close(self, key: LegKey, message: str, verdict: Outcome) -> Sequence[Attempt]:
        """Have no attempt follow the leg's newest one; deny it where it was never sent."""

        def apply(unit: UnitOfWork) -> Sequence[Attempt]:
            for row in unit.leg(key)[-1:]:
                row.verdict = row.verdict or verdict.value
                if row.status == OrderStatus.PLANNED:
                    _mark_not_placed(unit, row, message)
            return [attempt_of(row) for row in unit.leg(key)]

        return await self._writer.write(Write(key.strategy_id, key.user_id, apply, day=key.trading_day))

    async def give_up(self, attempt: Attempt, message: str) -> Attempt:
        """Mark a sent attempt absent; one that turned up is left unchanged."""

        def apply(unit: UnitOfWork, row: OrderRow) -> None:
            if row.status == OrderStatus.SENT:
                _mark_absent(unit, row, message)

        return await self._change(attempt, apply)

    async def saw(self, attempt: Attempt, row: BrokerOrder) -> Attempt:
        """Write what the order book shows: status, fills, position, the exit's intent, the timeline."""
        return await self._change(attempt, lambda unit, ours: _saw(unit, ours, row))

    async def looked_up(self, attempt: Attempt, message: str) -> None:
        """Record a look-up that found nothing; an attempt that was refused by then keeps its words."""

        def apply(unit: UnitOfWork, row: OrderRow) -> None:
            if row.status in (OrderStatus.REJECTED, OrderStatus.NOT_PLACED):
                return
            row.look_ups += 1
            row.looked_up_at = unit.now
            row.message = message

        await self._change(attempt, apply)

    async def other_claims(self, key: LegKey) -> OtherClaims:
        """Return what the user's other strategies hold of the same shares in the same product."""
        return await self._other_claims.read(key)

    async def say(self, key: LegKey, kind: str, text: str, once: str) -> bool:
        """Add a line to the timeline unless its `once` exists; tell whether it is new."""

        def apply(unit: UnitOfWork) -> bool:
            unit.say(kind, text, once)
            return once not in unit.written

        line = Write(key.strategy_id, key.user_id, apply, day=key.trading_day, once=once)
        return await self._writer.write(line)

    async def held_up(self, key: LegKey, kind: str, text: str, once: str) -> bool:
        """Write what keeps the sale from being sent; tell whether its line is a new one."""

        def apply(unit: UnitOfWork) -> bool:
            if unit.strategy.status == Status.RUNNING:
                unit.strategy.obstacle = text
            unit.say(kind, text, once)
            return once not in unit.written

        line = Write(key.strategy_id, key.user_id, apply, day=key.trading_day, once=once)
        return await self._writer.write(line)

    async def _change(self, attempt: Attempt, apply: Callable[[UnitOfWork, OrderRow], None]) -> Attempt:
        def applied(unit: UnitOfWork) -> Attempt:
            row = unit.order(attempt.order_id)
            apply(unit, row)
            return attempt_of(row)

        return await self._write(attempt.key, applied)

    async def _write(self, key: LegKey, apply: Callable[[UnitOfWork], Attempt]) -> Attempt:
        return await self._writer.write(Write(key.strategy_id, key.user_id, apply, day=key.trading_day))


def _has(unit: UnitOfWork, key: LegKey, attempt: int) -> bool:
    return any(row.attempt == attempt for row in unit.leg(key))


def _plan(unit: UnitOfWork, key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None) -> Attempt:
    for row in unit.leg(key):
        if row.attempt == attempt:
            return attempt_of(row)
    row = planned(key, terms, attempt, due_at, unit.now)
    row.exit_aim = next((one.exit_aim for one in unit.leg(key) if one.exit_aim), None)
    if unit.strategy.status == Status.STOPPED and not _is_unheard_of(unit, key):
        # This caller was paused while the run ended: nothing of it is sent any more.
        row.status, row.message = OrderStatus.NOT_PLACED.value, "the strategy has stopped"
        row.verdict = Outcome.STOPPED.value
    unit.add_order(row)
    return attempt_of(row)


def _is_unheard_of(unit: UnitOfWork, key: LegKey) -> bool:
    """Tell whether the leg is of a later round than the store knows: it was set back to a backup.

    The shares are there all the same, and are sold. A purchase is refused by its claim.
    """
    day, round_ = unit.strategy.trading_day, unit.strategy.round
    return day is None or (key.trading_day, key.round) > (day, round_)


def _may_follow(known: Attempt, row: OrderRow) -> bool:
    """Tell whether the next attempt may be planned: the rows are still those the caller decided on."""
    now = attempt_of(row)
    return now.over and _told(now) == _told(known)


def _told(attempt: Attempt) -> tuple[OrderStatus, int, Outcome | None]:
    return attempt.status, attempt.filled_quantity, attempt.verdict


def _move(row: OrderRow, event: OrderEvent) -> bool:
    """Move the status by the table; tell whether it changed."""
    before = OrderStatus(row.status)
    row.status = next_status(before, event).value
    return row.status != before


def _mark_not_placed(unit: UnitOfWork, row: OrderRow, message: str) -> None:
    _move(row, OrderEvent.PROVE_NOT_PLACED)
    row.message = message
    _say(
        unit,
        row,
        EventKind.ORDER_NOT_PLACED,
        timeline.not_placed_text(attempt_of(row), terms_of(row), message),
    )


def _mark_absent(unit: UnitOfWork, row: OrderRow, message: str) -> None:
    _move(row, OrderEvent.GIVE_UP_LOOKING)
    row.message = message
    _say(unit, row, EventKind.ORDER_ABSENT, timeline.absent_text(attempt_of(row), terms_of(row), message))


def _answer(unit: UnitOfWork, row: OrderRow, outcome: PlaceOutcome) -> None:
    if isinstance(outcome, Accepted):
        _accepted(unit, row, outcome.broker_order_id)
    elif row.status != OrderStatus.SENT:
        return  # the order book was read first, or this answer is written already
    elif isinstance(outcome, Rejected) and outcome.cause is Cause.FINAL:
        _move(row, OrderEvent.SEE_REJECTED)
        row.message, row.refusal = outcome.message, outcome.kind.value
        row.acknowledged_at = unit.now
        _say_rejected(unit, row)
    elif isinstance(outcome, Rejected | Denied):
        row.refusal = outcome.kind.value if isinstance(outcome, Rejected) else None
        _mark_not_placed(unit, row, outcome.message)
    elif isinstance(outcome, Unknown):
        row.message = outcome.message
        text = timeline.unknown_text(attempt_of(row), terms_of(row), outcome.message)
        _say(unit, row, EventKind.ORDER_UNKNOWN, text)


def _accepted(unit: UnitOfWork, row: OrderRow, broker_order_id: str) -> None:
    _move(row, OrderEvent.SEE_OPEN)
    if _own(unit, row, broker_order_id):
        row.message = ""
        _unhindered(unit, row)
        text = timeline.accepted_text(attempt_of(row), terms_of(row))
        _say(unit, row, EventKind.ORDER_ACCEPTED, text)


def _unhindered(unit: UnitOfWork, row: OrderRow) -> None:
    if row.leg == Leg.EXIT:
        unit.strategy.obstacle = None


def _own(unit: UnitOfWork, row: OrderRow, broker_order_id: str) -> bool:
    """Keep the broker's first number for this attempt; tell whether it is new.

    A second one goes to the timeline. A row of the order book whose number cannot be read has none.
    """
    if not broker_order_id:
        return False
    if row.broker_order_id is None:
        row.broker_order_id = broker_order_id
        row.acknowledged_at = unit.now
        return True
    if row.broker_order_id != broker_order_id:
        text = timeline.twice_text(attempt_of(row), terms_of(row), broker_order_id)
        _say(unit, row, EventKind.ORDER_TWICE, text, broker_order_id)
    return False


def _saw(unit: UnitOfWork, row: OrderRow, seen: BrokerOrder) -> None:
    if row.broker_order_id and seen.broker_order_id not in ("", row.broker_order_id):
        _own(unit, row, seen.broker_order_id)
        return  # another order under our tag: its fills are not this attempt's
    claimed = row.status != OrderStatus.PLANNED
    if not claimed:
        # Sent while Postgres was away, so without a claim: the row is filled in now, and never sent again.
        _move(row, OrderEvent.CLAIM)
    moved = _move(row, seen.event)
    if row.quantity is None:
        row.quantity = seen.quantity
    say_why(unit, row, filled=bool(seen.filled_quantity))
    if _own(unit, row, seen.broker_order_id) and claimed:
        _say(unit, row, EventKind.ORDER_FOUND, timeline.found_text(attempt_of(row), terms_of(row)))
    if shown(row, seen, unit.now):
        text = timeline.changed_text(attempt_of(row), terms_of(row))
        _say(unit, row, EventKind.ORDER_CHANGED, text, str(row.price))
    stop_shown(row, seen, unit.now)
    stop_over(unit, row, seen)
    was_unpriced = bool(row.filled_quantity) and row.average_price is None
    write_fill(unit, row, seen)
    if moved:
        row.message = seen.message
        if row.status == OrderStatus.REJECTED:
            row.refusal = (seen.refusal or Refusal.UNKNOWN).value
        _say_end(unit, row)
    elif was_unpriced and row.average_price is not None:
        row.message = seen.message
        _say_price(unit, row)


def _say_end(unit: UnitOfWork, row: OrderRow) -> None:
    if row.status == OrderStatus.REJECTED:
        _say_rejected(unit, row)
    elif row.status == OrderStatus.CANCELLED:
        text = timeline.cancelled_text(attempt_of(row), terms_of(row), row.message)
        _say(unit, row, EventKind.ORDER_CANCELLED, text)


def _say_price(unit: UnitOfWork, row: OrderRow) -> None:
    text = timeline.priced_text(attempt_of(row), terms_of(row))
    data = {"price": str(row.average_price), "filled_quantity": str(row.filled_quantity)}
    _say(unit, row, EventKind.PRICED, text, str(row.filled_quantity), data)


def _say_rejected(unit: UnitOfWork, row: OrderRow) -> None:
    text = timeline.rejected_text(attempt_of(row), terms_of(row), row.message)
    _say(unit, row, EventKind.ORDER_REJECTED, text)


def _say(
    unit: UnitOfWork,
    row: OrderRow,
    kind: EventKind,
    text: str,
    once: str = "",
    more: Mapping[str, str] = MappingProxyType({}),
) -> None:
    data = {
        "order_id": str(row.order_id),
        "leg": row.leg,
        "attempt": str(row.attempt),
        "tag": row.tag,
        **more,
    }
    if row.broker_order_id:
        data["broker_order_id"] = row.broker_order_id
    unit.say(kind, text, f"{kind}:{row.order_id}:{once}", data)
