"""No secret is left anywhere: every byte that any process of the product wrote is searched for them."""

import asyncio
import json
import os
import re
import resource
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from local.keys import fresh, seal_key, with_new_encryption_key, write_secret
from tests.e2e.canaries import Canaries, unexpected
from tests.e2e.product import BIN, Product
from tests.e2e.trader import Trader, soon

MADE_BY_UP = (
    *(
        "jwt_secret",
        "encryption_keys",
        "push_private_key",
        "database_password_owner",
        "database_password_api",
    ),
    *("database_password_worker", "database_password_listener"),
    *("redis_password_api", "redis_password_worker", "redis_password_listener", "redis_password_operator"),
)
BROKER = {"api_key", "api_secret", "access_token", "request_token"}
ALLOWED = {
    # Where secrets are kept on purpose, for the owner's eyes alone (mode 0600).
    "data/secrets/": {"kept by up"},
    "data/endpoints.json": {"kept by up"},
    # The other side: the exchange knows its own accounts.
    "data/paper/": BROKER,
}


class Person(Trader):
    """A user whose every secret is watched for."""

    canaries: Canaries

    @classmethod
    async def known(cls, product: Product, canaries: Canaries) -> "Person":
        """Register with a password of one's own, log in, renew, and mistype: every token is watched for."""
        http = httpx.AsyncClient(base_url=product.endpoints["api"], timeout=30)
        person = cls(product, http)
        person.canaries = canaries
        email = f"{secrets.token_hex(8)}@example.com"
        words = {"email": email, "password": canaries.add("password", f"pass {secrets.token_hex(12)}")}
        person._keep((await person.post("/auth/register", words, expect=201)).json())
        wrong = canaries.add("wrong password", f"pass {secrets.token_hex(12)}")
        await person.post("/auth/login", words | {"password": wrong}, expect=401)
        tokens = person._keep((await person.post("/auth/login", words)).json())
        person._keep((await person.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})).json())
        person.account = person._own(await product.paper("/_paper/accounts", cash=10_000_000))
        return person

    def _keep(self, tokens: dict[str, str]) -> dict[str, str]:
        self.canaries.add("refresh token", tokens["refresh_token"])
        # The first two parts of a JWT are an id and dates; whoever has the third can act.
        self.canaries.add("session", tokens["access_token"].rpartition(".")[2])
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return tokens

    def _own(self, account: dict[str, Any]) -> dict[str, Any]:
        for name in ("api_key", "api_secret", "access_token"):
            self.canaries.add(name, account[name])
        return account

    async def request_token(self) -> str:
        told = await self.product.paper("/_paper/login", user_id=self.account["user_id"])
        return self.canaries.add("request_token", str(told["request_token"]))

    async def morning_logins(self) -> None:
        """Log in by each way: exchanged by the API, by the worker, through the browser; and be refused."""
        keys = {name: self.account[name] for name in ("api_key", "api_secret")}
        await self.post("/broker/connect", keys | {"request_token": await self.request_token()})
        await self.post("/broker/connect", {"request_token": await self.request_token()})
        asked = (await self.get("/broker/login-url"))["url"]
        state = parse_qs(parse_qs(urlsplit(asked).query)["redirect_params"][0])["state"][0]
        query = {"state": state, "request_token": await self.request_token(), "status": "success"}
        back = await self.http.get("/broker/callback", params=query)
        assert back.headers["location"].endswith("connected"), back.headers
        for name in ("request_token", "access_token"):
            wrong = {name: self.canaries.add(name, secrets.token_hex(16))}
            await self.post("/broker/connect", keys | wrong, expect=422)
            await self.post("/broker/connect", wrong, expect=422)
        odd = {"api_key": self.canaries.add("api_key", secrets.token_hex(8)), "api_secret": 5}
        refusal = await self.post("/broker/connect", odd | {"access_token": "x" * 600}, expect=422)
        assert not self.canaries.in_text(refusal.text)


def room(directory: Path) -> Path:
    directory.mkdir(parents=True, mode=0o700)
    return directory


