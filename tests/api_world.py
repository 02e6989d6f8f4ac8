"""The real app on a real Postgres, with fakes where Temporal, the broker and Redis stand."""

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from fastapi import FastAPI

from adapters.calendar.exchange import open_calendar
from adapters.postgres.engine import Store
from adapters.secrets.derived_keys import TotpBox
from adapters.secrets.vault import LoginKeyBox, Opener
from api.app import create_app
from api.dependencies import Dependencies
from domain.session import TradingCalendar
from services.auth.passwords import Passwords
from services.auth.revoked_logins import RevokedLogins
from services.auth.throttle import Throttle
from services.auth.tokens import Tokens
from tests.fakes.edge import MemoryChecks, MemoryKite, MemoryPrices, NoNews, RowRuns, ScriptedLogins, SetClock
from tests.fakes.instruments import MemoryInstruments
from tests.postgres import API

JWT_SECRET = "a signing key for tests: long enough for every algorithm an attacker may try"
PASSWORD = "correct horse battery"
MONDAY_0830 = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
KEYS = {"api_key": "kite-key", "api_secret": "kite-secret", "access_token": "good-token"}
STRATEGY = {
    "symbol": "TCS",
    "buy_time": "09:30",
    "sell_time": "15:00",
    "stop_loss": 3500.05,
    "quantity": 10,
}


def json_of(answer: httpx.Response) -> Any:
    """Return the body with every number that has a point as the Decimal of its digits."""
    return json.loads(answer.text, parse_float=Decimal)


@dataclass
class Customer:
    """A registered user with a phone."""

    http: httpx.AsyncClient
    email: str
    tokens: dict[str, Any]

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(path, headers=self.bearer, **more)

    async def post(self, path: str, body: object) -> httpx.Response:
        return await self.http.post(path, json=body, headers=self.bearer)

    async def delete(self, path: str) -> httpx.Response:
        return await self.http.delete(path, headers=self.bearer)

    async def connect(self) -> None:
        answer = await self.post("/broker/connect", KEYS)
        assert answer.status_code == 200, answer.text

    async def create(self, **changed: object) -> dict[str, Any]:
        answer = await self.post("/strategy/create", STRATEGY | changed)
        assert answer.status_code == 201, answer.text
        return dict(json_of(answer))

    async def start(self, strategy_id: str) -> httpx.Response:
        return await self.post("/strategy/start", {"strategy_id": strategy_id})

    async def stop(self, strategy_id: str, **more: object) -> httpx.Response:
        return await self.post("/strategy/stop", {"strategy_id": strategy_id, **more})

    async def running(self, **changed: object) -> dict[str, Any]:
        """Create and start a strategy."""
        created = await self.create(**changed)
        answer = await self.start(created["strategy_id"])
        assert answer.status_code == 200, answer.text
        return dict(json_of(answer))

    async def id(self) -> UUID:
        return UUID((await self.get("/auth/me")).json()["user_id"])


@dataclass
class World:
    """The parts a test may turn, and the app made of them."""

    store: Store
    deps: Dependencies
    app: FastAPI
    http: httpx.AsyncClient
    runs: RowRuns
    logins: ScriptedLogins
    checks: MemoryChecks
    kite: MemoryKite
    instruments: MemoryInstruments
    prices: MemoryPrices
    clock: SetClock
    opener: Opener
    customers: list[Customer] = field(default_factory=list)

    async def customer(self) -> Customer:
        """Register somebody new."""
        email = f"{uuid4().hex[:12]}@example.com"
        answer = await self.http.post("/auth/register", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        return Customer(self.http, email, answer.json())

    async def trader(self) -> Customer:
        """Register somebody new and connect his broker account."""
        customer = await self.customer()
        await customer.connect()
        return customer


def new_world(
    store: Store, passwords: Passwords, calendar: TradingCalendar | None = None, **more: Any
) -> World:
    """Build the app around a database; `more` replaces deps."""
    owner, store = store, _as_api(store)
    private = X25519PrivateKey.generate()
    opener = Opener.local(_text(private.private_bytes_raw()))
    runs, logins, kite, checks = RowRuns(owner), ScriptedLogins(), MemoryKite(), MemoryChecks()
    instruments, prices, clock = MemoryInstruments.of_a_day(), MemoryPrices(), SetClock()
    deps = Dependencies(
        store=store,
        runs=runs,
        broker_logins=logins,
        account_checks=checks,
        kite=kite,
        instruments=instruments,
        calendar=calendar or open_calendar("always-open"),
        prices=prices,
        event_notifier=NoNews(),
        clock=clock,
        tokens=Tokens(JWT_SECRET),
        revoked_logins=RevokedLogins(store),
        throttle=Throttle(None),
        passwords=passwords,
        sealer=opener.sealer(),
        login_keys=LoginKeyBox(JWT_SECRET),
        totp_secrets=TotpBox(JWT_SECRET),
        checks={"postgres": store.ping},
        docs=True,
        stop_wait_seconds=1.0,
        test_wait_seconds=0.3,
    )
    deps = replace(deps, **more)
    app = create_app(deps)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test")
    return World(owner, deps, app, http, runs, logins, checks, kite, instruments, prices, clock, opener)


def _as_api(owner: Store) -> Store:
    """Return the database as the API's own role sees it; the owner's store closes it."""
    url = owner._engine.url.set(username=API["user"], password=API["password"])
    seen = Store.open(url.render_as_string(hide_password=False))
    close = owner.close

    async def close_both() -> None:
        await seen.close()
        await close()

    owner.close = close_both  # type: ignore[method-assign]
    return seen


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
