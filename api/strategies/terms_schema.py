"""Defines the terms of version 2 in requests and answers: where stop and target stand, and how they move."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from api.http.bodies import RequestBody
from api.http.fields import ClockTime, Price, Rupees
from domain.terms import (
    AGAIN,
    HUNDRED,
    LONGEST_REST,
    RESTS,
    RUNGS,
    After,
    Distance,
    Entry,
    EntryKind,
    Protect,
    Reenter,
    Repeat,
    Rung,
    Size,
    SizeBy,
    Target,
    Terms,
    Trail,
    Unit,
    Weekday,
    When,
)

_STORED = Decimal("0.000001")
DAY_LENGTH = 10


def _percent(value: object) -> Decimal:
    return _percent_from(value, above=True)


def _keep_percent(value: object) -> Decimal:
    return _percent_from(value, above=False)


def _percent_from(value: object, *, above: bool) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("not_a_number", "must be a number, such as 1.5")
    given = Decimal(value)
    percent = given.quantize(_STORED, ROUND_HALF_EVEN) if abs(given) < HUNDRED else HUNDRED
    if percent >= HUNDRED or percent < 0 or (above and percent == 0):
        raise PydanticCustomError(
            "out_of_range", f"must be {'above' if above else 'at least'} 0 and below 100"
        )
    return percent


def _keep_points(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 10_000_000:
        raise PydanticCustomError("out_of_range", "must be a number of rupees a share, 0 or more")
    return Decimal(value).quantize(_STORED, ROUND_HALF_EVEN)


Percent = Annotated[
    Decimal,
    BeforeValidator(_percent),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
]
_KeepPercent = Annotated[
    Decimal,
    BeforeValidator(_keep_percent),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": 100}),
]
_KeepPoints = Annotated[
    Decimal, BeforeValidator(_keep_points), WithJsonSchema({"type": "number", "minimum": 0})
]


def _seconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_REST:
        raise PydanticCustomError(
            "out_of_range", "must be a whole number of seconds from 1 to {most}", {"most": LONGEST_REST}
        )
    return value


Seconds = Annotated[
    int,
    BeforeValidator(_seconds),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LONGEST_REST}),
]


def _times(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= AGAIN:
        raise PydanticCustomError("out_of_range", "must be a whole number from 1 to {most}", {"most": AGAIN})
    return value


Times = Annotated[
    int, BeforeValidator(_times), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": AGAIN})
]


def _days(value: object) -> list[Weekday]:
    words = {"days": ", ".join(Weekday)}
    if not isinstance(value, list) or not value or not all(isinstance(day, str) for day in value):
        raise PydanticCustomError("no_days", "must be a list of days of the week: {days}", words)
    if not set(value) <= set(Weekday) or len(set(value)) < len(value):
        raise PydanticCustomError("no_days", "must name each day once, out of: {days}", words)
    return [Weekday(day) for day in value]


def _day(value: object) -> date:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) and len(value) == DAY_LENGTH else None
    except ValueError:
        found = None
    if found is None:
        raise PydanticCustomError("not_a_day", "must be a day, such as 2027-01-26")
    return found


Days = Annotated[
    list[Weekday],
    BeforeValidator(_days),
    WithJsonSchema(
        {"type": "array", "minItems": 1, "maxItems": 7, "items": {"type": "string", "enum": list(Weekday)}}
    ),
]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]


def _one_of(**given: object) -> None:
    if sum(value is not None for value in given.values()) != 1:
        raise PydanticCustomError("not_exactly_one", f"must have exactly one of {', '.join(given)}")


def _read(percent: Decimal | None, points: Decimal | None) -> Distance:
    if percent is not None:
        return Distance(percent, Unit.PERCENT)
    if points is not None:
        return Distance(points, Unit.POINTS)
    raise ValueError("a distance of nothing was let through")


class DistanceIn(RequestBody):
    """Percent of the entry's average price, or points (rupees a share): exactly one of the two."""

    percent: Percent | None = None
    points: Price | None = None

    @model_validator(mode="after")
    def exactly_one(self) -> Self:
        _one_of(percent=self.percent, points=self.points)
        return self

    def read(self) -> Distance:
        return _read(self.percent, self.points)


class KeepIn(DistanceIn):
    """The same; 0 is the entry's price."""

    percent: _KeepPercent | None = None
    points: _KeepPoints | None = None


