"""`/strategy/{id}/events`: the timeline, live, as Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from adapters.postgres.read_models import EventRecord, TimelineReader
from api.auth.identity import CallerDep
from api.dependencies import Dependencies, DependenciesDep
from api.http.cursors import is_event_id
from api.http.json_answer import to_json
from api.strategies.schemas import EventOut
from api.strategies.strategy_id import StrategyId
from domain.errors import StoreUnavailable
from services.auth.tokens import Caller
from services.errors import FieldError, Invalid
from services.strategies.lookup import find_strategy

BATCH = 100
PING_SECONDS = 15
SEND_SECONDS = 30
"""A client that takes nothing for this long is gone."""

router = APIRouter(tags=["strategy"])


@router.get("/strategy/{strategy_id}/events", response_class=EventSourceResponse)
async def events(
    request: Request,
    found: CallerDep,
    deps: DependenciesDep,
    strategy_id: StrategyId,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The timeline from the beginning, or after Last-Event-ID, and then live.

    An id beyond all that there are (the database was set back) begins anew, with the first line.
    The stream ends when the access token does, or its login: come back with a new one and Last-Event-ID.
    """
    after = _after(last_event_id)
    await find_strategy(deps.store, found.user_id, strategy_id)
    return EventSourceResponse(
        _counted(request, _lines(deps, found, strategy_id, after)),
        ping=PING_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="ping"),
        sep="\n",
        send_timeout=SEND_SECONDS,
    )


async def _lines(
    deps: Dependencies, caller: Caller, strategy_id: UUID, after: int
) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="following", retry=1000)
    async with deps.event_notifier.of(strategy_id) as wakeup:
        while deps.clock.now() < caller.expires_at and not await _ended(deps, caller):
            batch, last = await _read(deps, caller.user_id, strategy_id, after)
            if last is not None and last < after:
                after = 0
                yield ServerSentEvent(comment="beginning anew: there is no event of that id any more")
                continue
            for event in batch:
                after = event.event_id
                yield _line(event)
            if len(batch) < BATCH:
                await wakeup.wait(deps.look_every_seconds)


async def _read(
    deps: Dependencies, user_id: UUID, strategy_id: UUID, after: int
) -> tuple[list[EventRecord], int | None]:
    """Return the lines after an id; where there are none, the newest id as well, None while it is unknown.

    Asked each time, since a database may be set back while a stream is open.
    """
    try:
        async with deps.store.read(user_id) as session:
            timeline = TimelineReader(session, user_id)
            lines = list(await timeline.after(strategy_id, after, BATCH))
            newest = await timeline.last_id(strategy_id) if after and not lines else None
    except StoreUnavailable:
        return [], None  # the stream stays; new lines come when Postgres is back
    return lines, newest


async def _ended(deps: Dependencies, caller: Caller) -> bool:
    try:
        return await deps.revoked_logins.has(caller.login_id)
    except StoreUnavailable:
        return False  # while Postgres is away there is nothing to read here either


async def _counted(request: Request, lines: AsyncIterator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    with request.app.state.metrics.stream():
        async for line in lines:
            yield line


def _line(event: EventRecord) -> ServerSentEvent:
    data = to_json(EventOut.model_validate(event, from_attributes=True)).decode()
    return ServerSentEvent(data, event=event.kind, id=str(event.event_id))


def _after(last_event_id: str | None) -> int:
    if not last_event_id:
        return 0
    if not is_event_id(last_event_id):
        words = "must be the id of the last event you have"
        raise Invalid([FieldError("Last-Event-ID", "bad_event_id", words)])
    return int(last_event_id)
