"""The order log: what was sent, when, and what became of it."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from adapters.postgres.read_models import OrderLogReader
from api.auth.identity import UserId
from api.dependencies import Dependencies, DependenciesDep
from api.http.cursors import Cursor, Cursors, Limit
from api.http.json_answer import json_response
from api.orders.schemas import OrderOut, OrderPage
from api.strategies.strategy_id import StrategyId
from services.strategies.lookup import find_strategy

router = APIRouter(tags=["orders"])


@router.get("/orders", responses={200: {"model": OrderPage}})
async def every(user_id: UserId, deps: DependenciesDep, limit: Limit, cursor: Cursor = None) -> Response:
    """All your orders, newest first."""
    return await _page(deps, user_id, limit, cursor)


@router.get("/strategy/{strategy_id}/orders", responses={200: {"model": OrderPage}})
async def of_strategy(
    user_id: UserId, deps: DependenciesDep, strategy_id: StrategyId, limit: Limit, cursor: Cursor = None
) -> Response:
    """One strategy's orders, newest first."""
    await find_strategy(deps.store, user_id, strategy_id)
    return await _page(deps, user_id, limit, cursor, strategy_id)


async def _page(
    deps: Dependencies, user_id: UUID, limit: int, cursor: str | None, strategy_id: UUID | None = None
) -> Response:
    cursors = Cursors(user_id, f"orders of {strategy_id}" if strategy_id else "orders")
    spot = cursors.spot(cursor)
    async with deps.store.read(user_id) as session:
        found = await OrderLogReader(session, user_id).page(limit + 1, spot, strategy_id)
    orders, following = cursors.page(found, limit)
    items = [OrderOut.model_validate(order, from_attributes=True) for order in orders]
    return json_response(OrderPage(items=items, next=following))
