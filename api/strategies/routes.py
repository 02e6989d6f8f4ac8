"""`/strategy`: create, copy, read, edit, start, stop, delete, and what happened."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from adapters.postgres.read_models import TimelineReader
from adapters.postgres.strategy_view_row import StrategyViewRow, read_strategy_page
from api.auth.identity import UserId
from api.dependencies import Dependencies, DependenciesDep
from api.http.cursors import Cursor, Cursors, Limit
from api.http.idempotency import Key
from api.http.json_answer import json_response
from api.http.limits import limited
from api.http.request_json import body_of, documented, read_object
from api.strategies.answer import started_out, strategies_out, strategy_out
from api.strategies.check_schema import CheckOut, check_out
from api.strategies.schemas import (
    EventOut,
    EventPage,
    SkipIn,
    StartedOut,
    StartIn,
    StopIn,
    StrategyChange,
    StrategyIn,
    StrategyOut,
    StrategyPage,
    change_of,
    draft_of,
)
from api.strategies.strategy_id import StrategyId
from domain.strategy import OnStop
from services.strategies.deletion import delete_strategy
from services.strategies.lookup import find_strategy

router = APIRouter(prefix="/strategy", tags=["strategy"])


@router.post(
    "/create",
    status_code=201,
    openapi_extra=documented(StrategyIn),
    responses={201: {"model": StrategyOut}},
    dependencies=[limited("POST /strategy/create")],
)
async def create(
    user_id: UserId, deps: DependenciesDep, key: Key, body: Annotated[dict[str, Any], Depends(read_object)]
) -> Response:
    """Create a strategy; it does nothing before it is started. Repeated under its key it is the same one.

    The key of a strategy that was deleted since is refused (409 `key_used`): nothing is created again.
    """
    draft, malformed = draft_of(body)
    created = await deps.creation.create(user_id, draft, key, malformed)
    return await _answer(deps, created, 201, look_at_market=True)


@router.post(
    "/check",
    openapi_extra=documented(StrategyIn),
    responses={200: {"model": CheckOut}},
    dependencies=[limited("POST /strategy/check")],
)
async def check(
    user_id: UserId, deps: DependenciesDep, body: Annotated[dict[str, Any], Depends(read_object)]
) -> Response:
    """Say what a START of this strategy would come to; nothing is written.

    The body is that of `/strategy/create`, and what is wrong with it is the same 422. What the broker does
    not say within five seconds is null, with a warning.
    """
    draft, malformed = draft_of(body)
    return json_response(check_out(await deps.checker.check(user_id, draft, malformed)))


@router.get("", responses={200: {"model": StrategyPage}})
async def page(user_id: UserId, deps: DependenciesDep, limit: Limit, cursor: Cursor = None) -> Response:
    """Your strategies, newest first."""
    cursors = Cursors(user_id, "strategies")
    spot = cursors.spot(cursor)
    found = await read_strategy_page(deps.store, user_id, limit + 1, spot)
    rows, following = cursors.page(found, limit)
    items = await strategies_out(deps, rows)
    return json_response(StrategyPage(items=items, next=following))


@router.post(
    "/start",
    openapi_extra=documented(StartIn),
    responses={200: {"model": StartedOut}},
    dependencies=[limited("POST /strategy/start")],
)
async def start(
    user_id: UserId, deps: DependenciesDep, key: Key, body: Annotated[StartIn, Depends(body_of(StartIn))]
) -> Response:
    """Start the next trading day on which buy_time is still ahead. Idempotent while it runs.

    Sent again under its Idempotency-Key it begins no further day, whatever has ended since.
    Where the broker says in time that funds are missing, `warnings` of this answer says so.
    """
    bind_contextvars(strategy_id=str(body.strategy_id))
    stands, told = await deps.starter.start(user_id, body.strategy_id, key)
    _name(stands)
    return json_response(await started_out(deps, stands, told))


@router.post(
    "/stop",
    openapi_extra=documented(StopIn),
    responses={200: {"model": StrategyOut}, 202: {"model": StrategyOut}},
    dependencies=[limited("POST /strategy/stop")],
)
async def stop(
    user_id: UserId, deps: DependenciesDep, body: Annotated[StopIn, Depends(body_of(StopIn))]
) -> Response:
    """Stop: 200 when it is over, 202 while the exit goes on by itself."""
    bind_contextvars(strategy_id=str(body.strategy_id))
    on_stop = OnStop(body.on_stop) if body.on_stop else None
    stands, over = await deps.stopper.stop(user_id, body.strategy_id, on_stop)
    return await _answer(deps, stands, 200 if over else 202)


@router.get("/{strategy_id}", responses={200: {"model": StrategyOut}})
async def one(user_id: UserId, deps: DependenciesDep, strategy_id: StrategyId) -> Response:
    """One strategy."""
    return await _answer(deps, await find_strategy(deps.store, user_id, strategy_id))


@router.patch(
    "/{strategy_id}",
    openapi_extra=documented(StrategyChange),
    responses={200: {"model": StrategyOut}},
    dependencies=[limited("PATCH /strategy/{strategy_id}")],
)
async def edit(
    user_id: UserId,
    deps: DependenciesDep,
    strategy_id: StrategyId,
    body: Annotated[dict[str, Any], Depends(read_object)],
) -> Response:
    """Edit the terms of a strategy that is not running, or waits for its next day; the rest stays as it is.

    null takes `stop`, `target`, `trail` or `lock` away. `stop` takes the place of `stop_loss`, and the other
    way round. The whole of it is checked as a new strategy is. Idempotent, so it needs no Idempotency-Key.
    """
    edited = await deps.editor.edit(user_id, strategy_id, change_of(body))
    return await _answer(deps, edited, look_at_market=True)


@router.post(
    "/{strategy_id}/copy",
    status_code=201,
    responses={201: {"model": StrategyOut}},
    dependencies=[limited("POST /strategy/{strategy_id}/copy")],
)
async def copy(user_id: UserId, deps: DependenciesDep, strategy_id: StrategyId, key: Key) -> Response:
    """Create a strategy with the same terms. Repeated under its key it is the same copy."""
    copied = await deps.creation.copy(user_id, strategy_id, key)
    return await _answer(deps, copied, 201, look_at_market=True)


@router.post(
    "/{strategy_id}/skip",
    openapi_extra=documented(SkipIn),
    responses={200: {"model": StrategyOut}},
    dependencies=[limited("POST /strategy/{strategy_id}/skip")],
)
async def skip(
    user_id: UserId,
    deps: DependenciesDep,
    strategy_id: StrategyId,
    body: Annotated[SkipIn, Depends(body_of(SkipIn))],
) -> Response:
    """Leave a day out of a strategy that repeats. Refused once the day has orders (409 `day_has_orders`)."""
    return await _answer(deps, await deps.skipper.skip(user_id, strategy_id, body.trading_day))


@router.delete("/{strategy_id}", status_code=204, dependencies=[limited("DELETE /strategy/{strategy_id}")])
async def delete(user_id: UserId, deps: DependenciesDep, strategy_id: StrategyId) -> Response:
    """Delete a strategy that is not running, with its orders and timeline."""
    await delete_strategy(deps.store, user_id, strategy_id)
    return Response(status_code=204)


@router.get("/{strategy_id}/timeline", responses={200: {"model": EventPage}})
async def timeline(
    user_id: UserId, deps: DependenciesDep, strategy_id: StrategyId, limit: Limit, cursor: Cursor = None
) -> Response:
    """What happened, when and why; oldest first."""
    cursors = Cursors(user_id, f"timeline of {strategy_id}")
    after = cursors.number(cursor) or 0
    await find_strategy(deps.store, user_id, strategy_id)
    async with deps.store.read(user_id) as session:
        events = await TimelineReader(session, user_id).after(strategy_id, after, limit + 1)
    following = cursors.number_text(events[limit - 1].event_id) if len(events) > limit else None
    items = [EventOut.model_validate(event, from_attributes=True) for event in events[:limit]]
    return json_response(EventPage(items=items, next=following))


async def _answer(
    deps: Dependencies,
    stands: StrategyViewRow,
    status: int = 200,
    *,
    look_at_market: bool = False,
) -> Response:
    _name(stands)
    return json_response(await strategy_out(deps, stands, look_at_market=look_at_market), status)


def _name(stands: StrategyViewRow) -> None:
    """Have the request's last line name what it was about, a new strategy and a new run included."""
    record = stands.record
    bind_contextvars(strategy_id=str(record.strategy.strategy_id), run_id=record.run_id)