class TargetIn(RequestBody):
    """A price, or a distance above the entry: exactly one of the three."""

    price: Price | None = None
    percent: Percent | None = None
    points: Price | None = None

    @model_validator(mode="after")
    def exactly_one(self) -> Self:
        _one_of(price=self.price, percent=self.percent, points=self.points)
        return self

    def read(self) -> Target:
        return Target(self.price, None if self.price is not None else _read(self.percent, self.points))


class TrailIn(RequestBody):
    """`by` below the peak once that is `after` above the entry; with `every`, by steps."""

    by: DistanceIn
    after: DistanceIn | None = None
    every: DistanceIn | None = None

    def read(self) -> Trail:
        after = None if self.after is None else self.after.read()
        return Trail(self.by.read(), after, None if self.every is None else self.every.read())


class RungIn(RequestBody):
    """Once the peak is `after` above the entry, the stop is at least `keep` above it."""

    after: DistanceIn
    keep: KeepIn

    def read(self) -> Rung:
        return Rung(self.after.read(), self.keep.read())


Lock = Annotated[list[RungIn], Field(min_length=1, max_length=RUNGS)]


class EntryIn(RequestBody):
    """How it is bought: at the market, at a limit, or by a limit that chases the price.

    `buffer` and `most` are from the last price; `for_seconds` is how long the order may rest.
    """

    type: Literal["market", "limit", "chase"]
    price: Price | None = None
    buffer: DistanceIn | None = None
    most: DistanceIn | None = None
    for_seconds: Seconds | None = None

    @model_validator(mode="after")
    def what_its_type_says(self) -> Self:
        needed = {"market": (), "limit": ("price",), "chase": ("buffer", "most")}[self.type]
        for name in ("price", "buffer", "most"):
            if (getattr(self, name) is not None) != (name in needed):
                asks = f"needs {' and '.join(needed)}" if needed else "takes neither price, buffer nor most"
                raise PydanticCustomError("wrong_entry", f"an entry of type {self.type} {asks}")
        if self.type == "market" and self.for_seconds is not None:
            raise PydanticCustomError("wrong_entry", "an entry of type market takes no for_seconds")
        return self

    def read(self) -> Entry | None:
        if self.type == "market":
            return None
        buffer, most = (None if one is None else one.read() for one in (self.buffer, self.most))
        return Entry(EntryKind(self.type), self.price, buffer, most, self.for_seconds or RESTS)


class ReenterIn(RequestBody):
    """Buy again after it was sold by its stop or its target, at most so often, until a time of the day."""

    times: Times
    after: Literal["stop", "target", "both"]
    when: Literal["at_once", "at_entry_price"]
    until: ClockTime

    def read(self) -> Reenter:
        return Reenter(self.times, After(self.after), When(self.when), self.until)


class RepeatIn(RequestBody):
    """Trade on every trading day among these days of the week, up to and with `until`."""

    days: Days
    until: Day | None = None

    def read(self) -> Repeat:
        return Repeat(tuple(day for day in Weekday if day in self.days), self.until)


class TermsIn(RequestBody):
    """What may be said beside the five fields; `stop` takes the place of `stop_loss`.

    `amount` or `risk` (rupees) takes the place of `quantity`.
    """

    stop: DistanceIn | None = None
    target: TargetIn | None = None
    trail: TrailIn | None = None
    lock: Lock | None = None
    entry: EntryIn | None = None
    amount: Rupees | None = None
    risk: Rupees | None = None
    reenter: ReenterIn | None = None
    repeat: RepeatIn | None = None
    protect: Literal["server", "exchange"] | None = None


TERMS_FIELDS = tuple(TermsIn.model_fields)


def read_terms_of(
    stop: DistanceIn | None,
    target: TargetIn | None,
    trail: TrailIn | None,
    lock: list[RungIn] | None,
    entry: EntryIn | None,
    amount: Decimal | None,
    risk: Decimal | None,
    reenter: ReenterIn | None,
    repeat: RepeatIn | None,
    protect: Literal["server", "exchange"] | None,
) -> Terms:
    """Return the terms of well-formed fields; None says nothing."""
    sizes = (
        Size(by, rupees) for by, rupees in zip(SizeBy, (amount, risk), strict=True) if rupees is not None
    )
    return Terms(
        stop.read() if stop else None,
        target.read() if target else None,
        trail.read() if trail else None,
        tuple(rung.read() for rung in lock or ()),
        entry.read() if entry else None,
        next(sizes, None),
        reenter.read() if reenter else None,
        repeat.read() if repeat else None,
        Protect(protect) if protect else Protect.SERVER,
    )
