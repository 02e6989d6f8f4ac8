"""Keys are changed while people trade: nobody's secret is out of reach for a moment, and none is lost."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.engine import make_url

from adapters.kite.egress import Egress
from adapters.postgres.credentials import Credentials
from adapters.postgres.engine import Store
from adapters.postgres.sealed import FIELDS, SealedRow, SealedSecrets
from adapters.postgres.user_tables import BrokerKeys, User
from adapters.secrets.broker_credentials import VaultCredentials
from adapters.secrets.process_keys import opening, sealing
from adapters.secrets.rotation import Rotation
from adapters.secrets.vault import Opener
from domain.errors import SecretUnreadable
from local.keys import fresh, seal_key, with_new_encryption_key
from migrations.roles import Role, make_roles

OLD = fresh()["STOPWATCH_ENCRYPTION_KEYS"]
BOTH = with_new_encryption_key(OLD)
NEW = BOTH.split(",")[0]


@pytest.fixture
async def worker(database: str) -> AsyncIterator[Store]:
    """The same database as the worker's role sees it."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    await make_roles(database, [Role.of("worker", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    await opened.close()


async def connected(store: Store, keys: str = OLD, *, logged_in: bool = True) -> UUID:
    """Return a user whose secrets, each named after its field, are sealed to the current one of `keys`."""
    user_id, sealer = uuid4(), Opener.local(keys).sealer()
    sealed = {name: sealer.seal(f"{name} of {user_id}", user_id=user_id, field=name) for name in FIELDS}
    async with store.work() as session:
        session.add(User(user_id=user_id, email=f"{user_id}@example.com", password_hash="-"))
        await session.flush()
        session.add(
            BrokerKeys(
                user_id=user_id,
                broker="zerodha",
                broker_user_id="AB1234",
                user_name="A B",
                login_key=b"-",
                connected_at=datetime.now(UTC),
                token_expires_at=datetime.now(UTC) + timedelta(hours=8),
                **sealed | ({} if logged_in else {"access_token": None}),
            )
        )
    return user_id


async def row_of(store: Store, user_id: UUID) -> SealedRow:
    found = await SealedSecrets(store).one(user_id)
    assert found is not None
    return found


async def opened(store: Store, user_id: UUID, keys: str) -> dict[str, str]:
    opener, row = Opener.local(keys), await row_of(store, user_id)
    return {name: await opener.open(blob, user_id=user_id, field=name) for name, blob in row.secrets.items()}


async def test_everything_opens_with_the_new_key_alone_after_a_rotation(store: Store) -> None:
    users = [await connected(store) for _ in range(7)] + [await connected(store, BOTH)]
    never_logged_in = await connected(store, logged_in=False)
    rotated = await Rotation(SealedSecrets(store), Opener.local(BOTH), batch=3).run()
    assert (rotated.done, rotated.unreadable, rotated.busy) == (8, [], [])
    for user_id in users:
        secrets = await opened(store, user_id, NEW)
        assert secrets == {name: f"{name} of {user_id}" for name in FIELDS}
    assert set(await opened(store, never_logged_in, NEW)) == {"api_key", "api_secret"}


async def test_nothing_fails_to_open_and_no_login_is_lost_while_keys_rotate(
    store: Store, worker: Store
) -> None:
    users = [await connected(store) for _ in range(40)]
    credentials = VaultCredentials(Credentials(worker), Opener.local(BOTH), Egress())
    logins: dict[UUID, str] = {}
    reads = 0
    stop = asyncio.Event()

    async def trade() -> None:
        nonlocal reads
        while not stop.is_set():
            for user_id in users:
                found = await credentials.credentials(user_id)
                assert found.api_key == f"api_key of {user_id}"
                reads += 1
            await asyncio.sleep(0)

    async def log_in() -> None:
        sealer = Opener.local(OLD).sealer()  # an API that has the old SEAL_KEY still
        while not stop.is_set():
            for user_id in users[::2]:
                token = f"token {uuid4()}"
                sealed = sealer.seal(token, user_id=user_id, field="access_token")
                stored = await Credentials(worker).store_login(
                    user_id, sealed, None, broker_user_id="AB1234", user_name="A B"
                )
                assert stored
                logins[user_id] = token

    working = [asyncio.create_task(trade()), asyncio.create_task(log_in())]
    rotation = Rotation(SealedSecrets(store), Opener.local(BOTH), batch=5)  # as the owner, like the command
    for _ in range(3):
        rotated = await rotation.run()
        assert rotated.unreadable == []
    stop.set()
    await asyncio.gather(*working)
    await rotation.run()
    assert reads > len(users)
    for user_id in users:
        token = (await opened(store, user_id, NEW))["access_token"]
        assert token == logins.get(user_id, f"access_token of {user_id}")


