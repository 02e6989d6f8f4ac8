"""Judges a day of a series by the broker's own list of that day: lots, ticks and contracts change overnight.

| the list of the day has                             | the day                                              |
|-----------------------------------------------------|------------------------------------------------------|
| the same lot, tick and hours                        | trades                                               |
| another lot, tick or hours, which the terms fit     | trades, planned anew by them                         |
| a lot of which the quantity is no multiple          | is skipped, and says which quantities would do       |
| a share no more                                     | is skipped, and says so                              |
| a contract no more                                  | is skipped, and no day follows: it has expired       |
| nothing that can be read                            | trades by what was known: the broker refuses a wrong |
|                                                     | quantity itself                                      |

A price that the day's tick does not have bars nothing: where stop, target and limit are computed it is
rounded so that the user is never worse off (`domain.standing`, `domain.entry_price`).
"""

from dataclasses import dataclass, replace
from datetime import datetime

from domain.freeze import largest_order
from domain.instrument import Instrument
from domain.session import DayPlan
from domain.strategy import Strategy

CONTRACTS_OF = ("NFO", "BFO")
"""Exchanges of contracts, each with a last day."""


@dataclass(frozen=True, slots=True)
class ListedSymbol:
    """What the broker's list says of a symbol; `known` is False where it could not be read.

    `instrument` is None where it is not known, or not listed.
    """

    known: bool
    instrument: Instrument | None = None


NOT_KNOWN = ListedSymbol(known=False)


def is_contract(strategy: Strategy) -> bool:
    """Tell whether a strategy trades a contract, which expires."""
    return strategy.exchange in CONTRACTS_OF


def has_expired(strategy: Strategy, listed: ListedSymbol) -> bool:
    """Tell whether a strategy's contract is over: no day of it comes again."""
    return listed.known and listed.instrument is None and is_contract(strategy)


def why_not_bought(strategy: Strategy, listed: ListedSymbol) -> str:
    """Say why a strategy cannot be traded by the list of the day, and what to change; empty where it can."""
    if not listed.known:
        return ""
    if listed.instrument is None:
        return _no_more(strategy)
    lot, quantity = listed.instrument.lot_size, strategy.quantity
    if quantity is None or not quantity % lot:
        return ""
    below = quantity // lot * lot
    fit = " or ".join(str(lots) for lots in (below, below + lot) if lots)
    return (
        f"nothing was bought: the lot of {strategy.symbol} is {lot} today, and {quantity} is no multiple of "
        f"it. Edit the quantity to {fit}; the next day is then traded"
    )


def _no_more(strategy: Strategy) -> str:
    if is_contract(strategy):
        return f"nothing was bought: {strategy.symbol} is not traded any more, its contract has expired"
    return (
        f"nothing was bought: {strategy.symbol} is not traded on {strategy.exchange} any more. Edit the "
        "symbol, or stop the strategy; with another symbol the next day is traded"
    )


def with_sizes(plan: DayPlan, listed: Instrument) -> DayPlan:
    """Return the plan with the symbol's steps of price and quantity, and the most of it in one order."""
    most = largest_order(listed.exchange, listed.symbol, listed.lot_size, plan.trading_day)
    return replace(plan, tick=listed.tick_size, lot=listed.lot_size, most=most)


def as_pressed(plan: DayPlan, now: datetime) -> DayPlan:
    """Return the plan of a START with what its sizes are of: while the market is open, of that day's list.

    Before, the list may be yesterday's; and a purchase that is due in seconds must not wait for another look.
    """
    return replace(plan, listed=now >= plan.opens_at)


def same_sizes(plan: DayPlan, other: DayPlan) -> bool:
    """Tell whether two plans are of the same steps of price and quantity, and of one part of the market."""
    return (plan.tick, plan.lot, plan.most, plan.segment) == (
        *(other.tick, other.lot, other.most, other.segment),
    )
