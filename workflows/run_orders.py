"""The orders of a run, as its activities are asked for them."""

from datetime import datetime

from domain.day import Day
from domain.entry_size import Buying
from domain.order import Leg, LegKey, OrderTerms, Reason
from domain.reentry import awaited
from domain.run import AwaitPrice, Entered, EnterOrder, ExitOrder, SaleLine, StartRun
from domain.run_texts import exit_words
from domain.strategy import Outcome
from domain.terms import Protect


def entry_order(start: StartRun, day: Day, due_at: datetime | None = None) -> EnterOrder:
    """Return the round's purchase; due at buy_time where no other instant is given."""
    strategy, plan = start.strategy, start.plan
    return EnterOrder(
        _leg(start, day, Leg.ENTRY),
        _terms(start),
        strategy.quantity,
        strategy.stop_loss,
        due_at or plan.buy_at,
        plan.closes_at,
        plan.segment,
        plan.sell_at,
        strategy.terms.target.price if strategy.terms.target is not None else None,
        Buying(strategy.terms.entry, strategy.terms.size, strategy.terms.stop, plan.tick, plan.lot),
        again=start.again is not None,
    )


def awaited_price(start: StartRun, day: Day) -> AwaitPrice | None:
    """Return the price that the round waits for; None where it is bought at once."""
    reenter = start.strategy.terms.reenter
    if reenter is None or start.again is None:
        return None
    price = awaited(reenter, start.plan, start.again)
    return None if price is None else AwaitPrice(_leg(start, day, Leg.ENTRY), _terms(start), price)


def unknown_entry(order: EnterOrder) -> Entered:
    """Return how a purchase ended of which nothing could be found out before the market closed."""
    detail = (
        f"whether {order.quantity or 'shares of'} {order.terms.symbol} were bought could not be found out "
        "before the market closed: the order is in doubt. Look at the account at the broker"
    )
    return Entered(0, outcome=Outcome.ORDER_FAILED, detail=detail, in_doubt=True)


def exit_order(start: StartRun, day: Day, reason: Reason, due_at: datetime) -> ExitOrder:
    """Return the sale of what was bought, for `reason`."""
    hit = day.stop_loss or day.target
    price = hit.price if hit else None
    why = SaleLine(*exit_words(day, reason))
    return ExitOrder(_leg(start, day, Leg.EXIT), _terms(start), day.bought, reason, due_at, price, why=why)


def _leg(start: StartRun, day: Day, leg: Leg) -> LegKey:
    strategy = start.strategy
    return LegKey(strategy.strategy_id, strategy.user_id, start.plan.trading_day, day.round, leg)


def _terms(start: StartRun) -> OrderTerms:
    strategy = start.strategy
    protected = strategy.terms.protect is Protect.EXCHANGE
    where = strategy.exchange, strategy.symbol, strategy.product
    return OrderTerms(*where, start.account, start.plan.most, protected)
