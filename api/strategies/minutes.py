"""`/strategy/{id}/minutes`: the day's prices with the stop as it moved, for a chart."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from api.auth.identity import UserId
from api.dependencies import Dependencies, DependenciesDep
from api.http.bodies import ResponseBody
from api.http.fields import Money
from api.http.json_answer import json_response
from api.strategies.strategy_id import StrategyId
from domain.errors import CacheUnavailable
from domain.minute_price import MinutePrice
from domain.session import exchange_time
from services.strategies.lookup import find_strategy

router = APIRouter(prefix="/strategy", tags=["strategy"])


class MinuteOut(ResponseBody):
    """`stop_price`: where the stop stood then; null while none was watched."""

    at: datetime
    price: Money
    stop_price: Money | None


class MinutePage(ResponseBody):
    """All of them: a day has a few hundred. `next` is there because every list has it."""

    items: list[MinuteOut]
    next: Literal[None] = None


@router.get("/{strategy_id}/minutes", responses={200: {"model": MinutePage}})
async def minutes(user_id: UserId, deps: DependenciesDep, strategy_id: StrategyId) -> Response:
    """The symbol's price at each full minute of the strategy's trading day, oldest first: for a chart.

    It is known from START on, while the strategy runs, and until the evening; a minute in which no price was
    known is left out, and all are where they cannot be read. Nothing is decided by it.
    """
    record = (await find_strategy(deps.store, user_id, strategy_id)).record
    known = await _known(deps, record.strategy.strategy_id)
    day = [one for one in known if exchange_time(one.at).date() == record.trading_day]
    items = [MinuteOut(at=exchange_time(one.at), price=one.price, stop_price=one.stop) for one in day]
    return json_response(MinutePage(items=items))


async def _known(deps: Dependencies, strategy_id: StrategyId) -> list[MinutePrice]:
    try:
        return await deps.prices.minutes_of(strategy_id)
    except CacheUnavailable:
        return []
