"""`/events`: all strategies of the caller, live, as Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from api.auth.identity import CallerDep
from api.dependencies import Dependencies, DependenciesDep
from api.events.cursor import Place
from api.events.feed import Follower
from api.events.feeds import Feeds
from api.http.limits import limited
from api.strategies.event_stream import PING_SECONDS, SEND_SECONDS
from domain.errors import StoreUnavailable
from services.auth.tokens import Caller

READ_AGAIN = 1.0
_BEGINS = b": following\nretry: 1000\n\n"

router = APIRouter(tags=["strategy"])


@router.get("/events", response_class=EventSourceResponse, dependencies=[limited("GET /events")])
async def events(
    request: Request,
    found: CallerDep,
    deps: DependenciesDep,
    last_event_id: Annotated[str | None, Header()] = None,
    since: Annotated[Literal["beginning", "now"], Query()] = "beginning",
) -> Response:
    """All your strategies in one stream: their timelines' lines, their state, and their prices.

    It begins with each strategy as it stands and with all lines, or those after Last-Event-ID; with
    `since=now` and without a Last-Event-ID only with lines that are written from now on. Then come
    timeline events (named by their kind, with an id), `event: strategy` when a field of a strategy has
    changed, `event: price` `{strategy_id, last_price, pnl, net_pnl}` at most once a second for each, and
    `event: deleted` `{strategy_id}`. Only timeline events have ids; an id is one word to be sent back as it
    is. The stream ends as that of one strategy does, and counts among your streams.
    """
    feeds: Feeds = request.app.state.feeds
    place = Place.of(last_event_id)
    if since == "now" and not last_event_id:
        place = await feeds.place_of_now(found)
    return EventSourceResponse(
        _counted(request, _chunks(feeds, found, place, deps)),
        ping=PING_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="ping"),
        sep="\n",
        send_timeout=SEND_SECONDS,
    )


async def _chunks(feeds: Feeds, caller: Caller, place: Place, deps: Dependencies) -> AsyncIterator[bytes]:
    yield _BEGINS
    with feeds.follow(caller, place) as follower:
        while not (follower.lost or await feeds.ended(caller)):
            if follower.behind:
                async for chunk in _caught_up(feeds, follower, deps):
                    yield chunk
            if chunk := follower.take():
                yield chunk
            elif not follower.behind:
                await follower.wait()


async def _caught_up(feeds: Feeds, follower: Follower, deps: Dependencies) -> AsyncIterator[bytes]:
    try:
        async for chunk in feeds.catch_up(follower):
            if chunk:
                yield chunk
    except StoreUnavailable:
        follower.behind = True
        await deps.clock.sleep(READ_AGAIN)


async def _counted(request: Request, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    with request.app.state.metrics.stream():
        async for chunk in chunks:
            yield chunk
