"""The order log: what was sent, when, and what became of it."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from adapters.postgres.read_models import OrderLogReader
from api.auth.identity import UserId
from api.dependencies import Dependencies, DependenciesDep
from api.http.cursors import page_of, spot_of
from api.http.json_answer import json_response
from api.schemas import OrderOut, OrderPage
from api.strategies.routes import Cursor, Limit, StrategyId, find

router = APIRouter(tags=["orders"])


@router.get("/orders", responses={200: {"model": OrderPage}})
async def every(user_id: UserId, parts: DependenciesDep, limit: Limit, cursor: Cursor = None) -> Response:
    """All your orders, newest first."""
    return await _page(parts, user_id, limit, cursor)


@router.get("/strategy/{strategy_id}/orders", responses={200: {"model": OrderPage}})
async def of_strategy(
    user_id: UserId, parts: DependenciesDep, strategy_id: StrategyId, limit: Limit, cursor: Cursor = None
) -> Response:
    """One strategy's orders, newest first."""
    await find(parts, user_id, strategy_id)
    return await _page(parts, user_id, limit, cursor, strategy_id)


async def _page(
    parts: Dependencies, user_id: UUID, limit: int, cursor: str | None, strategy_id: UUID | None = None
) -> Response:
    spot = spot_of(cursor)
    async with parts.store.read(user_id) as session:
        found = await OrderLogReader(session, user_id).page(limit + 1, spot, strategy_id)
    orders, following = page_of(found, limit)
    items = [OrderOut.model_validate(order, from_attributes=True) for order in orders]
    return json_response(OrderPage(items=items, next=following))
