"""Bounds the event streams that are open at one time, by user and in all, before anything is read for one.

A stream beyond the bound is refused as early as its caller is known, and its connection is closed:
thousands of attempts of one account cost the process little, and take no connection from others. The newest
is refused, because an older one may be the only one that its owner looks at.

The refusal comes a moment late. A client that tries again as soon as it is refused would take as much of the
processor as it can get; so it gets a handful of refusals a second (OWASP API4:2023).
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dependencies import Dependencies
from api.http.errors import problem_of, response
from services.errors import ServiceError, TooMany, TryLater, Unauthorized

AGAIN_SECONDS = 30
REFUSED_LATE = 16
"""Refusals of one user that wait at one time; more of them come at once, so that they keep no connection."""
_STREAM = re.compile(r"/events|/strategy/[^/]+/events")


class OpenStreams:
    """Counts the open streams of a process."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._of: Counter[UUID] = Counter()
        self.in_all = 0

    def refusal(self, user_id: UUID) -> ServiceError | None:
        """Return why the user may open no further stream, None where they may."""
        bounds = self._deps.bounds
        if self._of[user_id] >= bounds.streams:
            return _too_many(bounds.streams)
        if self.in_all >= bounds.streams_in_all:
            words = "There are too many event streams at the moment. Read the timeline, or try again."
            return TryLater(words, "too_many_streams", AGAIN_SECONDS)
        return None

    @contextmanager
    def opened(self, user_id: UUID) -> Iterator[None]:
        """Count a stream while the context lasts."""
        self._of[user_id] += 1
        self.in_all += 1
        try:
            yield
        finally:
            self.in_all -= 1
            self._of[user_id] -= 1
            if not self._of[user_id]:
                del self._of[user_id]


class StreamGate:
    """The layer around the app that lets event streams in; all other requests pass."""

    def __init__(self, app: ASGIApp, streams: OpenStreams, deps: Dependencies) -> None:
        self._app = app
        self._streams = streams
        self._deps = deps
        self._waiting: Counter[UUID] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user_id = self._user_of_stream(scope)
        if user_id is None:
            await self._app(scope, receive, send)
            return
        refusal = self._streams.refusal(user_id)
        if refusal is None:
            with self._streams.opened(user_id):
                await self._app(scope, receive, send)
            return
        if isinstance(refusal, TooMany):
            await self._wait(user_id)
        problem = problem_of(refusal)
        problem.headers["Connection"] = "close"
        await response(problem)(scope, receive, send)

    async def _wait(self, user_id: UUID) -> None:
        """Let the refusal of a stream wait, unless many of the user's do."""
        if self._waiting[user_id] >= REFUSED_LATE:
            return
        self._waiting[user_id] += 1
        try:
            await asyncio.sleep(self._deps.bounds.refused_stream_waits)
        finally:
            self._waiting[user_id] -= 1
            if not self._waiting[user_id]:
                del self._waiting[user_id]

    def _user_of_stream(self, scope: Scope) -> UUID | None:
        """Return who asks for a stream; None for other requests, and where the route refuses the token."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _STREAM.fullmatch(scope["path"]):
            return None
        word, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if word.lower() != "bearer":
            return None
        try:
            return self._deps.tokens.caller(token.strip()).user_id
        except Unauthorized:
            return None


def _too_many(most: int) -> TooMany:
    return TooMany(
        AGAIN_SECONDS,
        "too_many_streams",
        f"You have {most} event streams open, which is the most: close one, then open this one. Each line of "
        "a timeline can also be read with GET /strategy/{strategy_id}/timeline.",
    )
