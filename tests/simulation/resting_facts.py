"""What the store holds of a protected exit in the model, and the product's own view of it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from domain.order import FINAL, Attempt, Leg, LegKey, OrderStatus
from domain.protected_exit import Aim, ProtectedExit
from domain.resting_facts import Change, Ended
from domain.resting_stop import RestingOrder, Seen
from domain.stop_prices import OrderKind, StopPrices
from tests.simulation.resting_exchange import MARKET, NEVER

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.EXIT)
PRICES = {1: Decimal(100), 2: Decimal(101)}
"""The trigger of each level of the stop."""
BELOW, BETWEEN, ABOVE = 0, 2, 3
ACTING = {BELOW: Decimal(99), BETWEEN: Decimal("100.5"), ABOVE: Decimal(110)}
"""The last price: below both levels, below the second, above both."""


LONG_AGO = -1500
"""Longer ago than any horizon: what is older is as old."""
SECONDS = -150


class Row(NamedTuple):
    """An attempt as the store has it. Times in tenths of a second from now; `NEVER`: not yet.

    `seen_*`: what the book showed; `change`: its number, level and time, and whether it was refused.
    """

    slice: int
    number: int
    status: OrderStatus
    quantity: int = 0
    level: int = MARKET
    filled: int = 0
    sent: int = NEVER
    seen: tuple[bool, int, int, int] | None = None
    """Waiting, level, quantity, when."""
    change: tuple[int, int, int, bool] | None = None
    """Number, level, when, refused."""
    moved_to: int = MARKET
    """The highest level that was asked for."""
    tries: int = 0
    used_up: bool = False
    cancel: int = NEVER
    ended: Ended | None = None
    ended_at: int = NEVER

    @property
    def is_open(self) -> bool:
        return self.status is OrderStatus.OPEN

    def passed(self, tenths: int) -> "Row":
        """Return the row as it is so much later."""
        if self.status in FINAL:
            # Of what is over only the last seconds matter.
            return self._replace(
                sent=_past(self.sent, tenths, SECONDS), ended_at=_past(self.ended_at, tenths, SECONDS)
            )
        seen = self.seen and (*self.seen[:3], _past(self.seen[3], tenths))
        change = self.change and (*self.change[:2], _past(self.change[2], tenths), self.change[3])
        return self._replace(
            sent=_past(self.sent, tenths),
            seen=seen,
            change=change,
            cancel=_past(self.cancel, tenths),
            ended_at=_past(self.ended_at, tenths),
        )


class Facts(NamedTuple):
    """All that a worker knows when it begins: what the store holds, and what the day wants."""

    bought: int
    aim: Aim
    since: int
    rows: tuple[Row, ...] = ()
    account: int | None = None
    level: int = 1
    acting: int | None = None
    entry_open: bool = False
    swept: bool = False
    patient: bool = True
    reachable: bool = True
    may_write: bool = True
    over: bool = False
    most: int | None = None

    def row(self, slice_: int, number: int) -> Row | None:
        return next((row for row in self.rows if (row.slice, row.number) == (slice_, number)), None)

    def with_row(self, row: Row) -> "Facts":
        rest = [one for one in self.rows if (one.slice, one.number) != (row.slice, row.number)]
        return self._replace(rows=tuple(sorted((*rest, row), key=lambda one: one[:2])))

    def passed(self, tenths: int) -> "Facts":
        return self._replace(
            since=_past(self.since, tenths, SECONDS), rows=tuple(row.passed(tenths) for row in self.rows)
        )


def _past(at: int, tenths: int, oldest: int = LONG_AGO) -> int:
    return NEVER if at == NEVER else max(oldest, at - tenths)


def moment(tenths: int) -> datetime:
    return NOW + timedelta(milliseconds=100 * tenths)


def tenths(at: datetime) -> int:
    """Return an instant as tenths from now, the next one where it is between two."""
    return -((NOW - at) // timedelta(milliseconds=100))


@lru_cache(maxsize=200_000)
def exit_of(facts: Facts) -> ProtectedExit:
    """Return the product's view."""
    slices: dict[int, list[RestingOrder]] = {}
    for row in facts.rows:
        slices.setdefault(row.slice, []).append(_order(row))
    return ProtectedExit(
        bought=facts.bought,
        aim=facts.aim,
        since=moment(facts.since),
        slices=tuple(tuple(slices.get(at, ())) for at in range(max(slices, default=-1) + 1)),
        account=facts.account,
        stop=stop_at(facts.level),
        acting=None if facts.acting is None else ACTING[facts.acting],
        most=facts.most,
        entry_open=facts.entry_open,
        swept=facts.swept,
        patient=facts.patient,
        reachable=facts.reachable,
        may_write=facts.may_write,
        over=facts.over,
    )


def stop_at(level: int) -> StopPrices | None:
    """Return the prices of a stop at a level; none at 0."""
    return StopPrices(OrderKind.SL, PRICES[level], PRICES[level] - 2) if level else None


@lru_cache(maxsize=200_000)
def _order(row: Row) -> RestingOrder:
    attempt = Attempt(
        order_id=UUID(int=row.slice * 100 + row.number),
        key=KEY,
        attempt=row.number,
        tag=f"S{row.slice}N{row.number}",
        status=row.status,
        quantity=row.quantity or None,
        filled_quantity=row.filled,
        sent_at=None if row.sent == NEVER else moment(row.sent),
    )
    levels = [level for level in (row.level, row.moved_to) if level != MARKET]
    return RestingOrder(
        attempt,
        triggers=tuple(dict.fromkeys(PRICES[level] for level in levels)),
        seen=_seen(row),
        change=_change(row),
        market_tries=row.tries,
        used_up=row.used_up,
        cancel_asked_at=None if row.cancel == NEVER else moment(row.cancel),
        ended=row.ended,
        ended_at=None if row.ended_at == NEVER else moment(row.ended_at),
    )


def _seen(row: Row) -> Seen | None:
    if row.seen is None:
        return None
    waiting, level, quantity, at = row.seen
    kind = OrderKind.LIMIT if level == MARKET else OrderKind.SL
    return Seen(kind, waiting, PRICES.get(level, Decimal(77)) if level else None, quantity, moment(at))


def _change(row: Row) -> Change | None:
    if row.change is None:
        return None
    number, level, at, refused = row.change
    return Change(number, PRICES[level] if level else None, moment(at), refused)


def sold(rows: Iterable[Row]) -> int:
    return sum(row.filled for row in rows)
