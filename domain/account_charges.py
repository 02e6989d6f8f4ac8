"""Adds up the charges of an account's day over all its strategies, the sales of what is held among them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from domain.charge_schedule import TradeKind, schedule_on
from domain.charges import NOTHING, ExecutedOrder, trade_kind
from domain.day_charges import charges_of_day
from domain.day_round import DayRound


def charges_of_rounds(rounds: Sequence[DayRound], day: date) -> Decimal | None:
    """Return the charges of all rounds in rupees; None where what one of them trades has no known rates.

    STT is rounded and the depository paid by account, symbol and day, so rounds of one symbol go together.
    """
    schedule = schedule_on(day)
    by_share: defaultdict[tuple[str, str, str], list[tuple[ExecutedOrder, ...]]] = defaultdict(list)
    for one in rounds:
        kind = trade_kind(one.exchange, one.symbol, one.product)
        if kind is None:
            return None
        by_share[one.account, one.exchange, one.symbol].append(_executed(one, kind))
    if schedule is None:
        return None
    days = [charges_of_day(group, schedule) for group in by_share.values()]
    return sum((charges.total for of_day in days for charges in of_day), NOTHING)


def _executed(one: DayRound, kind: TradeKind) -> tuple[ExecutedOrder, ...]:
    return tuple(ExecutedOrder(kind, one.exchange, side, count, price) for side, count, price in one.trades)
