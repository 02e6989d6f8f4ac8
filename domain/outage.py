"""Times in which no worker lived, and what their users are told afterwards.

| while the server was away          | told when it is back                                               |
|------------------------------------|--------------------------------------------------------------------|
| shares were held under a stop      | from when to when nothing watched the stop, or its order at the    |
|                                    | exchange alone                                                     |
| a sale fell due, the market closed | from when to when it was away, that nothing was tried, what is next |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.run import GoesOn, StartRun
from domain.session import Session, at, exchange_time
from domain.strategy import OnStop, Product

LONG = timedelta(seconds=15)
"""Without any worker's sign of life for so long, it counts as an outage; they give two a second."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From the last sign of life of any worker to the first one after it (aware)."""

    began_at: datetime
    ended_at: datetime


def day_and_time(instant: datetime) -> str:
    """Return `Mon 23 Nov 15:14:00`, by the exchange's clock."""
    local = exchange_time(instant)
    return f"{local:%a} {local.day} {local:%b %H:%M:%S}"


def unwatched_text(symbol: str, began_at: datetime, ended_at: datetime, *, at_exchange: bool = False) -> str:
    """Say that the server did not watch the stop of what is held, from when to when.

    `at_exchange`: an order with this stop rested there when it began.
    """
    away = f"The server was away from {day_and_time(began_at)} to {day_and_time(ended_at)}"
    if at_exchange:
        return f"{away}: the stop of {symbol} was left to its order at the exchange, which was not moved."
    return f"{away}: nothing watched the stop of {symbol}."


def away_text(outages: Sequence[Outage], due_at: datetime, closed_at: datetime) -> str:
    """Say why nothing was tried for a sale that was due before a close."""
    during = [one for one in outages if one.began_at < closed_at and one.ended_at > due_at]
    due = f"Nothing was tried when the sale was due, {day_and_time(due_at)}: "
    if not during:
        return f"{due}the run stood still until the market had closed."
    began, ended = min(one.began_at for one in during), max(one.ended_at for one in during)
    return f"{due}the server was away from {day_and_time(began)} to {day_and_time(ended)}."


def goes_on(start: StartRun, session: Session, held: int, why: str, now: datetime) -> GoesOn:
    """Return how a day goes on that was slept through: sold at the opening, or watched, by on_stop.

    Intraday shares do not: the broker squares them off.
    """
    strategy = start.strategy
    if strategy.product is Product.MIS:
        return GoesOn(f"{why} The broker squares intraday positions off: look at the account there.")
    opens_at = max(now, session.opens_at)
    when = "now" if opens_at == now else f"when the market opens, {day_and_time(opens_at)}"
    if strategy.on_stop is OnStop.EXIT or start.sell_only:
        words = f"{why} {held} {strategy.symbol} are sold {when}."
        return GoesOn(words, opens_at, opens_at, session.closes_at)
    latest = session.closes_at - LAST
    sell_at = max(opens_at, min(at(session.day, strategy.sell_time), latest))
    words = (
        f"{why} {held} {strategy.symbol} are held on: their stop is watched again {when}, and they are sold "
        f"{day_and_time(sell_at)} at the latest."
    )
    return GoesOn(words, opens_at, sell_at, session.closes_at)


LAST = timedelta(minutes=1)
"""How long before the close they are sold at the latest."""
