"""`/strategy`: create, read, start, stop, delete, and what happened."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response
from structlog.contextvars import bind_contextvars

from adapters.postgres.accounts import BrokerAccounts
from adapters.postgres.read_models import TimelineReader
from adapters.postgres.strategies import Deletion, IdUsed, Strategies, StrategyRecord
from adapters.postgres.strategy_view_row import StrategyViewRow, read_strategy_view
from api.account.audit import audit
from api.auth.identity import UserId
from api.broker.service import START_LASTS
from api.dependencies import Dependencies, DependenciesDep
from api.http.cursors import event_cursor, event_of, limit_of, page_of, spot_of
from api.http.errors import Conflict, NotFound
from api.http.idempotency import Key, key_reused, key_used, strategy_id_for
from api.http.json_answer import decimal_text, json_response
from api.http.limits import limited
from api.http.request_json import body_of, documented, read_object
from api.schemas import EventOut, EventPage, StartIn, StopIn, StrategyIn, StrategyOut, StrategyPage
from api.strategies import creation, starting, stopping
from api.strategies.view import shown
from domain.audit import Action
from domain.errors import CacheUnavailable
from domain.session import clock_text
from domain.strategy import OnStop, Status, Strategy

router = APIRouter(prefix="/strategy", tags=["strategy"])


async def strategy_id_of(strategy_id: Annotated[str, Path()]) -> UUID:
    """Return the id of the path; what is no id at all is as unknown as any other."""
    try:
        found = UUID(strategy_id)
    except ValueError:
        raise NotFound from None
    bind_contextvars(strategy_id=str(found))
    return found


StrategyId = Annotated[UUID, Depends(strategy_id_of)]
Limit = Annotated[int, Depends(limit_of)]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]


@router.post(
    "/create",
    status_code=201,
    openapi_extra=documented(StrategyIn),
    responses={201: {"model": StrategyOut}},
    dependencies=[limited("create")],
)
async def create(
    user_id: UserId, parts: DependenciesDep, key: Key, body: Annotated[dict[str, Any], Depends(read_object)]
) -> Response:
    """Create a strategy; it does nothing before it is started. Repeated under its key it is the same one.

    The key of a strategy that was deleted since is refused (409 `key_used`): nothing is created again.
    """
    now = parts.clock.now()
    strategy = await creation.checked(parts, user_id, body, now)
    strategy = replace(strategy, strategy_id=strategy_id_for(user_id, key))
    segment = await starting.segment_of(parts, strategy)
    warnings = creation.foreseen(strategy, parts.calendar, segment, now)
    try:
        async with parts.store.work(user_id) as session:
            record, is_new = await Strategies(session, user_id).create(strategy, warnings)
            account = await BrokerAccounts(session, user_id).get()
            if is_new:
                await audit(
                    session, user_id, Action.STRATEGY_CREATE, str(strategy.strategy_id), _terms(strategy)
                )
    except IdUsed:
        raise key_used() from None
    if record.strategy != strategy:
        raise key_reused()
    return await _answer(parts, StrategyViewRow(record, account), 201, look_at_market=True)


@router.get("", responses={200: {"model": StrategyPage}})
async def page(user_id: UserId, parts: DependenciesDep, limit: Limit, cursor: Cursor = None) -> Response:
    """Your strategies, newest first."""
    spot = spot_of(cursor)
    async with parts.store.read(user_id) as session:
        found = await Strategies(session, user_id).page(limit + 1, spot)
        account = await BrokerAccounts(session, user_id).get()
    records, following = page_of(found, limit)
    prices = await _last_prices(parts, records)
    now = parts.clock.now()
    items = [shown(record, account, now, prices.get(record.strategy.strategy_id)) for record in records]
    return json_response(StrategyPage(items=items, next=following))


@router.post(
    "/start",
    openapi_extra=documented(StartIn),
    responses={200: {"model": StrategyOut}},
    dependencies=[limited("start")],
)
async def start(
    user_id: UserId, parts: DependenciesDep, body: Annotated[StartIn, Depends(body_of(StartIn))]
) -> Response:
    """Start the next trading day on which buy_time is still ahead. Idempotent while it runs."""
    bind_contextvars(strategy_id=str(body.strategy_id))
    now_stands = await starting.start(parts, user_id, body.strategy_id)
    return await _answer(parts, now_stands, look_at_market=True)


@router.post(
    "/stop",
    openapi_extra=documented(StopIn),
    responses={200: {"model": StrategyOut}, 202: {"model": StrategyOut}},
)
async def stop(
    user_id: UserId, parts: DependenciesDep, body: Annotated[StopIn, Depends(body_of(StopIn))]
) -> Response:
    """Stop: 200 when it is over, 202 while the exit goes on by itself."""
    bind_contextvars(strategy_id=str(body.strategy_id))
    on_stop = OnStop(body.on_stop) if body.on_stop else None
    now_stands, over = await stopping.stop(parts, user_id, body.strategy_id, on_stop)
    return await _answer(parts, now_stands, 200 if over else 202)


@router.get("/{strategy_id}", responses={200: {"model": StrategyOut}})
async def one(user_id: UserId, parts: DependenciesDep, strategy_id: StrategyId) -> Response:
    """One strategy."""
    return await _answer(parts, await find(parts, user_id, strategy_id))


@router.delete("/{strategy_id}", status_code=204)
async def delete(user_id: UserId, parts: DependenciesDep, strategy_id: StrategyId) -> Response:
    """Delete a strategy that is not running, with its orders and timeline."""
    async with parts.store.work(user_id) as session:
        deletion = await Strategies(session, user_id).delete(strategy_id, START_LASTS)
        if deletion is Deletion.DONE:
            await audit(session, user_id, Action.STRATEGY_DELETE, str(strategy_id))
    if deletion is Deletion.UNKNOWN:
        raise NotFound
    if deletion is not Deletion.DONE:
        raise Conflict(*_UNDELETABLE[deletion])
    return Response(status_code=204)


@router.get("/{strategy_id}/timeline", responses={200: {"model": EventPage}})
async def timeline(
    user_id: UserId, parts: DependenciesDep, strategy_id: StrategyId, limit: Limit, cursor: Cursor = None
) -> Response:
    """What happened, when and why; oldest first."""
    after = event_of(cursor)
    await find(parts, user_id, strategy_id)
    async with parts.store.read(user_id) as session:
        events = await TimelineReader(session, user_id).after(strategy_id, after, limit + 1)
    following = event_cursor(events[limit - 1].event_id) if len(events) > limit else None
    items = [EventOut.model_validate(event, from_attributes=True) for event in events[:limit]]
    return json_response(EventPage(items=items, next=following))


async def find(parts: Dependencies, user_id: UUID, strategy_id: UUID) -> StrategyViewRow:
    """Return the caller's strategy. Raises `NotFound`."""
    found = await read_strategy_view(parts.store, user_id, strategy_id)
    if found is None:
        raise NotFound
    return found


