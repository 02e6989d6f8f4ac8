"""Says the terms of a strategy in words, for its timeline, the audit and Temporal's Web UI."""

from collections.abc import Callable
from decimal import Decimal

from domain.money import decimal_text, price_text
from domain.strategy import Strategy
from domain.terms import Distance, Rung, Trail, Unit


def terms_words(strategy: Strategy, price: Callable[[Decimal], str] = price_text) -> str:
    """Return stop, target and what moves them: `stop 1 % below the entry, target 1050.00, trail by 5 points`.

    `price` writes a price.
    """
    terms = strategy.terms
    words = [f"stop {_level(strategy.stop_loss, terms.stop, 'below', price)}"]
    if terms.target is not None:
        words.append(f"target {_level(terms.target.price, terms.target.distance, 'above', price)}")
    if terms.trail is not None:
        words.append(f"trail {_trail(terms.trail)}")
    words += [f"lock {_rung(rung)}" for rung in terms.lock]
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


def _rung(rung: Rung) -> str:
    return f"{distance_words(rung.keep)} after {distance_words(rung.after)}"
