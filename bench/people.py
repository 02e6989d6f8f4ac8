"""Users with phones, by the thousand: everything over REST, bounded in how much is asked at once."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar
from uuid import uuid4

import aiohttp
import asyncpg

CONNECTS_AT_ONCE = 8
STARTS_AT_ONCE = 24
START_TRIES = 4
CASH = 100_000_000
PASSWORD = "correct horse battery"

Result = TypeVar("Result")


class Refusal(Exception):
    """The product answered something else than asked for, with an HTTP status."""

    def __init__(self, asked: str, status: int, text: str) -> None:
        super().__init__(f"{asked}: {status} {text}")
        self.status = status


@dataclass(slots=True)
class User:
    """One registered user with a paper account of their own."""

    broker_user_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class People:
    """The users of one product. `api` and `paper` are base addresses."""

    def __init__(self, api: str, paper: str) -> None:
        self._api = api
        self._paper = paper
        self._http = aiohttp.ClientSession(
            # A server may close a connection that has been quiet for some seconds just as we speak again.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=2),
            timeout=aiohttp.ClientTimeout(total=60),
        )

    @classmethod
    @asynccontextmanager
    async def on(cls, api: str, paper: str) -> AsyncIterator["People"]:
        """Speak to a product and a paper exchange."""
        people = cls(api, paper)
        try:
            yield people
        finally:
            await people._http.close()

    async def move_in(self, count: int, rows: "asyncpg.Connection[asyncpg.Record]") -> list[User]:
        """Make so many users, each connected over REST to a paper account of their own.

        The first registers; the others are written into Postgres with the first one's password hash and a
        login each, because hashing a thousand passwords would only take two minutes. Each gets
        tokens over REST.
        """
        words = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
        await self._open("POST", "/auth/register", words)
        hashed = await rows.fetchval("SELECT password_hash FROM users WHERE email = $1", words["email"])
        logins = [secrets.token_urlsafe(32) for _ in range(count)]
        ids = [uuid4() for _ in logins]
        await rows.executemany(
            "INSERT INTO users (user_id, email, password_hash) VALUES ($1, $2, $3)",
            [(user_id, f"{user_id.hex}@example.com", hashed) for user_id in ids],
        )
        await rows.executemany(
            "INSERT INTO logins (login_id, user_id, expires_at) VALUES ($1, $1, now() + interval '1 day')",
            [(user_id,) for user_id in ids],
        )
        await rows.executemany(
            "INSERT INTO sessions (session_id, user_id, family_id, token_hash, expires_at) "
            "VALUES ($1, $2, $2, $3, now() + interval '1 day')",
            [
                (uuid4(), user_id, sha256(login.encode()).digest())
                for user_id, login in zip(ids, logins, strict=True)
            ],
        )
        return await bounded(CONNECTS_AT_ONCE, [partial(self._connected, login) for login in logins])

    async def create(self, user: User, buy_at: datetime, sell_time: str, **words: object) -> str:
        """Create a strategy of one share; return its id. `words` name symbol, exchange, stop_loss."""
        asked = {"buy_time": buy_at.strftime("%H:%M:%S"), "sell_time": sell_time, "quantity": 1}
        created = await self.call(user, "POST", "/strategy/create", asked | words)
        return str(created["strategy_id"])

    async def start(self, user: User, strategy_id: str) -> dict[str, Any]:
        """Press START, again after a 503, since a second START is the first; return the strategy.

        Raises `Refusal`.
        """
        for _ in range(START_TRIES - 1):
            try:
                return await self.call(user, "POST", "/strategy/start", {"strategy_id": strategy_id})
            except Refusal as refusal:
                if refusal.status != 503:
                    raise
        return await self.call(user, "POST", "/strategy/start", {"strategy_id": strategy_id})

    async def call(self, user: User, method: str, path: str, message: object = None) -> dict[str, Any]:
        """Call the product as a user; an access token that has run out is renewed once.

        Raises `Refusal`.
        """
        for _ in range(2):
            headers = {"Authorization": f"Bearer {user.access_token}"}
            async with self._http.request(method, self._api + path, json=message, headers=headers) as answer:
                if answer.status == 401:
                    await answer.read()
                    await self._renew(user)
                    continue
                if answer.status >= 300:
                    raise Refusal(f"{method} {path}", answer.status, await answer.text())
                found: dict[str, Any] = await answer.json()
                return found
        raise Refusal(f"{method} {path}", 401, "not let in, with a new token either")

    async def account(self) -> dict[str, str]:
        """Open a paper account; returns its user and keys."""
        made: dict[str, str] = await self._control("POST", "accounts", {"cash": CASH})
        return made

    async def ledger(self) -> list[dict[str, Any]]:
        """Return every order the paper exchange has taken, in arrival order."""
        rows: list[dict[str, Any]] = await self._control("GET", "ledger")
        return rows

    async def price(self, symbol: str, price: float, exchange: str = "NSE") -> dict[str, Any]:
        """Let a symbol trade at a price from now on; one tick goes out. Returns what the exchange says."""
        words = {"exchange": exchange, "symbol": symbol, "price": price}
        said: dict[str, Any] = await self._control("POST", "price", words)
        return said

    async def path(self, symbol: str, points: Sequence[tuple[float, float]]) -> None:
        """Let a symbol trade at each price from its second on, counted from now."""
        await self._control("POST", "path", {"symbol": symbol, "points": points})

    async def fault(self, kind: str, user: User, **words: object) -> None:
        """Let the exchange treat one user's calls in this way."""
        await self._control(
            "POST", "faults", {"kind": kind, "match": {"user_id": user.broker_user_id}} | words
        )

    async def _connected(self, login: str) -> User:
        account = await self.account()
        user = User(account["user_id"], "", login)
        await self._renew(user)
        keys = {name: account[name] for name in ("api_key", "api_secret", "access_token")}
        await self.call(user, "POST", "/broker/connect", keys)
        return user

    async def _renew(self, user: User) -> None:
        tokens = await self._open("POST", "/auth/refresh", {"refresh_token": user.refresh_token})
        user.access_token, user.refresh_token = tokens["access_token"], tokens["refresh_token"]

    async def _open(self, method: str, path: str, message: object) -> dict[str, Any]:
        async with self._http.request(method, self._api + path, json=message) as answer:
            if answer.status >= 300:
                raise Refusal(f"{method} {path}", answer.status, await answer.text())
            found: dict[str, Any] = await answer.json()
            return found

    async def _control(self, method: str, name: str, message: object = None) -> Any:
        async with self._http.request(method, f"{self._paper}/_paper/{name}", json=message) as answer:
            if answer.status != 200:
                raise Refusal(f"{method} /_paper/{name}", answer.status, await answer.text())
            return await answer.json()


async def bounded(at_once: int, work: Sequence[Callable[[], Awaitable[Result]]]) -> list[Result]:
    """Do all of it, so much at once; results in the order asked. The first failure ends the rest."""
    limit = asyncio.Semaphore(at_once)

    async def one(do: Callable[[], Awaitable[Result]]) -> Result:
        async with limit:
            return await do()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(do)) for do in work]
    return [task.result() for task in tasks]


@dataclass(slots=True)
class Pace:
    """How long one of many took, so that the next batch knows how far ahead its second must be."""

    seconds_each: float

    @asynccontextmanager
    async def of(self, count: int) -> AsyncIterator[None]:
        began = time.monotonic()
        yield
        if count >= 20:
            self.seconds_each = (time.monotonic() - began) / count
