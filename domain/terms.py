"""Holds what a strategy may say beside its five fields: where stop and target stand, and how they move.

Version 2 of the terms. All of it is optional; without it the strategy is as it was, with a stop at one price.
Percents are of the entry's average price, points are rupees a share.
"""

from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum

HUNDRED = Decimal(100)
RUNGS = 10
"""Rungs of a lock at the most."""


class Unit(StrEnum):
    """What a distance is measured in."""

    PERCENT = "percent"
    POINTS = "points"
    """Rupees a share."""


@dataclass(frozen=True, slots=True)
class Distance:
    """So many percent of the entry's price, or so many points."""

    amount: Decimal
    unit: Unit

    def of(self, entry: Decimal) -> Decimal:
        """Return it in rupees a share, for an entry at this price."""
        return self.amount if self.unit is Unit.POINTS else entry * self.amount / HUNDRED


@dataclass(frozen=True, slots=True)
class Target:
    """Sell at this price or above it, or so far above the entry; exactly one of the two."""

    price: Decimal | None = None
    distance: Distance | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """A stop that rises with the highest price since the fill, the peak.

    It begins once the peak is `after` above the entry. Without `every` the stop is at least `by` below the
    peak; with it the stop rises by `by` for each full `every` that the peak is above the entry.
    """

    by: Distance
    after: Distance | None = None
    every: Distance | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """Once the peak is `after` above the entry, the stop is at least `keep` above it."""

    after: Distance
    keep: Distance


RESTS, LONGEST_REST = 60, 300
"""Seconds an entry's LIMIT order may rest where nothing is said, and at the most."""


class EntryKind(StrEnum):
    """How an entry is bought that is not bought at the market."""

    LIMIT = "limit"
    CHASE = "chase"


@dataclass(frozen=True, slots=True)
class Entry:
    """Buy by a LIMIT order that is cancelled after so many seconds.

    LIMIT: at `price`. CHASE: at the last price and `buffer`, raised as the price runs, and never above the
    price at buy_time and `most`.
    """

    kind: EntryKind
    price: Decimal | None = None
    buffer: Distance | None = None
    most: Distance | None = None
    for_seconds: int = RESTS


class SizeBy(StrEnum):
    """What an entry's shares are computed from, in place of a quantity."""

    AMOUNT = "amount"
    """What they may cost."""
    RISK = "risk"
    """What they may lose down to the stop."""


@dataclass(frozen=True, slots=True)
class Size:
    """So many rupees, of an amount or of a risk."""

    by: SizeBy
    rupees: Decimal


class After(StrEnum):
    """After what a strategy buys again."""

    STOP = "stop"
    TARGET = "target"
    BOTH = "both"


class When(StrEnum):
    """When it buys again: at once, or when the price is back at that of the last entry."""

    AT_ONCE = "at_once"
    AT_ENTRY_PRICE = "at_entry_price"


AGAIN = 20
"""How often a strategy buys again in one day at the most."""


@dataclass(frozen=True, slots=True)
class Reenter:
    """Buy again by the same terms after it was sold, at most `times`, until a time of the day."""

    times: int
    after: After
    when: When
    until: time


class Weekday(StrEnum):
    """A day of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class Repeat:
    """Trade on every trading day among these days of the week, up to and with `until`."""

    days: tuple[Weekday, ...]
    until: date | None = None

    def has(self, day: date) -> bool:
        """Tell whether a day is one of them, whatever trades on it."""
        return WEEK[day.weekday()] in self.days and (self.until is None or day <= self.until)


class Protect(StrEnum):
    """Where the stop lies: with this server, or as an order at the exchange."""

    SERVER = "server"
    EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of version 2. `stop`: where the stop is measured from the fill, in place of a price.

    `entry`: how it is bought, None at the market. `size`: what its shares are computed from, None where the
    strategy has a quantity. `reenter`: None where it buys once a day. `repeat`: None where a START is one
    day.
    """

    stop: Distance | None = None
    target: Target | None = None
    trail: Trail | None = None
    lock: tuple[Rung, ...] = ()
    entry: Entry | None = None
    size: Size | None = None
    reenter: Reenter | None = None
    repeat: Repeat | None = None
    protect: Protect = Protect.SERVER

    @property
    def moves(self) -> bool:
        """Tell whether the stop depends on the peak."""
        return self.trail is not None or bool(self.lock)


PLAIN = Terms()
"""A strategy of the five fields alone."""
