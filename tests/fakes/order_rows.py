"""The rows of the order log in memory, by the rules of the Postgres log: one method is one transaction.

`MemoryOrderLog` and the simulation's log are built on it; tests/contract/test_order_log.py holds both, and
Postgres, to the same promises.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from domain.entry_price import newest_to
from domain.kept_stop import ExitAim
from domain.leg import filled
from domain.limits import Bar, why_barred
from domain.order import (
    CLAIM_LASTS,
    EARLIEST,
    Attempt,
    BrokerOrder,
    Leg,
    LegKey,
    Limit,
    Move,
    OrderEvent,
    OrderStatus,
    Reason,
    next_status,
)
from domain.outcome import Accepted, Cause, Denied, PlaceOutcome, Rejected
from domain.ports import Claimed, NotClaimed
from domain.refusal import Refusal
from domain.resting_facts import RestingFacts
from domain.stop_prices import OrderKind, StopPrices
from domain.strategy import Outcome


@dataclass(eq=False)
class OrderRows:
    """Attempts by leg and number. `closed`: the run is over, and nothing of it is sent any more.

    Every START counts as written down but those of the strategies in `unwritten`.
    """

    rows: dict[tuple[LegKey, int], Attempt] = field(default_factory=dict)
    closed: bool = False
    unwritten: set[UUID] = field(default_factory=set)
    changes: dict[UUID, dict[int, Decimal]] = field(default_factory=dict)
    """The prices that orders were to be changed to, by number; those shown are in `confirmed`."""
    confirmed: dict[UUID, set[int]] = field(default_factory=dict)
    aims: dict[LegKey, ExitAim] = field(default_factory=dict)
    """What protected legs have come to."""
    sale_reasons: dict[LegKey, Reason] = field(default_factory=dict)
    """Why they are sold."""

    def new_id(self) -> UUID:
        return uuid4()

    def of(self, key: LegKey) -> list[Attempt]:
        """Return the leg's attempts, oldest first."""
        return sorted((row for (of, _), row in self.rows.items() if of == key), key=lambda row: row.attempt)

    def planned(self, key: LegKey, attempt: int, due_at: datetime | None) -> Attempt:
        if (key, attempt) not in self.rows:
            row = Attempt(self.new_id(), key, attempt, key.tag(attempt), OrderStatus.PLANNED, due_at=due_at)
            if self.closed:
                row = replace(row, status=OrderStatus.NOT_PLACED, verdict=Outcome.STOPPED)
            self.put(row)
        return self.rows[key, attempt]

    def superseded(self, attempt: Attempt, absent: bool, message: str, due_at: datetime) -> Attempt:
        row, key = self.row(attempt), attempt.key
        if row.status is OrderStatus.SENT:
            event = OrderEvent.GIVE_UP_LOOKING if absent else OrderEvent.PROVE_NOT_PLACED
            self.move(row, event, message=message)
        elif (key, attempt.attempt + 1) in self.rows:
            return self.rows[key, attempt.attempt + 1]
        elif not row.over or _told(row) != _told(attempt):
            return row
        return self.planned(key, attempt.attempt + 1, due_at)

    def claimed(
        self,
        attempt: Attempt,
        quantity: int,
        reason: Reason,
        due_at: datetime,
        latest: datetime | None,
        now: datetime,
        limit: Limit | None = None,
        stop: StopPrices | None = None,
    ) -> Claimed | NotClaimed:
        row = self.row(attempt)
        if row.status is not OrderStatus.PLANNED or (stop is not None and row.key in self.aims):
            return NotClaimed(row, now)
        if latest is not None and now > latest:
            return NotClaimed(row, now, too_late=True)
        if now < due_at - EARLIEST:
            return NotClaimed(row, now, too_early=True)
        if row.key.leg is Leg.ENTRY and row.key.strategy_id in self.unwritten:
            return NotClaimed(row, now, barred=why_barred(Bar.UNWRITTEN, None), foreign=True)
        sent_at, send_before = max(now, due_at), now + CLAIM_LASTS
        taken = {"quantity": quantity, "reason": reason, "due_at": due_at, "limit": limit}
        taken["resting"] = None if stop is None else RestingFacts((stop.trigger,))
        return Claimed(
            self.move(row, OrderEvent.CLAIM, **taken, sent_at=sent_at, send_before=send_before), now
        )

    def asked_to_move(self, attempt: Attempt, price: Decimal, now: datetime) -> bool:
        row = self.row(attempt)
        number = row.move.number if row.move else 0
        known = attempt.move.number if attempt.move else 0
        if row.status is not OrderStatus.OPEN or number != known:
            return False
        if row.limit is None or price > row.limit.ceiling:
            return False
        self.changes.setdefault(row.order_id, {})[number] = price
        made = row.move.made if row.move else 0
        self.put(replace(row, move=Move(number + 1, price, now, made)))
        return True

    def priced(self, row: Attempt, limit: Limit, price: Decimal) -> Attempt:
        asked, confirmed = self.changes.get(row.order_id, {}), self.confirmed.setdefault(row.order_id, set())
        made = newest_to(price, [asked[at] for at in sorted(asked)])
        if made is not None:
            confirmed.add(made)
        move = None if row.move is None else replace(row.move, made=len(confirmed))
        return self.put(replace(row, limit=replace(limit, price=price), move=move))

    def answered(self, attempt: Attempt, outcome: PlaceOutcome) -> Attempt:
        row = self.row(attempt)
        if isinstance(outcome, Accepted):
            row = self.move(row, OrderEvent.SEE_OPEN)
            if row.broker_order_id is not None:
                return row
            return self.put(replace(row, broker_order_id=outcome.broker_order_id, message=""))
        if row.status is not OrderStatus.SENT:
            return row
        if isinstance(outcome, Rejected) and outcome.cause is Cause.FINAL:
            told = {"message": outcome.message, "refusal": outcome.kind}
            return self.move(row, OrderEvent.SEE_REJECTED, **told)
        if isinstance(outcome, Rejected | Denied):
            refusal = outcome.kind if isinstance(outcome, Rejected) else None
            return self.move(row, OrderEvent.PROVE_NOT_PLACED, message=outcome.message, refusal=refusal)
        return self.put(replace(row, message=outcome.message))

    def denied(self, attempt: Attempt, message: str, verdict: Outcome | None) -> Attempt:
        row = self.row(attempt)
        if row.status is OrderStatus.NOT_PLACED and row.verdict is None:
            return self.put(replace(row, verdict=verdict))
        if row.status is not OrderStatus.PLANNED:
            return row
        verdict = row.verdict or verdict
        return self.move(row, OrderEvent.PROVE_NOT_PLACED, message=message, verdict=verdict)

    def leg_closed(self, key: LegKey, message: str, verdict: Outcome) -> list[Attempt]:
        for row in self.of(key)[-1:]:
            if row.status is OrderStatus.PLANNED:
                self.denied(row, message, verdict)
            else:
                self.put(replace(row, verdict=row.verdict or verdict))
        return self.of(key)

    def given_up(self, attempt: Attempt, message: str) -> Attempt:
        row = self.row(attempt)
        if row.status is not OrderStatus.SENT:
            return row
        return self.move(row, OrderEvent.GIVE_UP_LOOKING, message=message)

    def looked_up(self, attempt: Attempt, message: str) -> Attempt:
        row = self.row(attempt)
        refused = row.status in (OrderStatus.REJECTED, OrderStatus.NOT_PLACED)
        return row if refused else self.put(replace(row, message=message))

    def saw(self, attempt: Attempt, seen: BrokerOrder) -> Attempt:
        row = self.row(attempt)
        if row.broker_order_id and seen.broker_order_id not in ("", row.broker_order_id):
            return row  # another order under our tag: its fills are not this attempt's
        if row.status is OrderStatus.PLANNED:  # sent without a claim: the store was away
            row = self.move(row, OrderEvent.CLAIM)
        before = row.status
        row = self.move(
            row,
            seen.event,
            broker_order_id=seen.broker_order_id or row.broker_order_id,
            quantity=seen.quantity if row.quantity is None else row.quantity,
        )
        if row.limit is not None and seen.price is not None:
            row = self.priced(row, row.limit, seen.price)
        row = self._changed(row, seen)
        grown = seen.filled_quantity > row.filled_quantity
        sale = self.sale_reasons.get(row.key)
        if sale is not None and row.resting is not None and grown and seen.trigger is None:
            row = self.put(replace(row, reason=sale))  # it was changed, written down or not
        priced = seen.filled_quantity == row.filled_quantity and row.average_price is None
        if grown or (priced and seen.average_price is not None):
            row = self.put(
                replace(row, filled_quantity=seen.filled_quantity, average_price=seen.average_price)
            )
        if row.status is not before:
            row = self.put(replace(row, message=seen.message))
            if row.status is OrderStatus.REJECTED:
                row = self.put(replace(row, refusal=seen.refusal or Refusal.UNKNOWN))
        if row.key.leg is Leg.ENTRY and filled([row]):
            self.planned(replace(row.key, leg=Leg.EXIT), 1, None)
        return row

    def _changed(self, row: Attempt, seen: BrokerOrder) -> Attempt:
        """Write that the book shows the newest change of a stop."""
        facts = row.resting
        if facts is None or facts.change is None or facts.change.shown:
            return row
        at_market = seen.order_type in (OrderKind.MARKET, OrderKind.LIMIT)
        wanted = facts.change.trigger
        if not (at_market if wanted is None else seen.trigger == wanted):
            return row
        return self.put(replace(row, resting=replace(facts, change=replace(facts.change, shown=True))))

    def close(self, message: str) -> None:
        """Take the right to send away from what nobody has claimed: part of the run's last transaction."""
        self.closed = True
        for row in list(self.rows.values()):
            if row.status is OrderStatus.NOT_PLACED and row.verdict is None:
                self.put(replace(row, verdict=Outcome.STOPPED))
            if row.status is OrderStatus.PLANNED:
                self.move(row, OrderEvent.PROVE_NOT_PLACED, message=message, verdict=Outcome.STOPPED)

    def row(self, attempt: Attempt) -> Attempt:
        return self.rows[attempt.key, attempt.attempt]

    def move(self, row: Attempt, event: OrderEvent, **changes: object) -> Attempt:
        return self.put(replace(row, status=next_status(row.status, event), **changes))  # type: ignore[arg-type]

    def put(self, row: Attempt) -> Attempt:
        self.rows[row.key, row.attempt] = row
        return row


def _told(row: Attempt) -> tuple[OrderStatus, int, Outcome | None]:
    return row.status, row.filled_quantity, row.verdict
