"""Two walls between tenants: each route knows its own user's things only, and so does Postgres without it."""

import asyncio
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store, act_as
from adapters.postgres.rls_check import RowSecurityMissing, check_row_security
from adapters.postgres.strategy_view_row import read_strategy_page
from adapters.postgres.user_tables import User
from migrations import row_security
from services.auth.passwords import Passwords
from tests.api_world import Customer, World, new_world
from tests.postgres import PostgresServer
from tests.unfiltered import REPOSITORIES, forgetful

ROOT = Path(__file__).parent.parent.parent
Call = tuple[str, str]
"""Method and path, as the OpenAPI document has them."""

BY_ID: Mapping[Call, Mapping[str, Any] | None] = {
    ("GET", "/strategy/{strategy_id}"): None,
    ("PATCH", "/strategy/{strategy_id}"): {"quantity": 20},
    ("POST", "/strategy/{strategy_id}/copy"): None,
    ("POST", "/strategy/{strategy_id}/skip"): {"trading_day": "2030-01-07"},
    ("DELETE", "/strategy/{strategy_id}"): None,
    ("GET", "/strategy/{strategy_id}/orders"): None,
    ("GET", "/strategy/{strategy_id}/timeline"): None,
    ("GET", "/strategy/{strategy_id}/minutes"): None,
    ("GET", "/strategy/{strategy_id}/days"): None,
    ("GET", "/strategy/{strategy_id}/events"): None,
    ("POST", "/strategy/start"): {"strategy_id": "{strategy_id}"},
    ("POST", "/strategy/stop"): {"strategy_id": "{strategy_id}"},
    ("DELETE", "/auth/sessions/{session_id}"): None,
    ("PUT", "/notices/channels/{channel_id}"): {"tells": ["fill"]},
    ("POST", "/notices/channels/{channel_id}/test"): None,
    ("DELETE", "/notices/channels/{channel_id}"): None,
}
"""Calls that name a strategy, a session or a channel, in the path or in the body."""
OWN: tuple[Call, ...] = (
    ("GET", "/auth/me"),
    ("GET", "/auth/sessions"),
    ("GET", "/broker"),
    ("GET", "/broker/login-url"),
    ("GET", "/strategy"),
    ("GET", "/orders"),
    ("GET", "/account"),
    ("GET", "/account/audit"),
    ("GET", "/account/audit/export"),
    ("GET", "/account/days"),
    ("GET", "/account/report"),
    ("GET", "/notices"),
    ("GET", "/notices/channels"),
)
"""Calls that name nothing: they answer with the caller's own things."""
NOTHING_OF_ANYBODY: tuple[Call, ...] = (
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/password"),
    ("POST", "/auth/forgot"),
    ("POST", "/auth/reset"),
    ("POST", "/auth/verify"),
    ("POST", "/auth/verify/send"),
    ("DELETE", "/account"),
    ("POST", "/auth/totp"),
    ("POST", "/auth/totp/confirm"),
    ("DELETE", "/auth/totp"),
    ("DELETE", "/auth/sessions"),
    ("POST", "/broker/connect"),
    ("DELETE", "/broker"),
    ("GET", "/broker/callback"),
    ("POST", "/strategy/create"),
    ("POST", "/strategy/check"),
    ("POST", "/account/kill-switch"),
    ("PUT", "/account/limits"),
    ("POST", "/notices/channels"),
    ("GET", "/notices/push-key"),
    ("GET", "/instruments"),
    ("GET", "/market/status"),
    ("GET", "/market/calendar"),
    ("GET", "/events"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
)
"""Calls that take and give no id: what they do to whom is tested where each is."""


@pytest.fixture(scope="module")
async def shared(postgres: PostgresServer) -> AsyncIterator[Store]:
    """One database for all of them: who lives in it besides must make no difference to anybody."""
    opened = Store.open(await postgres.new_database())
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def world(shared: Store, passwords: Passwords) -> World:
    return new_world(shared, passwords)


@dataclass
class Neighbours:
    """Two users with everything two users can have."""

    world: World
    mine: Customer
    yours: Customer
    my_id: str
    your_id: str
    my_session: str
    your_session: str
    my_channel: str
    your_channel: str

    def ids(self, call: Call) -> tuple[str, str]:
        """Return what such a call may name: one's own, and the other's."""
        if "session" in call[1]:
            return self.my_session, self.your_session
        return (self.my_channel, self.your_channel) if "channel" in call[1] else (self.my_id, self.your_id)

    async def call(self, call: Call, strategy_id: str) -> httpx.Response:
        """Ask as the first of them; an event stream is left after its head."""
        method, path = call
        body = BY_ID[call]
        content = json.dumps(body).replace("{strategy_id}", strategy_id) if body else None
        request = self.world.http.build_request(
            method,
            re.sub(r"{[a-z]+_id}", lambda _: strategy_id, path),
            content=content,
            headers={**self.mine.bearer, "Content-Type": "application/json"},
        )
        return await self.world.http.send(request)


@pytest.fixture
async def neighbours(world: World) -> Neighbours:
    mine, yours = await world.trader(), await world.trader()
    my_id = (await mine.running())["strategy_id"]
    your_id = (await yours.running())["strategy_id"]
    sessions = [(await one.get("/auth/sessions")).json()["items"][0]["id"] for one in (mine, yours)]
    hook = {"kind": "webhook", "address": "https://hooks.example.com/stopwatch"}
    channels = [(await one.post("/notices/channels", hook)).json()["channel_id"] for one in (mine, yours)]
    return Neighbours(world, mine, yours, my_id, your_id, *sessions, *channels)


def routes(world: World) -> set[Call]:
    paths = world.app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


async def test_every_route_is_asked(world: World) -> None:
    """A new route is covered, or this fails."""
    assert routes(world) == {*BY_ID, *OWN, *NOTHING_OF_ANYBODY}


@pytest.mark.parametrize("call", BY_ID, ids=" ".join)
async def test_matrix_anothers_id_is_as_unknown_as_one_that_nobody_has(
    neighbours: Neighbours, call: Call
) -> None:
    unknown = await neighbours.call(call, str(uuid4()))
    assert unknown.status_code == 404
    _, your_id = neighbours.ids(call)
    for strange in (your_id, your_id.upper(), str(uuid4())):
        answer = await neighbours.call(call, strange)
        assert (answer.status_code, answer.content) == (404, unknown.content)
    still = await neighbours.yours.get(f"/strategy/{neighbours.your_id}")
    assert still.json()["status"] == "running"


@pytest.mark.parametrize("call", BY_ID, ids=" ".join)
@pytest.mark.parametrize("malformed", ["0", "%00", "null", "' OR 1=1 --", "1" * 500])
async def test_malformed_id_is_told_as_such(neighbours: Neighbours, call: Call, malformed: str) -> None:
    answer = await neighbours.call(call, malformed)
    assert answer.status_code in (404, 405, 422)
    assert neighbours.your_id not in answer.text


@pytest.mark.parametrize("call", [call for call in BY_ID if not call[1].endswith("events")], ids=" ".join)
async def test_matrix_own_id_is_known(neighbours: Neighbours, call: Call) -> None:
    my_id, _ = neighbours.ids(call)
    assert (await neighbours.call(call, my_id)).status_code in (200, 201, 202, 204, 409)


@pytest.mark.parametrize("call", OWN, ids=" ".join)
async def test_matrix_what_is_answered_is_the_callers_own(neighbours: Neighbours, call: Call) -> None:
    answer = await neighbours.mine.get(call[1])
    assert answer.status_code == 200
    foreign = [neighbours.your_id, neighbours.yours.email, str(await neighbours.yours.id())]
    assert not [word for word in foreign if word in answer.text]


async def test_matrix_what_one_does_changes_nothing_of_the_other(neighbours: Neighbours) -> None:
    before = [(await neighbours.yours.get(path)).content for _, path in OWN if path != "/broker/login-url"]
    assert (await neighbours.mine.stop(neighbours.my_id)).status_code == 200
    assert (await neighbours.mine.delete(f"/strategy/{neighbours.my_id}")).status_code == 204
    assert (await neighbours.mine.delete("/broker")).status_code == 204
    logout = await neighbours.mine.post(
        "/auth/logout", {"refresh_token": neighbours.yours.tokens["refresh_token"]}
    )
    assert logout.status_code == 204
    after = [(await neighbours.yours.get(path)).content for _, path in OWN if path != "/broker/login-url"]
    assert after == before
    again = await neighbours.world.http.post(
        "/auth/refresh", json={"refresh_token": neighbours.yours.tokens["refresh_token"]}
    )
    assert again.status_code == 200


# Without the first wall.


@cache
def _forgotten() -> list[str]:
    files = (ROOT / f"{name.replace('.', '/')}.py" for name in REPOSITORIES)
    return [found for file in files for found in forgetful(file.read_text())[1]]


def _matrix(*plugins: str, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-P", "-m", "pytest", "-q", "-n", "0", "-x", "-p", "no:cacheprovider"]
    words += [word for plugin in plugins for word in ("-p", plugin)]
    words += [str(Path(__file__).relative_to(ROOT)), "-k", "matrix"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        words, cwd=ROOT, env={**own, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True
    )


async def test_tenants_stay_apart_with_every_filter_forgotten() -> None:
    assert len(_forgotten()) >= 12, _forgotten()
    done = await asyncio.to_thread(_matrix, "tests.unfiltered")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


async def test_the_proof_fails_where_postgres_does_not_help() -> None:
    """The same, without the second wall: what cannot fail proves nothing."""
    done = await asyncio.to_thread(_matrix, "tests.unfiltered", STOPWATCH_TEST_WITHOUT_ROW_SECURITY="1")
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    assert "Multiple rows were found" in done.stdout  # the first question for one's own account finds two


# The second wall itself.


async def test_every_table_with_a_user_is_guarded_and_forced(shared: Store) -> None:
    query = text(
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE c.relkind = 'r' AND a.attname = 'user_id' "
        "AND c.relnamespace = 'public'::regnamespace"
    )
    async with shared.read() as session:
        found = {row[0]: row[1] for row in await session.execute(query)}
    assert found == dict.fromkeys(row_security.TABLES, True)


async def test_api_that_does_not_say_for_whom_sees_nothing(neighbours: Neighbours) -> None:
    seen = neighbours.world.deps.store
    closed = []
    for table in row_security.TABLES:
        async with seen.read() as session:
            if await session.scalar(text("SELECT has_table_privilege(:table, 'SELECT')"), {"table": table}):
                assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608
            else:
                closed.append(table)
    assert closed == ["account_reads", "price_gaps"], "the others are no wall of rows"


async def test_api_sees_and_writes_its_users_rows_only(neighbours: Neighbours) -> None:
    seen = neighbours.world.deps.store
    me, you = await neighbours.mine.id(), await neighbours.yours.id()
    async with seen.work(me) as session:
        assert await session.scalar(text("SELECT count(DISTINCT user_id) FROM strategies")) == 1
        stolen = await session.execute(
            text("UPDATE strategies SET updated_at = now() WHERE strategy_id = :id"),
            {"id": neighbours.your_id},
        )
        assert stolen.rowcount == 0  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="row-level security"):
        async with seen.work(me) as session:
            await session.execute(
                text(
                    "INSERT INTO sessions (session_id, user_id, family_id, token_hash, expires_at) "
                    "VALUES (gen_random_uuid(), :you, gen_random_uuid(), 'x', now())"
                ),
                {"you": you},
            )


async def test_who_is_acted_for_ends_with_the_transaction(neighbours: Neighbours) -> None:
    seen, me = neighbours.world.deps.store, await neighbours.mine.id()
    count = text("SELECT count(*) FROM strategies")
    async with seen.read(me) as session:
        assert await session.scalar(count) == 1
        await session.rollback()
        assert await session.scalar(count) == 0
    async with seen.read() as session:
        await act_as(session, me)
        assert await session.scalar(count) == 1
        await session.commit()
        assert await session.scalar(count) == 0


async def test_no_row_is_anothers_however_requests_are_cut_short(neighbours: Neighbours) -> None:
    """Two connections, fifty users, a thousand reads of which a third is cancelled wherever it stands."""
    users = [await neighbours.mine.id(), await neighbours.yours.id(), *(uuid4() for _ in range(48))]
    async with neighbours.world.store.work() as session:
        session.add_all(User(user_id=one, email=f"{one}@example.com", password_hash="-") for one in users[2:])
    narrow = Store.open(
        neighbours.world.deps.store._engine.url.render_as_string(hide_password=False), pool_size=1
    )
    foreign: list[object] = []
    dice, done = random.Random(7), 0  # noqa: S311 - repeats itself on purpose

    async def read(number: int) -> None:
        nonlocal done
        me = users[number % len(users)]
        async with narrow.read(me) as session:
            found = (await session.execute(text("SELECT user_id FROM users"))).scalars().all()
        page = await read_strategy_page(narrow, me, 10, None)
        foreign.extend(one for one in found if one != me)
        foreign.extend(one for one in page if one.record.strategy.user_id != me)
        done += 1

    for start in range(0, 1000, 20):
        tasks = [asyncio.create_task(read(number)) for number in range(start, start + 20)]
        await asyncio.sleep(dice.uniform(0, 0.01))
        for task in dice.sample(tasks, 7):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        odd = [one for one in results if isinstance(one, Exception)]
        assert not odd
    await narrow.close()
    assert not foreign
    assert done >= 600


async def test_api_refuses_a_role_that_sees_everything(shared: Store, world: World) -> None:
    await check_row_security(world.deps.store)
    with pytest.raises(RowSecurityMissing, match="bypasses row-level"):
        await check_row_security(shared)


async def test_api_refuses_a_role_that_is_a_member_of_one_that_sees_more(
    store: Store, passwords: Passwords
) -> None:
    world, other = new_world(store, passwords), f"sees_all_{uuid4().hex[:8]}"
    async with world.deps.store.read() as session:
        api = await session.scalar(text("SELECT current_user"))
    await _owner(store, f"CREATE ROLE {other}", f"GRANT {other} TO {api}")
    try:
        await check_row_security(world.deps.store)
        await _owner(store, f"CREATE POLICY all_of_it ON orders TO {other} USING (true)")
        with pytest.raises(RowSecurityMissing, match="member"):
            await check_row_security(world.deps.store)
    finally:
        await _owner(store, "DROP POLICY all_of_it ON orders", f"DROP ROLE {other}")


async def _owner(store: Store, *statements: str) -> None:
    async with store.work() as session:
        for statement in statements:
            await session.execute(text(statement))


async def test_api_refuses_a_table_without_a_wall(store: Store, passwords: Passwords) -> None:
    world = new_world(store, passwords)
    async with store.work() as session:
        await session.execute(text("ALTER TABLE orders NO FORCE ROW LEVEL SECURITY"))
    with pytest.raises(RowSecurityMissing, match="orders"):
        await check_row_security(world.deps.store)
