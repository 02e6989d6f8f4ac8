"""Says the terms of a strategy in words, for its timeline, the audit and Temporal's Web UI."""

from collections.abc import Callable
from decimal import Decimal

from domain.money import decimal_text, price_text
from domain.session import clock_text
from domain.strategy import Strategy
from domain.terms import After, Distance, Entry, Reenter, Repeat, Rung, SizeBy, Trail, Unit, When


def shares_words(strategy: Strategy) -> str:
    """Return how many shares: `10`, `what 50000 rupees buy`, `what risks 500 rupees`."""
    size = strategy.terms.size
    if size is None:
        return str(strategy.quantity)
    rupees = decimal_text(size.rupees)
    return f"what {rupees} rupees buy of" if size.by is SizeBy.AMOUNT else f"what risks {rupees} rupees of"


def times_words(strategy: Strategy) -> str:
    """Return the same behind a symbol: `×10`, `for 50000 rupees`, `risking 500 rupees`."""
    size = strategy.terms.size
    if size is None:
        return f"×{strategy.quantity}"
    return f"{'for' if size.by is SizeBy.AMOUNT else 'risking'} {decimal_text(size.rupees)} rupees"


def entry_words(entry: Entry, price: Callable[[Decimal], str] = price_text) -> str:
    """Return how it is bought: `limit 99.50 for 60 s`, `chase 1 points and at most 5 points for 60 s`."""
    if entry.price is not None:
        return f"limit {price(entry.price)} for {entry.for_seconds} s"
    buffer, most = (distance_words(one) if one else "0" for one in (entry.buffer, entry.most))
    return f"chase {buffer}, at most {most}, for {entry.for_seconds} s"


def terms_words(strategy: Strategy, price: Callable[[Decimal], str] = price_text) -> str:
    """Return stop, target and what moves them: `stop 1 % below the entry, target 1050.00, trail by 5 points`.

    `price` writes a price.
    """
    terms = strategy.terms
    words = [] if terms.entry is None else [f"entry {entry_words(terms.entry, price)}"]
    words += [f"stop {_level(strategy.stop_loss, terms.stop, 'below', price)}"]
    if terms.target is not None:
        words.append(f"target {_level(terms.target.price, terms.target.distance, 'above', price)}")
    if terms.trail is not None:
        words.append(f"trail {_trail(terms.trail)}")
    words += [f"lock {_rung(rung)}" for rung in terms.lock]
    if terms.reenter is not None:
        words.append(_reenter(terms.reenter))
    if terms.repeat is not None:
        words.append(repeat_words(terms.repeat))
    return ", ".join(words)


def distance_words(distance: Distance) -> str:
    """Return `1.5 %` or `12.5 points`."""
    unit = "points" if distance.unit is Unit.POINTS else "%"
    return f"{decimal_text(distance.amount)} {unit}"


def _level(at: Decimal | None, distance: Distance | None, side: str, price: Callable[[Decimal], str]) -> str:
    if at is not None:
        return price(at)
    return f"{distance_words(distance)} {side} the entry" if distance is not None else "unknown"


def _trail(trail: Trail) -> str:
    words = f"by {distance_words(trail.by)}"
    if trail.every is not None:
        words += f" every {distance_words(trail.every)}"
    return words if trail.after is None else f"{words} after {distance_words(trail.after)}"


def _reenter(reenter: Reenter) -> str:
    after = {After.STOP: "the stop", After.TARGET: "the target", After.BOTH: "either"}[reenter.after]
    when = "at once" if reenter.when is When.AT_ONCE else "at the entry's price"
    times = "once" if reenter.times == 1 else f"up to {reenter.times} times"
    return f"bought again {when} after {after}, {times}, until {clock_text(reenter.until)}"


def repeat_words(repeat: Repeat) -> str:
    """Return on which days it trades: `every trading day among mon, tue, until 2026-12-31`."""
    days = ", ".join(day.value for day in repeat.days)
    until = f", until {repeat.until}" if repeat.until is not None else ""
    return f"every trading day among {days}{until}"


def _rung(rung: Rung) -> str:
    return f"{distance_words(rung.keep)} after {distance_words(rung.after)}"