async def _answer(
    parts: Dependencies, stands: StrategyViewRow, status: int = 200, *, look_at_market: bool = False
) -> Response:
    record = stands.record
    # The request's last line names what it was about, a new strategy and a new run included.
    bind_contextvars(strategy_id=str(record.strategy.strategy_id), run_id=record.run_id)
    last_price = (await _last_prices(parts, [record])).get(record.strategy.strategy_id)
    market_price = await _market_price(parts, record) if look_at_market and last_price is None else None
    answer = shown(record, stands.account, parts.clock.now(), last_price, market_price)
    return json_response(answer, status)


def _terms(strategy: Strategy) -> str:
    times = f"{clock_text(strategy.buy_time)} to {clock_text(strategy.sell_time)}"
    what = f"{strategy.exchange}:{strategy.symbol} ×{strategy.quantity} {strategy.product.value}"
    return f"{what}, {times}, stop_loss {decimal_text(strategy.stop_loss)}, on_stop {strategy.on_stop.value}"


async def _last_prices(parts: Dependencies, records: Sequence[StrategyRecord]) -> dict[UUID, Decimal]:
    ids = [record.strategy.strategy_id for record in records if record.status is Status.RUNNING]
    if not ids:
        return {}
    try:
        return dict(await parts.prices.last_prices(ids))
    except CacheUnavailable:
        return {}  # not known, as before the first tick


async def _market_price(parts: Dependencies, record: StrategyRecord) -> Decimal | None:
    try:
        return await parts.prices.of_symbol(record.strategy.exchange, record.strategy.symbol)
    except CacheUnavailable:
        return None


_UNDELETABLE = {
    Deletion.RUNNING: ("strategy_running", "This strategy is running: stop it first."),
    Deletion.STARTING: (
        "strategy_running",
        "This strategy is being started: stop it first, or try again in a few seconds.",
    ),
    Deletion.POSITION_OPEN: (
        "position_open",
        'Shares of an exit that failed are still held: POST /strategy/stop with on_stop "exit" sells them.',
    ),
    Deletion.IN_DOUBT: (
        "order_in_doubt",
        "The broker has not answered for an order of this trading day; if it turns up, this strategy is how "
        "we know whose it is. Delete it after the market has closed.",
    ),
}
