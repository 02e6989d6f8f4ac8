"""`/strategy/{id}/events`: the timeline, live, as Server-Sent Events."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from adapters.postgres.read_models import EventRecord
from api.auth.identity import CallerDep
from api.dependencies import DependenciesDep
from api.http.cursors import event_id_of
from api.http.limits import limited
from api.http.metrics import Metrics
from api.http.stream_response import BEGINS_ANEW, Next, StreamResponse, event_text
from api.http.stream_schema import StreamItem, stream_of
from api.strategies.live_timelines import Follower, LiveTimelines
from api.strategies.schemas import EventOut
from api.strategies.strategy_id import StrategyId
from domain.timeline import EventKind
from services.auth.tokens import Caller
from services.errors import FieldError, Invalid
from services.strategies.lookup import find_strategy

router = APIRouter(tags=["strategy"])
TIMELINE = StreamItem([kind.value for kind in EventKind], EventOut, has_id=True)
"""A line of a timeline in a stream, named by its kind."""


@router.get(
    "/strategy/{strategy_id}/events",
    response_class=StreamResponse,
    responses=stream_of(TIMELINE),
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
    source = partial(_followed, request.app.state.metrics, live, found, strategy_id, after)
    return StreamResponse(request.app.state.stream_keeper, source)


@contextmanager
def _followed(
    metrics: Metrics,
    live: LiveTimelines,
    caller: Caller,
    strategy_id: UUID,
    after: int,
    wake: Callable[[], None],
) -> Iterator[Next]:
    with metrics.stream(), live.follow(caller, strategy_id, after, wake) as follower:
        yield partial(_next_chunk, live, follower)


def line_text(event: EventRecord) -> bytes:
    """Return a line of a timeline as it is sent, without its id."""
    return event_text(event.kind, EventOut.model_validate(event, from_attributes=True))


async def _next_chunk(live: LiveTimelines, follower: Follower) -> bytes | None:
    if await live.ended(follower.caller):
        return None
    lines, begins_anew = await live.next_lines(follower)
    if begins_anew:
        return BEGINS_ANEW
    follower.after = lines[-1].event_id if lines else follower.after
    return b"".join(b"id: %d\n%s" % (event.event_id, line_text(event)) for event in lines)


def _after(last_event_id: str | None) -> int:
    if not last_event_id:
        return 0
    found = event_id_of(last_event_id)
    if found is None:
        words = "must be the id of the last event you have"
        raise Invalid([FieldError("Last-Event-ID", "bad_event_id", words)])
    return found
