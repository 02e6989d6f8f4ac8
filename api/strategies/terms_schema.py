"""Defines the terms of version 2 in requests and answers: where stop and target stand, and how they move."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from api.http.bodies import RequestBody, ResponseBody
from api.http.fields import ClockTime, Money, Price, Rupees
from domain.session import clock_text
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
    )


def terms_body(terms: Terms) -> dict[str, Any]:
    """Return terms as a body says them; what says nothing is left out."""
    target, trail = terms.target, terms.trail
    said: dict[str, Any] = {
        "stop": _words(terms.stop),
        "target": {"price": target.price} if target and target.price is not None else {},
        "trail": trail and _said(by=trail.by, after=trail.after, every=trail.every),
        "lock": [_said(after=rung.after, keep=rung.keep) for rung in terms.lock],
    }
    if target is not None and target.distance is not None:
        said["target"] = _words(target.distance)
    if terms.entry is not None:
        said["entry"] = entry_out(terms.entry).model_dump(exclude_none=True)
    if terms.size is not None:
        said[terms.size.by.value] = terms.size.rupees
    if terms.reenter is not None:
        said["reenter"] = reenter_out(terms.reenter).model_dump()
    if terms.repeat is not None:
        said["repeat"] = repeat_out(terms.repeat).model_dump(mode="json")
    return {name: words for name, words in said.items() if words}


def _said(**distances: Distance | None) -> dict[str, Any]:
    return {name: _words(distance) for name, distance in distances.items() if distance is not None}


class DistanceOut(ResponseBody):
    percent: Money | None = None
    points: Money | None = None


class TargetOut(DistanceOut):
    price: Money | None = None


class TrailOut(ResponseBody):
    by: DistanceOut
    after: DistanceOut | None
    every: DistanceOut | None


class RungOut(ResponseBody):
    after: DistanceOut
    keep: DistanceOut


class EntryOut(ResponseBody):
    """How it is bought; of `price`, `buffer` and `most` those that its type has."""

    type: Literal["market", "limit", "chase"]
    price: Money | None = None
    buffer: DistanceOut | None = None
    most: DistanceOut | None = None
    for_seconds: int | None = None


class ReenterOut(ResponseBody):
    times: int
    after: str
    when: str
    until: str


class RepeatOut(ResponseBody):
    days: list[str]
    until: date | None


class TermsOut(ResponseBody):
    """The terms as they were given; null where nothing was said."""

    stop: DistanceOut | None
    target: TargetOut | None
    trail: TrailOut | None
    lock: list[RungOut]
    entry: EntryOut
    amount: Money | None
    risk: Money | None
    reenter: ReenterOut | None
    repeat: RepeatOut | None


def terms_out(terms: Terms) -> TermsOut:
    """Return the answer's terms."""
    target, trail = terms.target, terms.trail
    return TermsOut(
        stop=_distance(terms.stop),
        target=target and TargetOut(price=target.price, **_words(target.distance)),
        trail=trail
        and TrailOut(by=_given(trail.by), after=_distance(trail.after), every=_distance(trail.every)),
        lock=[RungOut(after=_given(rung.after), keep=_given(rung.keep)) for rung in terms.lock],
        entry=entry_out(terms.entry),
        amount=_rupees(terms.size, SizeBy.AMOUNT),
        risk=_rupees(terms.size, SizeBy.RISK),
        reenter=terms.reenter and reenter_out(terms.reenter),
        repeat=terms.repeat and repeat_out(terms.repeat),
    )


def entry_out(entry: Entry | None) -> EntryOut:
    """Return the answer's entry."""
    if entry is None:
        return EntryOut(type="market")
    return EntryOut(
        type=entry.kind.value,
        price=entry.price,
        buffer=_distance(entry.buffer),
        most=_distance(entry.most),
        for_seconds=entry.for_seconds,
    )


def reenter_out(reenter: Reenter) -> ReenterOut:
    """Return the answer's re-entry."""
    return ReenterOut(
        times=reenter.times,
        after=reenter.after.value,
        when=reenter.when.value,
        until=clock_text(reenter.until),
    )


def repeat_out(repeat: Repeat) -> RepeatOut:
    """Return the answer's repetition."""
    return RepeatOut(days=[day.value for day in repeat.days], until=repeat.until)


def _rupees(size: Size | None, by: SizeBy) -> Decimal | None:
    return size.rupees if size is not None and size.by is by else None


def _words(distance: Distance | None) -> dict[str, Decimal]:
    return {} if distance is None else {distance.unit.value: distance.amount}


def _given(distance: Distance) -> DistanceOut:
    return DistanceOut(**_words(distance))


def _distance(distance: Distance | None) -> DistanceOut | None:
    return None if distance is None else _given(distance)
