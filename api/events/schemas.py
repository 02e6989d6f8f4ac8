"""Describes the events of `/events` that are neither a timeline's lines nor a strategy."""

from decimal import Decimal
from uuid import UUID

from adapters.postgres.strategies import StrategyRecord
from api.http.bodies import ResponseBody
from api.http.fields import Money
from api.strategies.view import charges, profit


class PriceOut(ResponseBody):
    """A running strategy's last price, and what it is worth at that; null where it is not known."""

    strategy_id: UUID
    last_price: Money
    pnl: Money | None
    net_pnl: Money | None


class DeletedOut(ResponseBody):
    """A strategy that is gone."""

    strategy_id: UUID


def price_out(record: StrategyRecord, last: Decimal) -> PriceOut:
    """Return what a strategy has won or lost at a price, before and after charges."""
    won, cost = profit(record, last), charges(record)
    net = None if won is None or cost is None else won - cost.in_paise().total
    return PriceOut(strategy_id=record.strategy.strategy_id, last_price=last, pnl=won, net_pnl=net)
