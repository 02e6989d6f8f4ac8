"""Judges the day of an account against its user's limits: what it has come to, and what follows.

    the day is   and then                                      it is      and
    counting     all is known, and within the limits           counting
    counting     all is known, and at a limit                  breached   the breach is written down
    counting     a price is missing, or a sale has no price    unknown    entries wait; a missing price alerts
    unknown      all is known again                            counting   or breached, as above
    breached     anything else of that day                     breached
    any          the next trading day begins                   counting

Prices that come back, a profit that follows the loss, a limit that is raised or taken away, a restart: none
of them lifts a breach of that day. A breach of a user who chose `exit` has what is held sold. Nothing else
does, least of all a price that is missing: a loss that is not known is not a loss.

"At a limit" counts everything as if it were sold now: what rounds have realised, what is held at its price,
less all charges, those of the sales to come among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.account_charges import charges_of_rounds
from domain.charges import NOTHING
from domain.day_round import DayRound
from domain.limits import LimitName, Limits, OnBreach, ToSell


class DayState(StrEnum):
    """What is known of a day."""

    COUNTING = "counting"
    UNKNOWN = "unknown"
    BREACHED = "breached"


class DayEvent(StrEnum):
    """What a look at a day shows."""

    WITHIN = "within"
    NOT_KNOWN = "not_known"
    AT_A_LIMIT = "at_a_limit"
    NEXT_DAY = "next_day"


_NEXT: Mapping[tuple[DayState, DayEvent], DayState] = {
    (DayState.COUNTING, DayEvent.WITHIN): DayState.COUNTING,
    (DayState.COUNTING, DayEvent.NOT_KNOWN): DayState.UNKNOWN,
    (DayState.COUNTING, DayEvent.AT_A_LIMIT): DayState.BREACHED,
    (DayState.COUNTING, DayEvent.NEXT_DAY): DayState.COUNTING,
    (DayState.UNKNOWN, DayEvent.WITHIN): DayState.COUNTING,
    (DayState.UNKNOWN, DayEvent.NOT_KNOWN): DayState.UNKNOWN,
    (DayState.UNKNOWN, DayEvent.AT_A_LIMIT): DayState.BREACHED,
    (DayState.UNKNOWN, DayEvent.NEXT_DAY): DayState.COUNTING,
    (DayState.BREACHED, DayEvent.WITHIN): DayState.BREACHED,
    (DayState.BREACHED, DayEvent.NOT_KNOWN): DayState.BREACHED,
    (DayState.BREACHED, DayEvent.AT_A_LIMIT): DayState.BREACHED,
    (DayState.BREACHED, DayEvent.NEXT_DAY): DayState.COUNTING,
}


def next_state(state: DayState, event: DayEvent) -> DayState:
    """Return how a day stands after a look."""
    return _NEXT[state, event]


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit of one day that was reached; written once, and never lifted on that day.

    `value` is the limit as it was then, `net` what the day had come to (a loss is below zero; None for
    `trades_a_day`), `on_breach` what the user had chosen.
    """

    limit: LimitName
    value: Decimal
    net: Decimal | None
    on_breach: OnBreach
    at: datetime | None = None
    """When it was written, by the store's clock."""

    @property
    def sells(self) -> bool:
        """Tell whether what is held is sold for it. A count of trades bars the next entry, no more."""
        return self.on_breach is OnBreach.EXIT and self.limit is not LimitName.TRADES_A_DAY


@dataclass(frozen=True, slots=True)
class WrittenBreach:
    """A breach as it stands in the store. `runs` are those of its day that were started before it."""

    user_id: UUID
    day: date
    breach: Breach
    runs: tuple[ToSell, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What a day has come to, after charges, as if all were sold now; None where that is not known.

    `missing`: the strategies whose price is missing.
    """

    net: Decimal | None
    missing: tuple[DayRound, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountDay:
    """An account on one day: its limits, its rounds, the limits that are breached already.

    `gap`: the user was told that a price is missing, and it still is.
    """

    user_id: UUID
    day: date
    limits: Limits
    rounds: tuple[DayRound, ...] = ()
    breached: frozenset[LimitName] = frozenset()
    gap: bool = False


@dataclass(frozen=True, slots=True)
class DayVerdict:
    """What follows from a look at a day: at most one new breach, a gap to tell of, or one that is over."""

    state: DayState
    judged: Judged
    breach: Breach | None = None
    gap_opens: bool = False
    gap_ends: bool = False


def judge(day: AccountDay) -> DayVerdict:
    """Judge a day by what is known of it now."""
    judged = come_to(day.rounds, day.day)
    reached = _reached(day.limits, judged.net)
    event = DayEvent.NOT_KNOWN if judged.net is None else DayEvent.AT_A_LIMIT if reached else DayEvent.WITHIN
    before = DayState.BREACHED if day.breached - {LimitName.TRADES_A_DAY} else DayState.COUNTING
    new = reached if reached is not None and reached.limit not in day.breached else None
    return DayVerdict(
        next_state(before, event),
        judged,
        new,
        gap_opens=bool(judged.missing) and not day.gap,
        gap_ends=day.gap and not judged.missing,
    )


def come_to(rounds: Sequence[DayRound], day: date) -> Judged:
    """Return what rounds have come to, after charges; what is held counts as if it were sold now."""
    missing = tuple(one for one in rounds if one.lacks_price)
    found = [one.gross for one in rounds]
    known = [gross for gross in found if gross is not None]
    charges = charges_of_rounds(rounds, day) if len(known) == len(found) else None
    if charges is None:
        return Judged(None, missing)
    return Judged(sum(known, NOTHING) - charges, missing)


def _reached(limits: Limits, net: Decimal | None) -> Breach | None:
    if net is None:
        return None
    if limits.daily_loss is not None and -net >= limits.daily_loss:
        return Breach(LimitName.DAILY_LOSS, limits.daily_loss, net, limits.on_breach)
    if limits.daily_profit is not None and net >= limits.daily_profit:
        return Breach(LimitName.DAILY_PROFIT, limits.daily_profit, net, limits.on_breach)
    return None
