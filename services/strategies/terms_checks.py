"""Names what is wrong with terms that are well-formed each for itself, with what would be right."""

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from itertools import pairwise

from domain.money import decimal_text, on_tick, tick_above, tick_below
from domain.session import clock_text
from domain.terms import After, Distance, Protect, Repeat, Rung, Target, Terms, Unit, When
from domain.terms_texts import distance_words
from services.errors import FieldError


def wrong_reentry(stop_loss: Decimal | None, terms: Terms, buy_time: time | None) -> Iterator[FieldError]:
    """Yield why a strategy cannot be bought again as it says. `buy_time`: None where it is malformed."""
    reenter = terms.reenter
    if reenter is None:
        return
    by_stop = reenter.after in (After.STOP, After.BOTH)
    if reenter.when is When.AT_ONCE and by_stop and stop_loss is not None:
        words = (
            "at_once after a stop at a price would buy at the stop: say at_entry_price, or measure the stop "
            "from the fill (stop)"
        )
        yield FieldError("reenter", "reenter_at_the_stop", words)
    if reenter.after is not After.STOP and terms.target is None:
        yield FieldError("reenter", "no_target", "there is no target to buy again after: say after stop")
    if buy_time is not None and reenter.until <= buy_time:
        words = f"until must be after buy_time, {clock_text(buy_time)}"
        yield FieldError("reenter", "until_before_buy", words)


def wrong_repeat(repeat: Repeat | None, today: date) -> Iterator[FieldError]:
    """Yield why days cannot be repeated as they say. `today`: on the exchange's clock."""
    if repeat is not None and repeat.until is not None and repeat.until < today:
        yield FieldError("repeat", "until_past", f"until must be today, {today}, or later")


def wrong_protection(terms: Terms, *, live: bool, probed: bool) -> Iterator[FieldError]:
    """Yield why the stop cannot lie where the terms want it.

    `live`: real orders at Zerodha. `probed`: the newest live probe of the connected account was passed.
    """
    if terms.protect is Protect.EXCHANGE and live and not probed:
        words = (
            "cannot be exchange with real orders before the connected account has passed "
            "`stopwatch probe --live`, which trades one share: ask the operator for it, or say server"
        )
        yield FieldError("protect", "not_offered", words)


def wrong_terms(stop_loss: Decimal | None, terms: Terms, tick: Decimal | None) -> Iterator[FieldError]:
    """Yield what cannot be together. `tick`: the symbol's price step, None where the symbol is not known."""
    if stop_loss is not None and terms.stop is not None:
        words = "give stop_loss (a price) or stop (measured from the fill), not both"
        yield FieldError("stop", "two_stops", words)
    yield from _wrong_target(stop_loss, terms, tick)
    yield from _wrong_entry(stop_loss, terms, tick)
    yield from _below_a_tick(terms, tick)
    yield from _wrong_rungs(terms.lock)


def _wrong_target(stop_loss: Decimal | None, terms: Terms, tick: Decimal | None) -> Iterator[FieldError]:
    price = terms.target.price if terms.target is not None else None
    if price is None:
        return
    if stop_loss is not None and price <= stop_loss:
        words = f"must be above the stop_loss, {decimal_text(stop_loss)}"
        yield FieldError("target", "target_below_stop", words)
    if tick is not None and not on_tick(price, tick):
        below = price // tick * tick
        near = " or ".join(decimal_text(at) for at in (below, below + tick) if at > 0)
        yield FieldError(
            "target", "off_tick", f"must be a multiple of the tick, {decimal_text(tick)}: {near}"
        )


def _wrong_entry(stop_loss: Decimal | None, terms: Terms, tick: Decimal | None) -> Iterator[FieldError]:
    """Name a limit off the tick or on the wrong side of stop and target, and a chase that cannot run."""
    entry = terms.entry
    if entry is None:
        return
    if entry.price is not None:
        yield from _wrong_limit(entry.price, stop_loss, terms.target, tick)
    buffer, most = entry.buffer, entry.most
    if buffer is not None and most is not None and _is_less(most, buffer):
        words = f"most must be at least the buffer, {distance_words(buffer)}"
        yield FieldError("entry", "most_below_buffer", words)


def _wrong_limit(
    price: Decimal, stop_loss: Decimal | None, target: Target | None, tick: Decimal | None
) -> Iterator[FieldError]:
    if tick is not None and not on_tick(price, tick):
        below, above = tick_below(price, tick), tick_above(price, tick)
        near = " or ".join(decimal_text(at) for at in (below, above) if at > 0)
        words = f"price must be a multiple of the tick, {decimal_text(tick)}: {near}"
        yield FieldError("entry", "off_tick", words)
    if stop_loss is not None and price <= stop_loss:
        words = f"price must be above the stop_loss, {decimal_text(stop_loss)}: it would be sold at once"
        yield FieldError("entry", "entry_below_stop", words)
    if target is not None and target.price is not None and price >= target.price:
        words = f"price must be below the target, {decimal_text(target.price)}: it would be sold at once"
        yield FieldError("entry", "entry_above_target", words)


def _below_a_tick(terms: Terms, tick: Decimal | None) -> Iterator[FieldError]:
    """Name distances in points that no price can move by."""
    if tick is None:
        return
    trail, target = terms.trail, terms.target
    measured = [("stop", "", terms.stop), ("target", "", target.distance if target is not None else None)]
    if terms.entry is not None:
        measured += [("entry", "buffer ", terms.entry.buffer), ("entry", "most ", terms.entry.most)]
    if trail is not None:
        measured += [("trail", "by ", trail.by), ("trail", "every ", trail.every)]
    for field, name, distance in measured:
        if distance is not None and distance.unit is Unit.POINTS and distance.amount < tick:
            words = f"{name}must be at least the symbol's tick, {decimal_text(tick)} points"
            yield FieldError(field, "below_a_tick", words)


def _wrong_rungs(lock: tuple[Rung, ...]) -> Iterator[FieldError]:
    for rung in lock:
        if _is_less(rung.after, rung.keep):
            words = f"keep must be less than after, {distance_words(rung.after)}: the stop is below the price"
            yield FieldError("lock", "keep_above_after", words)
    for lower, higher in pairwise(lock):
        if not _is_less(lower.after, higher.after) and _comparable(lower.after, higher.after):
            words = (
                f"rungs must rise: {distance_words(higher.after)} comes before {distance_words(lower.after)}"
            )
            yield FieldError("lock", "rungs_out_of_order", words)


def _comparable(one: Distance, other: Distance) -> bool:
    """Tell whether they can be compared before the fill: percent and points cannot."""
    return one.unit is other.unit


def _is_less(one: Distance, other: Distance) -> bool:
    """Tell whether it is less for certain."""
    return _comparable(one, other) and one.amount < other.amount
