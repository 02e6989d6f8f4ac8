"""Has the streams of a user look at once after each of their writing calls: an edit announces nothing."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.dependencies import Dependencies
from api.events.feeds import Feeds
from services.errors import Unauthorized


class FeedTouch:
    """The layer around the app that does it; a call of another process is found by the feeds' round."""

    def __init__(self, app: ASGIApp, feeds: Feeds, deps: Dependencies) -> None:
        self._app = app
        self._feeds = feeds
        self._deps = deps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS") or not self._feeds.open:
            return
        word, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if word.lower() == "bearer":
            try:
                self._feeds.touch(self._deps.tokens.caller(token.strip()).user_id)
            except Unauthorized:
                return