@pytest.fixture
async def leaky(home: Path) -> AsyncIterator[Product]:
    """The product at its most talkative, which would leave core files, failing where it is told to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    # Logins are sealed to a key that is being replaced, so that a rotation has something to do.
    old = fresh()["STOPWATCH_ENCRYPTION_KEYS"]
    write_secret(room(home / "data" / "secrets") / "encryption_keys", with_new_encryption_key(old))
    running = Product.start(
        home,
        STOPWATCH_SEAL_KEY=seal_key(old),
        STOPWATCH_LOG_LEVEL="DEBUG",
        STOPWATCH_EXIT_RESEND_AFTER_SECONDS="3",
        STOPWATCH_FAILPOINTS="start.received=raise;entry.planned=raise;exit.claimed=raise",
    )
    try:
        yield await running.ready()
    finally:
        await running.end()
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.proof
async def test_no_secret_is_left_in_anything_that_was_written(leaky: Product, tmp_path: Path) -> None:
    canaries = Canaries()
    home = leaky.home
    for name in MADE_BY_UP:
        canaries.add("kept by up", (home / "data" / "secrets" / name).read_text().strip())
    for key in (home / "data" / "secrets" / "encryption_keys").read_text().strip().split(","):
        canaries.add("kept by up", key)
    asha, ravi = [await Person.known(leaky, canaries) for _ in range(2)]
    for person in (asha, ravi):
        await person.connect()
        await person.morning_logins()
    no_core_file_is_possible(leaky)

    await trade_through_failures(leaky, asha, ravi)
    shown = [await read(leaky, path) for path in ("/metrics", "/openapi.json", "/health/ready")]
    shown += await everything_stored(leaky)
    endpoints = leaky.endpoints
    assert canaries.in_text("".join(shown)) == set()
    assert canaries.in_text(json.dumps(endpoints)) == {"kept by up"}  # the owner's database address

    assert await leaky.end() == 0, leaky.terminal
    found = canaries.found_in(home, tmp_path.parent / f"{tmp_path.name}.patterns")
    assert unexpected(found, ALLOWED) == {}
    # The search finds what is there: the exchange's own accounts, and the secrets' own files.
    assert {"api_key", "access_token"} <= set().union(
        *(kinds for name, kinds in found.items() if name.startswith("data/paper/"))
    )
    assert {name for name in MADE_BY_UP if f"data/secrets/{name}" in found} == set(MADE_BY_UP)
    assert not [path for path in home.rglob("core*") if path.is_file() and path.stat().st_size > 1_000_000]
    logs = "".join(path.read_text(errors="replace") for path in (home / "data" / "logs").glob("*.log"))
    assert "Traceback" in logs
    assert "debug" in logs


async def trade_through_failures(product: Product, asha: Person, ravi: Person) -> None:
    """Buy and sell, while whatever can fail does."""
    buy_at = await soon(10)
    strategies = [
        (person, await person.create(buy_at, buy_at + timedelta(seconds=12))) for person in (asha, ravi)
    ]
    # The failpoint raises in the API at the first START.
    await asha.http.post("/strategy/start", json={"strategy_id": strategies[0][1]})
    await asyncio.gather(*(person.start(strategy_id) for person, strategy_id in strategies))
    for person, strategy_id in strategies:
        await person.until(strategy_id, phase="holding")
    await rotate_keys(product, asha.canaries)
    os.kill(product.endpoints["pids"]["postgres"], signal.SIGKILL)
    keys = {name: ravi.account[name] for name in ("api_key", "api_secret", "access_token")}
    await ravi.http.post("/broker/connect", json=keys)  # while nothing can be stored
    os.kill(product.endpoints["pids"]["worker"], signal.SIGABRT)  # what leaves a core file, if anything does
    dead = ravi._own(await product.paper("/_paper/accounts", user_id=ravi.account["user_id"]))
    await product.paper("/_paper/accounts", user_id="SWFEED")  # the feed's token is dead as well
    await product.paper("/_paper/faults", kind="ws_drop", seconds=1)
    ravi.account = dead
    await ravi.post("/broker/connect", {"access_token": dead["access_token"]})
    for person, strategy_id in strategies:
        await person.until(strategy_id, status="stopped", position="sold")
    await asha.http.post("/auth/logout", json={"refresh_token": "x" * 43})


async def rotate_keys(product: Product, canaries: Canaries) -> None:
    """Seal all logins anew while their strategies hold shares: every sale below needs one of them."""
    command = [str(BIN / "stopwatch"), "keys", "rotate", "--data-dir", "data"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
    rotating = await asyncio.create_subprocess_exec(
        *command, cwd=product.home, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    told = (await rotating.communicate())[0].decode()
    assert rotating.returncode == 0, told
    assert "2 of 2 accounts were sealed anew" in told
    assert "Give the API STOPWATCH_SEAL_KEY=" in told
    assert canaries.in_text(told) == set()


def no_core_file_is_possible(product: Product) -> None:
    for part, pid in product.endpoints["pids"].items():
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), f"{part}:\n{limits}"


async def read(product: Product, path: str) -> str:
    async with httpx.AsyncClient(base_url=product.endpoints["api"], timeout=30) as http:
        return (await http.get(path)).text


async def everything_stored(product: Product) -> list[str]:
    """Return every row of every table, every value in Redis, and every history, as text."""
    endpoints = product.endpoints
    connection = await asyncpg.connect(endpoints["postgres"])
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [
        await connection.fetch(f'SELECT t::text FROM "{name[0]}" t')  # noqa: S608 - the catalogue's own names
        for name in names
    ]
    await connection.close()
    assert any("example.com" in row[0] for table in rows for row in table)
    async with Redis.from_url(endpoints["redis"]) as redis:
        values = [str(await redis.dump(key)) async for key in redis.scan_iter("*")]
    listed = await asyncio.to_thread(product.temporal, "workflow", "list", "--output", "json")
    histories = [
        await asyncio.to_thread(
            product.temporal,
            "workflow",
            "show",
            "--output",
            "json",
            "--workflow-id",
            run["execution"]["workflowId"],
        )
        for run in json.loads(listed)
    ]
    assert histories
    return [row[0] for table in rows for row in table] + values + histories
