"""The demo's HTTP clients: the product's REST API, and the paper exchange's control endpoints."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp

Json = dict[str, Any]
_ONE_A_SECOND = 429
_QUOTE_TRIES = 5
_QUOTE_EVERY = 1.0
"""Seconds: Kite answers an account one quote in a second."""


class DemoFailed(Exception):
    """The demo cannot continue; the message says at which step and why."""


class Caller:
    """JSON over HTTP, prices as decimals, refusals as sentences."""

    def __init__(self, http: aiohttp.ClientSession, root: str) -> None:
        self._http = http
        self._root = root
        self.headers: dict[str, str] = {}

    async def get(self, path: str) -> Any:
        return await self._call("GET", path, None)

    async def post(self, path: str, body: Json) -> Any:
        return await self._call("POST", path, body)

    async def _call(self, method: str, path: str, body: Json | None) -> Any:
        for _ in range(_QUOTE_TRIES):
            status, text = await self._send(method, path, body)
            if status != _ONE_A_SECOND:
                break
            await asyncio.sleep(_QUOTE_EVERY)  # the API has asked the same account's one quote of this second
        if status >= 300:
            raise DemoFailed(f"{method} {path} was answered with {status}: {_reason(text)}")
        return json.loads(text, parse_float=Decimal) if text else None

    async def _send(self, method: str, path: str, body: Json | None) -> tuple[int, str]:
        try:
            async with self._http.request(
                method, f"{self._root}{path}", data=_body(body), headers=self.headers
            ) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DemoFailed(f"{method} {path} got no answer ({type(error).__name__})") from error

    async def events(self, path: str) -> AsyncGenerator[Json, None]:
        """Read Server-Sent Events for ever, resuming a broken stream where it broke."""
        last_id = ""
        while True:
            try:
                async for event_id, event in self._stream(path, last_id):
                    last_id = event_id or last_id
                    yield event
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.5)

    async def _stream(self, path: str, last_id: str) -> AsyncIterator[tuple[str, Json]]:
        headers = {**self.headers, "Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        forever = aiohttp.ClientTimeout(total=None, sock_read=30)
        async with self._http.get(f"{self._root}{path}", headers=headers, timeout=forever) as answer:
            answer.raise_for_status()
            event_id, data = "", ""
            async for raw in answer.content:
                line = raw.decode().rstrip("\r\n")
                name, _, value = line.partition(":")
                if name == "id":
                    event_id = value.strip()
                elif name == "data":
                    data += value.strip()
                elif not line and data:
                    yield event_id, json.loads(data, parse_float=Decimal)
                    data = ""


@asynccontextmanager
async def callers(api: str, paper: str) -> AsyncIterator[tuple[Caller, Caller]]:
    """Open one HTTP session for both."""
    headers = {"Content-Type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
        yield Caller(http, api), Caller(http, paper)


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _body(body: Json | None) -> bytes | None:
    # A price goes out as a JSON number; the shortest float of a price on the tick has the price's own digits.
    return None if body is None else json.dumps(body, default=_number).encode()


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{value!r} is no JSON")


def _reason(text: str) -> str:
    try:
        problem = json.loads(text)
        return str(problem.get("detail") or problem.get("error") or problem.get("title") or text)[:300]
    except (ValueError, AttributeError):
        return text[:300]
