"""A user with a phone: everything over REST, as the app does it."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx

from tests.e2e.product import Product

INDIA = ZoneInfo("Asia/Kolkata")
PATIENCE = 90


async def soon(seconds: float, length: float = 60) -> datetime:
    """Return an instant `seconds` ahead, to the second; waits midnight out, since a day ends there.

    On a busy machine it is further ahead: what a test asks for before that instant takes longer there.
    """
    seconds += _busy_seconds()
    now = datetime.now(INDIA)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if (midnight - now).total_seconds() < length:
        await asyncio.sleep((midnight - now).total_seconds() + 1)
        now = datetime.now(INDIA)
    return (now + timedelta(seconds=seconds + 1)).replace(microsecond=0)


async def pass_by(instant: datetime, seconds: float) -> None:
    """Return `seconds` after the instant."""
    await asyncio.sleep(max(0.0, (instant - datetime.now(INDIA)).total_seconds() + seconds))


def _busy_seconds() -> float:
    """Return one second for each task that waits for a processor, fifteen at the most."""
    return min(15.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Login(httpx.Auth):
    """Tokens as an app keeps them: the access token is renewed when the API says that it has ended."""

    requires_response_body = True

    def __init__(self, tokens: dict[str, Any], base_url: str) -> None:
        self._tokens = tokens
        self._refresh = f"{base_url}/auth/refresh"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        used = self._tokens["access_token"]
        request.headers["Authorization"] = f"Bearer {used}"
        answer = yield request
        if answer.status_code != 401:
            return
        if used == self._tokens["access_token"]:  # nobody else has renewed it meanwhile
            words = {"refresh_token": self._tokens["refresh_token"]}
            renewed = yield httpx.Request("POST", self._refresh, json=words)
            if renewed.status_code != 200:
                return
            await renewed.aread()
            self._tokens |= renewed.json()
        request.headers["Authorization"] = f"Bearer {self._tokens['access_token']}"
        yield request


@dataclass
class Trader:
    """One user, connected to one paper account."""

    product: Product
    http: httpx.AsyncClient
    account: dict[str, Any] = field(default_factory=dict)

    @classmethod
    async def signed_up(cls, product: Product, *, connected: bool = True) -> Self:
        """Register, and connect a new paper account."""
        http = httpx.AsyncClient(base_url=product.endpoints["api"], timeout=30)
        trader = cls(product, http)
        words = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
        http.auth = Login(await trader._registered(words), product.endpoints["api"])
        trader.account = await product.paper("/_paper/accounts", cash=10_000_000)
        if connected:
            await trader.connect()
        return trader

    async def _registered(self, words: dict[str, str]) -> dict[str, Any]:
        """Register; log in where an earlier try went through, and only its answer was lost."""
        answer = await self.post("/auth/register", words, expect=(201, 409))
        if answer.status_code == 409:
            answer = await self.post("/auth/login", words)
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def connect(self) -> dict[str, Any]:
        keys = {name: self.account[name] for name in ("api_key", "api_secret", "access_token")}
        connected: dict[str, Any] = (await self.post("/broker/connect", keys)).json()
        return connected

    async def post(
        self, path: str, message: object = None, expect: int | tuple[int, ...] = 200, key: str | None = None
    ) -> httpx.Response:
        """POST, waiting out the moments in which a part is being restarted; `key` is its Idempotency-Key."""
        expected = (expect,) if isinstance(expect, int) else expect
        headers = {} if key is None else {"Idempotency-Key": key}
        for _ in range(PATIENCE * 2):
            try:
                answer = await self.http.post(path, json=message, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.5)
                continue
            if answer.status_code == 503 and 503 not in expected:
                await asyncio.sleep(0.5)
                continue
            assert answer.status_code in expected, f"{path}: {answer.status_code} {answer.text}"
            return answer
        raise AssertionError(f"{path} did not answer in {PATIENCE} s:\n{self.product.terminal}")

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def create(self, buy_at: datetime, sell_at: datetime, **changes: object) -> str:
        """Create a strategy that trades TCS ×10 under a stop of 3000; return its id."""
        words: dict[str, object] = {
            "symbol": "TCS",
            "buy_time": buy_at.strftime("%H:%M:%S"),
            "sell_time": sell_at.strftime("%H:%M:%S"),
            "stop_loss": 3000,
            "quantity": 10,
        }
        created = (await self.post("/strategy/create", words | changes, expect=201)).json()
        return str(created["strategy_id"])

    async def start(self, strategy_id: str) -> dict[str, Any]:
        started: dict[str, Any] = (await self.post("/strategy/start", {"strategy_id": strategy_id})).json()
        return started

    async def stop(self, strategy_id: str, **changes: object) -> httpx.Response:
        return await self.http.post("/strategy/stop", json={"strategy_id": strategy_id, **changes})

    async def strategy(self, strategy_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/strategy/{strategy_id}")
        return found

    async def until(self, strategy_id: str, **state: object) -> dict[str, Any]:
        """Wait until the strategy shows `state`, through restarts of the API."""
        seen: dict[str, Any] = {}
        for _ in range(PATIENCE * 10):
            try:
                answer = await self.http.get(f"/strategy/{strategy_id}")
                seen = answer.json() if answer.status_code == 200 else seen
            except httpx.TransportError:
                pass
            if all(seen.get(name) == value for name, value in state.items()) and seen:
                return seen
            await asyncio.sleep(0.1)
        raise AssertionError(f"{state} not seen in {PATIENCE} s, but {seen}\n{self.product.terminal}")

    async def eventually(self, read: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
        """Wait until what is read holds."""
        seen: Any = None
        for _ in range(PATIENCE * 10):
            seen = await read()
            if holds(seen):
                return seen
            await asyncio.sleep(0.1)
        raise AssertionError(f"last seen after {PATIENCE} s: {seen}\n{self.product.terminal}")

    async def ledger(self) -> list[dict[str, Any]]:
        return await self.product.ledger(self.account["user_id"])
