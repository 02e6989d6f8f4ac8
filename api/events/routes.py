"""`/events`: all strategies of the caller, live, as Server-Sent Events."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from api.auth.identity import CallerDep
from api.events.cursor import Place
from api.events.feeds import Feeds
from api.events.schemas import DeletedOut, PriceOut
from api.http.limits import limited
from api.http.metrics import Metrics
from api.http.stream_response import Next, StreamResponse
from api.http.stream_schema import StreamItem, stream_of
from api.strategies.event_stream import TIMELINE
from api.strategies.schemas import StrategyOut
from services.auth.tokens import Caller

router = APIRouter(tags=["strategy"])


@router.get(
    "/events",
    response_class=StreamResponse,
    responses=stream_of(
        TIMELINE,
        StreamItem(["strategy"], StrategyOut),
        StreamItem(["price"], PriceOut),
        StreamItem(["deleted"], DeletedOut),
    ),
    dependencies=[limited("GET /events")],
)
async def events(
    request: Request,
    found: CallerDep,
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
    source = partial(_followed, request.app.state.metrics, feeds, found, place)
    return StreamResponse(request.app.state.stream_keeper, source)


@contextmanager
def _followed(
    metrics: Metrics, feeds: Feeds, caller: Caller, place: Place, wake: Callable[[], None]
) -> Iterator[Next]:
    with metrics.stream(), feeds.follow(caller, place, wake) as follower:
        yield partial(feeds.next_chunk, follower)