async def test_rotation_that_was_killed_goes_on_with_what_is_left(store: Store) -> None:
    for _ in range(6):
        await connected(store)

    class Killed(Exception):
        pass

    def kill(_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        await Rotation(SealedSecrets(store), Opener.local(BOTH), batch=2).run(kill)
    rotated = await Rotation(SealedSecrets(store), Opener.local(BOTH), batch=2).run()
    assert rotated.done == 4


async def test_login_stored_meanwhile_wins_and_the_login_version_is_left_alone(store: Store) -> None:
    user_id = await connected(store)
    read = await row_of(store, user_id)
    newer = Opener.local(OLD).sealer().seal("newer", user_id=user_id, field="access_token")
    async with store.work() as session:
        before = await session.scalar(select(BrokerKeys.login_version))
        await session.execute(update(BrokerKeys).values(access_token=newer))
    assert not await SealedSecrets(store).replace(read, {"access_token": b"renewed"})
    await Rotation(SealedSecrets(store), Opener.local(BOTH)).run()
    assert (await opened(store, user_id, NEW))["access_token"] == "newer"
    async with store.read() as session:
        assert await session.scalar(select(BrokerKeys.login_version)) == before


async def test_swapped_rows_do_not_open_and_are_named_instead_of_renewed(store: Store) -> None:
    one, other = await connected(store), await connected(store)
    mine, theirs = await row_of(store, one), await row_of(store, other)
    async with store.work() as session:
        for user_id, row in ((one, theirs), (other, mine)):
            await session.execute(
                update(BrokerKeys).where(BrokerKeys.user_id == user_id).values(**row.secrets)
            )
    rotated = await Rotation(SealedSecrets(store), Opener.local(BOTH)).run()
    assert rotated.done == 0
    assert {user_id for user_id, _ in rotated.unreadable} == {one, other}
    with pytest.raises(SecretUnreadable, match="moved or changed"):
        await opened(store, one, BOTH)


def command(database: str, keys: str, *words: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
    settings = {"STOPWATCH_DATABASE_URL": database, "STOPWATCH_ENCRYPTION_KEYS": keys}
    words = words or ("rotate",)
    return subprocess.run(
        [_stopwatch(), "keys", *words],
        cwd="/",
        env=own | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )


def _stopwatch() -> str:
    return str(Path(sys.executable).parent / "stopwatch")


async def test_command_waits_until_workers_know_the_new_key(store: Store, database: str) -> None:
    user_id = await connected(store)
    old_keys = Opener.local(OLD).key_ids
    running = Store.open(database, application=opening("stopwatch worker", old_keys))
    async with running.statement() as connection:
        await connection.execute(text("SELECT 1"))
        refused = await asyncio.to_thread(command, database, BOTH)
    await running.close()
    assert refused.returncode == 1
    assert "Nothing was changed: the running worker must know the new key first" in refused.stdout
    assert (await opened(store, user_id, OLD))["api_key"] == f"api_key of {user_id}"


async def test_command_says_what_is_next_and_shows_no_key(store: Store, database: str) -> None:
    await connected(store)
    sealer = Opener.local(OLD).sealer()
    api = Store.open(database, application=sealing("stopwatch api", sealer.key_id))
    async with api.statement() as connection:
        await connection.execute(text("SELECT 1"))
        first = await asyncio.to_thread(command, database, BOTH)
    await api.close()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "1 of 1 accounts were sealed anew" in first.stdout
    assert f"Give the API STOPWATCH_SEAL_KEY={seal_key(BOTH)}" in first.stdout
    second = await asyncio.to_thread(command, database, BOTH)
    assert "0 of 1 accounts were sealed anew" in second.stdout
    assert "remove the old key" in second.stdout
    assert not any(key in first.stdout + second.stdout for key in (OLD, NEW))


async def test_command_leaves_what_no_key_opens_and_says_whose_it_is(store: Store, database: str) -> None:
    user_id = await connected(store, fresh()["STOPWATCH_ENCRYPTION_KEYS"])
    told = await asyncio.to_thread(command, database, BOTH)
    assert told.returncode == 1
    assert f"user {user_id}: api_key is not sealed to any of the keys" in told.stdout
    assert "Do not remove an old key yet" in told.stdout


def test_new_key_is_put_before_the_old_ones_which_stay() -> None:
    told = command("postgresql://nobody@127.0.0.1:1/none", OLD, "new-encryption-key")
    lines = dict(line.split("=", 1) for line in told.stdout.splitlines())
    keys = lines["STOPWATCH_ENCRYPTION_KEYS"]
    assert keys.split(",")[1:] == [OLD]
    assert lines["STOPWATCH_SEAL_KEY"] == seal_key(keys)
    assert "Next:" in told.stderr


def test_command_refuses_a_malformed_key_without_showing_it() -> None:
    told = command("postgresql://nobody@127.0.0.1:1/none", "not a key!")
    assert told.returncode == 2
    assert "STOPWATCH_ENCRYPTION_KEYS is not base64url" in told.stdout
    assert "not a key!" not in told.stdout + told.stderr
