"""`/strategy/{id}/events`: the timeline, live, as Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from adapters.postgres.read_models import EventRecord
from api.auth.identity import CallerDep
from api.dependencies import DependenciesDep
from api.http.cursors import event_id_of
from api.http.json_answer import to_json
from api.http.limits import limited
from api.strategies.live_timelines import LiveTimelines
from api.strategies.schemas import EventOut
from api.strategies.strategy_id import StrategyId
from services.auth.tokens import Caller
from services.errors import FieldError, Invalid
from services.strategies.lookup import find_strategy

PING_SECONDS = 15
SEND_SECONDS = 30
"""A client that takes nothing for this long is gone."""

router = APIRouter(tags=["strategy"])


@router.get(
    "/strategy/{strategy_id}/events",
    response_class=EventSourceResponse,
    dependencies=[limited("GET /strategy/{strategy_id}/events")],
)
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
    One user may have so many streams open (429 `too_many_streams` beyond that).
    """
    after = _after(last_event_id)
    live: LiveTimelines = request.app.state.live_timelines
    async with live.turns:
        await find_strategy(deps.store, found.user_id, strategy_id)
    return EventSourceResponse(
        _counted(request, _lines(live, found, strategy_id, after)),
        ping=PING_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="ping"),
        sep="\n",
        send_timeout=SEND_SECONDS,
    )


async def _lines(
    live: LiveTimelines, caller: Caller, strategy_id: UUID, after: int
) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="following", retry=1000)
    with live.follow(caller, strategy_id, after) as place:
        while not await live.ended(caller):
            lines, begins_anew = await live.next_lines(place)
            if begins_anew:
                yield ServerSentEvent(comment="beginning anew: there is no event of that id any more")
                continue
            for event in lines:
                place.after = event.event_id
                yield _line(event)
            if not lines:
                await place.wait()


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
    found = event_id_of(last_event_id)
    if found is None:
        words = "must be the id of the last event you have"
        raise Invalid([FieldError("Last-Event-ID", "bad_event_id", words)])
    return found
