"""Describes what was asked of an order that rests at the exchange, and why it ended, as written down."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Ended(StrEnum):
    """Why an order was cancelled."""

    ASKED = "asked"
    """By the product."""
    HAND = "hand"
    """By the user, in the broker's app."""
    SWEPT = "swept"
    """By the exchange, with all stops of shares that have a closing auction."""
    OUT_OF_RANGE = "out of range"
    """By the exchange, at its trigger: 17070."""
    SELF_TRADE = "self trade"
    """By the exchange: it would have traded with another order of the same person."""
    OTHER = "other"
    """By the broker or the exchange, with a reason that is not known here."""


@dataclass(frozen=True, slots=True)
class Change:
    """A modification that was asked for: the n-th of its order, counted from 1. At the market: no trigger.

    `refused`: the broker has answered that it did not do it. That is believed only where the book agrees.
    """

    number: int
    trigger: Decimal | None
    asked_at: datetime
    refused: bool = False
    shown: bool = False
    """The order book has shown it."""


@dataclass(frozen=True, slots=True)
class RestingFacts:
    """What is known of an order that was sent as a stop, beside what its attempt says.

    `triggers`: all that were asked for, with the first. `market_tries`: how often it was asked to become a
    market order. `used_up`: the broker has said that it takes no more modifications of it.
    """

    triggers: tuple[Decimal, ...]
    change: Change | None = None
    market_tries: int = 0
    used_up: bool = False
    cancel_asked_at: datetime | None = None
    ended: Ended | None = None
    ended_at: datetime | None = None
