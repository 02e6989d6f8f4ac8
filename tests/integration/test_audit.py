"""The audit log: written with what it tells of, readable by its user, and impossible to change unseen."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from adapters.postgres.audit import AuditCheck, AuditReader, audit
from adapters.postgres.audit_command import read_anchors, write_anchors
from adapters.postgres.audit_tables import AuditRow
from adapters.postgres.credentials import Credentials
from adapters.postgres.engine import Store
from adapters.postgres.order_resolution import Resolution, Resolving, Verdict
from domain.audit import Action, AuditEntry, AuditLine, Broken, hash_of
from domain.outcome import Unknown
from migrations.roles import Role, make_roles
from services.auth.passwords import Passwords
from tests.api_world import PASSWORD, Customer, World, new_world
from tests.postgres import PostgresServer
from tests.store_rows import Desk, just_now

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


@pytest.fixture
async def roles(database: str) -> AsyncIterator[dict[str, Store]]:
    """The same database as each of the product's roles sees it, and as the schema's owner does."""
    urls = {
        purpose: make_url(database).set(username=f"{purpose}_{uuid4().hex[:8]}", password="x")
        for purpose in ("api", "worker", "listener")
    }
    shown = {purpose: url.render_as_string(hide_password=False) for purpose, url in urls.items()}
    await make_roles(database, [Role.of(purpose, url) for purpose, url in shown.items()])
    stores = {purpose: Store.open(url) for purpose, url in {**shown, "owner": database}.items()}
    yield stores
    for opened in stores.values():
        await opened.close()


async def add(store: Store, line: AuditLine) -> None:
    async with store.work(line.user_id) as session:
        await audit(session, line)


async def lines(store: Store, chain: str) -> list[AuditEntry]:
    columns = [getattr(AuditRow, name) for name in AuditEntry.__dataclass_fields__]
    query = select(*columns).where(AuditRow.chain == chain).order_by(AuditRow.seq)
    async with store.read() as session:
        return [AuditEntry(*row) for row in await session.execute(query)]


async def actions(store: Store, chain: str) -> list[str]:
    return [line.action for line in await lines(store, chain)]


async def tampered(database: str, sql: str) -> None:
    """Change the log as somebody who may do everything: triggers do not run for him."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(sql)
    finally:
        await connection.close()


async def broken(store: Store) -> list[Broken]:
    return (await AuditCheck(store).run())[1]


async def test_what_a_user_does_is_recorded_with_who_what_when_and_from_where(world: World) -> None:
    before = datetime.now(UTC)
    customer = await world.trader()
    user_id = await customer.id()
    created = await customer.running()
    strategy_id = created["strategy_id"]
    await customer.stop(strategy_id, on_stop="keep")
    await customer.delete(f"/strategy/{strategy_id}")
    await customer.delete("/broker")
    login = {"email": customer.email, "password": PASSWORD}
    tokens = (await world.http.post("/auth/login", json=login)).json()
    await world.http.post("/auth/login", json=login | {"password": "not the password"})
    await customer.post("/auth/logout", {"refresh_token": tokens["refresh_token"]})
    found = await lines(world.store, str(user_id))
    assert [line.action for line in found] == [
        "register",
        "broker_connect",
        "strategy_create",
        "strategy_start",
        "strategy_stop",
        "strategy_delete",
        "broker_forget",
        "login",
        "login_failed",
        "logout",
    ]
    assert {line.actor for line in found} == {str(user_id)}
    assert {line.object for line in found[2:6]} == {strategy_id}
    assert found[4].reason == "on_stop keep"
    assert {line.ip for line in found} == {"127.0.0.1"}
    assert {line.agent.split("/")[0] for line in found} == {"python-httpx"}
    assert all(line.version and before <= line.at <= datetime.now(UTC) for line in found)


async def test_a_reused_refresh_token_is_recorded_for_its_user(world: World) -> None:
    customer = await world.customer()
    user_id = str(await customer.id())
    old = {"refresh_token": customer.tokens["refresh_token"]}
    newer = (await world.http.post("/auth/refresh", json=old)).json()
    await world.http.post("/auth/refresh", json={"refresh_token": newer["refresh_token"]})
    assert (await world.http.post("/auth/refresh", json=old)).status_code == 401
    assert (await actions(world.store, user_id))[-1] == "refresh_reused"


async def test_what_did_not_happen_is_not_recorded(world: World) -> None:
    customer = await world.customer()
    user_id = str(await customer.id())
    await customer.start(str(uuid4()))
    await customer.delete(f"/strategy/{uuid4()}")
    await customer.delete("/broker")
    with pytest.raises(ZeroDivisionError):
        await fails_after_its_line(world.store, AuditLine(await customer.id(), Action.LOGIN))
    assert await actions(world.store, user_id) == ["register"]


async def fails_after_its_line(store: Store, line: AuditLine) -> None:
    async with store.work() as session:
        await audit(session, line)
        raise ZeroDivisionError


