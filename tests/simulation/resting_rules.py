"""What must hold of a protected exit in every state, whatever has happened."""

from functools import lru_cache

from domain.order import OrderStatus
from domain.protected_exit import (
    Aim,
    Cancel,
    Done,
    Follow,
    Modify,
    Place,
    SellRest,
    ToMarket,
    Wait,
)
from domain.resting_facts import Ended
from tests.simulation.resting_exchange import NEVER, WAITS
from tests.simulation.resting_facts import BETWEEN, Facts, Row, sold
from tests.simulation.resting_world import World, decided

MOST_ATTEMPTS = 20
MOVES, CHANGES = 20, 25


def wrong(world: World) -> str:
    """Return what is wrong with a state; empty where nothing is."""
    if world.exchange.wrong:
        return world.exchange.wrong
    return _too_much(world) or (_decided_wrongly(world.facts) if world.call is None else "") or _ended(world)


def oversold(world: World) -> bool:
    """Tell whether more was sold than the account had: a hand sold the same shares a moment before."""
    return world.exchange.held < 0


def _too_much(world: World) -> str:
    """Check the invariant of invariants at the exchange itself."""
    exchange, facts = world.exchange, world.facts
    # Only a sale, which is in a hurry, is sent beside one that may show later than it looks for it.
    beyond = world.beyond and facts.aim is not Aim.PROTECT
    sold_there = sum(order.filled for order in exchange.orders)
    if sold_there + exchange.may_sell > facts.bought and not beyond:
        return f"{sold_there} sold and {exchange.may_sell} may be, of {facts.bought}"
    if exchange.held < -world.by_hand and not beyond:
        return "more was sold than a hand explains"
    if exchange.may_sell > exchange.held + world.by_hand and not beyond:
        return f"{exchange.may_sell} may be sold of {exchange.held}"
    return ""


@lru_cache(maxsize=500_000)
def _decided_wrongly(facts: Facts) -> str:
    """Check a decision against what was known when it was made."""
    action = decided(facts)
    can_trade = sum(_left(row) for row in facts.rows)
    unsold = facts.bought - sold(facts.rows)
    allowed = unsold if facts.account is None else min(unsold, facts.account)
    if isinstance(action, Place | SellRest) and can_trade + action.quantity > allowed:
        return f"{action} although {can_trade} of {allowed} may be sold already"
    asked = any(row.is_open and row.cancel != NEVER for row in facts.rows)
    unanswered = any(row.status is OrderStatus.SENT for row in facts.rows)
    late = can_trade > allowed and facts.reachable and not asked and not unanswered
    if late and not isinstance(action, Cancel):
        return f"{action} before the order is cancelled that sells too much"
    if isinstance(action, ToMarket | Modify) and action.order.may_trade > allowed:
        return f"{action} of an order that sells too much"
    if isinstance(action, Place | SellRest | Modify) and not facts.may_write:
        return f"{action} without the right to it"
    if isinstance(action, ToMarket | SellRest) and facts.aim is not Aim.SELL:
        return f"{action} without a sale"
    if isinstance(action, Place) and any(row.ended is Ended.HAND for row in facts.rows):
        return "a cancellation by hand is fought"
    if isinstance(action, ToMarket | Modify):
        most = CHANGES if isinstance(action, ToMarket) else MOVES
        if action.number > most:
            return f"the change {action.number} of one order"
    if any(row.number > MOST_ATTEMPTS for row in facts.rows):
        return "attempts without end"
    if isinstance(action, Wait | Follow | Done) and _exchange_was_left_first(facts):
        return "waits for the exchange above its trigger"
    return ""


def _left(row: Row) -> int:
    """Return what an attempt may still sell, as far as the book has shown: counted here anew."""
    if row.status not in (OrderStatus.OPEN, OrderStatus.SENT):
        return 0
    return (row.quantity if row.seen is None else row.seen[2]) - row.filled


def _exchange_was_left_first(facts: Facts) -> bool:
    """Tell whether a sale waits although its resting order cannot be triggered by the price that acts."""
    return (
        facts.aim is Aim.SELL
        and facts.acting == BETWEEN
        and facts.reachable
        and facts.account is not None
        and any(
            row.is_open and row.seen is not None and row.seen[:2] == (True, 1) and row.change is None
            and row.cancel == NEVER
            for row in facts.rows
        )
    )  # fmt: skip


def _ended(world: World) -> str:
    if not world.done:
        return ""
    exchange, facts = world.exchange, world.facts
    if exchange.may_sell and facts.reachable:
        return "an order is alive after the end"
    left = facts.bought - sum(order.filled for order in exchange.orders) - world.by_hand
    if left > 0 and facts.aim is not Aim.RELEASE and not facts.over:
        return f"{left} shares are left unsold"
    known = sold(facts.rows) == sum(order.filled for order in exchange.orders)
    if not known and facts.reachable:
        return "not all that was sold is known"
    return ""


def unprotected(world: World) -> bool:
    """Tell whether held shares have no stop at the exchange."""
    resting = sum(order.left for order in world.exchange.orders if order.status == WAITS)
    return resting < world.facts.bought
