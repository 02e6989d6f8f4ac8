"""Says the terms of version 2 in answers, and as a body that would create them."""

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from api.http.bodies import ResponseBody
from api.http.fields import Money
from api.http.words import AfterWord, ProtectWord, WeekdayWord, WhenWord
from domain.session import clock_text
from domain.terms import Distance, Entry, Protect, Reenter, Repeat, Size, SizeBy, Terms


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
    if terms.protect is not Protect.SERVER:
        said["protect"] = terms.protect.value
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
    after: AfterWord
    when: WhenWord
    until: str


class RepeatOut(ResponseBody):
    days: list[WeekdayWord]
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
    protect: ProtectWord


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
        protect=terms.protect.value,
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