async def test_a_login_with_an_unknown_email_is_in_the_systems_chain_without_the_email(world: World) -> None:
    email = f"{uuid4().hex}@example.com"
    await world.http.post("/auth/login", json={"email": email, "password": "not the password"})
    line = (await lines(world.store, "system"))[-1]
    assert (line.action, line.actor) == ("login_failed", "unknown")
    assert email not in repr(line)


async def test_a_stop_goes_on_when_its_line_cannot_be_written(world: World, database: str) -> None:
    customer = await world.trader()
    running = await customer.running()
    user_id = await customer.id()
    async with world.store.work() as session:
        # Somebody frozen in the middle of a change holds the user's chain.
        await session.execute(
            text("SELECT 1 FROM audit_heads WHERE chain = :chain FOR UPDATE"), {"chain": str(user_id)}
        )
        answer = await customer.stop(running["strategy_id"])
    assert (answer.status_code, answer.json()["status"]) == (200, "stopped")


async def test_the_workers_and_the_operators_acts_are_in_the_users_chain(store: Store, world: World) -> None:
    desk = await Desk.made(store)
    user_id = desk.strategy.user_id
    sent = await desk.sent(desk.key())
    await desk.log.answer(sent, Unknown("no answer"))
    async with store.work() as session:
        await session.execute(text("UPDATE orders SET sent_at = sent_at - interval '1 minute'"))
    await Resolving(store).resolve(
        Resolution(sent.order_id, Verdict.NOT_PLACED, None, "asha", "looked at the order book")
    )
    customer = await world.trader()
    trader = await customer.id()
    await Credentials(store).store_login(
        trader, b"sealed", just_now(), broker_user_id="AB1234", user_name="A"
    )
    resolved, logged_in = (await lines(store, str(user_id)))[-1], (await lines(store, str(trader)))[-1]
    assert (resolved.role, resolved.actor, resolved.reason) == (
        "operator",
        "asha",
        "looked at the order book",
    )
    assert resolved.object.startswith(f"{sent.order_id} ")
    assert (logged_in.role, logged_in.action) == ("worker", "broker_login")


async def test_no_role_can_change_or_remove_a_line_and_the_listener_cannot_write_one(
    roles: dict[str, Store],
) -> None:
    line = AuditLine(uuid4(), Action.LOGIN)
    await add(roles["api"], line)
    await add(roles["worker"], line)
    writers = [entry.writer.split("_")[0] for entry in await lines(roles["owner"], str(line.user_id))]
    assert writers == ["api", "worker"]
    with pytest.raises(ProgrammingError, match="row-level security"):  # in the name of another
        async with roles["api"].work(uuid4()) as session:
            await audit(session, line)
    for role, store in roles.items():
        for sql in (
            "UPDATE audit SET reason = 'x'",
            "DELETE FROM audit",
            "TRUNCATE audit",
            "DELETE FROM audit_heads",
        ):
            with pytest.raises(ProgrammingError, match=r"permission denied|append-only"):
                async with store.work() as session:
                    await session.execute(text(sql))
        if role != "owner":
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with store.work() as session:
                    await session.execute(text("UPDATE audit_heads SET seq = 1"))
    with pytest.raises(ProgrammingError, match="permission denied"):
        await add(roles["listener"], line)
    with pytest.raises(ProgrammingError, match="permission denied"):  # a time and a hash of its own choice
        async with roles["api"].work() as session:
            await session.execute(text("INSERT INTO audit (at, hash) VALUES (now(), 'x')"))
    assert await broken(roles["owner"]) == []


@pytest.mark.parametrize(
    ("sql", "seq", "what"),
    [
        ("UPDATE audit SET reason = 'other' WHERE seq = 2 AND chain = '{}'", 2, "was changed"),
        ("UPDATE audit SET at = at + interval '1 us' WHERE seq = 1 AND chain = '{}'", 1, "was changed"),
        (
            "UPDATE audit SET hash = set_byte(hash, 9, 255 - get_byte(hash, 9)) "
            "WHERE seq = 2 AND chain = '{}'",
            2,
            "was changed",
        ),
        ("DELETE FROM audit WHERE seq = 2 AND chain = '{}'", 2, "line 2 is missing"),
        ("DELETE FROM audit WHERE seq = 3 AND chain = '{}'", 3, "the last line there is 2"),
        ("DELETE FROM audit WHERE chain = '{}'", 1, "the last line there is 0"),
        ("DELETE FROM audit_heads WHERE chain = '{}'", 3, "its head is gone"),
        (
            "UPDATE audit SET reason = 'x', hash = sha256('x') WHERE seq = 1 AND chain = '{}'",
            1,
            "was changed",
        ),
    ],
)
async def test_a_change_by_somebody_who_may_do_everything_is_found(
    database: str, store: Store, sql: str, seq: int, what: str
) -> None:
    victim, other = uuid4(), uuid4()
    for user_id in (victim, other, victim, victim):
        await add(store, AuditLine(user_id, Action.LOGIN, reason='a "quoted" ₹ \\ reason\twith a tab'))
    assert await broken(store) == []
    await tampered(database, sql.format(victim))
    found = await broken(store)
    assert [(one.chain, one.seq) for one in found] == [(str(victim), seq)]
    assert what in found[0].what


@pytest.mark.parametrize("forged", [2, 3, 4])
async def test_a_chain_written_anew_with_right_hashes_is_found_by_an_anchor_kept_elsewhere(
    database: str, store: Store, tmp_path: Path, forged: int
) -> None:
    user_id, anchor = uuid4(), tmp_path / "anchor.json"
    for _ in range(3):
        await add(store, AuditLine(user_id, Action.LOGIN))
    write_anchors(anchor, (await AuditCheck(store).run())[0])
    await tampered(database, "DELETE FROM audit; DELETE FROM audit_heads")
    for _ in range(forged):
        await add(store, AuditLine(user_id, Action.LOGIN, reason="nothing to see"))
    assert await broken(store) == []  # the database alone cannot know
    found = (await AuditCheck(store).run(read_anchors(anchor)))[1]
    assert [(one.chain, one.seq) for one in found] == [(str(user_id), 3)]


def verify(database: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "adapters.postgres.audit_command", "verify", *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "STOPWATCH_DATABASE_URL": database},
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_the_operators_command_says_what_it_found_and_why_it_could_not_look(
    database: str, store: Store, postgres: PostgresServer, tmp_path: Path
) -> None:
    await add(store, AuditLine(uuid4(), Action.LOGIN))
    held = verify(database)
    assert (held.returncode, held.stdout) == (
        0,
        "The audit log holds: 1 lines in 1 chains, every link recomputed.\n",
    )
    await tampered(database, "UPDATE audit SET ip = '10.0.0.1'")
    assert "line 1: its content does not match its hash" in verify(database).stdout
    older = verify(await postgres.empty_database())
    assert (older.returncode, older.stderr.count("\n")) == (2, 1)
    anchor = tmp_path / "anchor.json"
    assert verify(await postgres.new_database(), "--anchor", str(anchor)).returncode == 0
    assert anchor.read_text() == "{}\n"
    (tmp_path / "notes").write_text("not an anchor")
    assert verify(database, "--anchor", str(tmp_path / "notes")).returncode == 2


async def test_writers_at_one_time_keep_one_chain_without_a_gap(store: Store) -> None:
    user_id = uuid4()
    await asyncio.gather(*(add(store, AuditLine(user_id, Action.LOGIN, reason=str(n))) for n in range(40)))
    found = await lines(store, str(user_id))
    assert [line.seq for line in found] == list(range(1, 41))
    assert [line.at for line in found] == sorted(line.at for line in found)
    assert await broken(store) == []


async def test_one_users_chain_does_not_wait_for_anothers(store: Store) -> None:
    async with store.work() as session:
        await audit(session, AuditLine(uuid4(), Action.LOGIN))
        async with asyncio.timeout(2):  # less than Postgres' lock timeout
            await add(store, AuditLine(uuid4(), Action.LOGIN))


async def test_a_user_reads_his_own_lines_page_by_page_and_takes_all_with_him(world: World) -> None:
    customer, other = await world.customer(), await world.customer()
    for _ in range(6):
        await world.http.post("/auth/login", json={"email": customer.email, "password": PASSWORD})
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        page = (await customer.get(f"/account/audit?limit=3&cursor={cursor}")).json()
        seen += [line["seq"] for line in page["items"]]
        cursor = page["next"]
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    exported = await exported_by(customer)
    assert [line["seq"] for line in exported] == [1, 2, 3, 4, 5, 6, 7]
    assert {line["chain"] for line in exported} == {str(await customer.id())}
    assert [line["action"] for line in await exported_by(other)] == ["register"]
    assert (await customer.get("/account/audit?cursor=x")).status_code == 422


async def test_an_export_can_be_checked_without_us(world: World) -> None:
    customer = await world.trader()
    previous = ""
    for line in await exported_by(customer):
        entry = AuditEntry(
            **line
            | {
                "at": datetime.fromisoformat(line["at"]),
                "prev_hash": bytes.fromhex(line["prev_hash"]),
                "hash": bytes.fromhex(line["hash"]),
            }
        )
        assert entry.hash == hash_of(entry)
        assert previous in ("", line["prev_hash"])
        previous = line["hash"]


async def exported_by(customer: Customer) -> list[dict[str, Any]]:
    answer = await customer.get("/account/audit/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_an_export_longer_than_a_batch_is_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.account.audit_routes.BATCH", 4)
    customer = await world.customer()
    user_id = await customer.id()
    for _ in range(8):
        await add(world.store, AuditLine(user_id, Action.LOGIN))
    assert [line["seq"] for line in await exported_by(customer)] == list(range(1, 10))
    async with world.store.read() as session:
        assert len(await AuditReader(session, user_id).newest(100)) == 9
        assert await session.scalar(select(func.count()).select_from(AuditRow)) == 9


def test_what_a_client_sent_is_kept_short_and_printable() -> None:
    line = AuditLine(None, Action.LOGIN, agent="curl\x00\x1b[31m\n" + "a" * 1000, reason="\u202eevil")
    assert line.agent.startswith("curl[31ma")
    assert (len(line.agent), line.reason) == (160, "evil")
