"""`python -m migrations` on a real Postgres: from nothing, again, and from a database that is too new."""

import asyncio
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.testing import WorkflowEnvironment

from adapters.postgres.engine import asyncpg_url
from adapters.temporal.connection import address_in
from adapters.temporal.readiness import ATTRIBUTES
from migrations import schema
from migrations.migration_errors import NewerDatabase, RoleRefused
from migrations.roles import Role, make_roles
from migrations.search_attributes import register
from tests.postgres import OWNER, PostgresServer

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)


def migrations(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(
        [sys.executable, "-m", "migrations", *arguments],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=90,
    )


def as_user(url: str, words: str) -> str:
    """Return the same database's address for `user:password`."""
    return f"postgresql://{words}@{url.split('@')[1]}"


async def test_an_empty_database_is_brought_up_and_left_alone_the_second_time(
    postgres: PostgresServer,
) -> None:
    url = await postgres.empty_database()
    first, second = await schema.upgrade(url), await schema.upgrade(url)
    assert first == second
    await schema.check(url)


async def test_the_check_finds_no_difference_and_leaves_an_empty_database_empty(
    postgres: PostgresServer,
) -> None:
    url = await postgres.empty_database()
    done = migrations("check", STOPWATCH_DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (0, "Migrations and tables agree.\n"), done.stderr
    connection = await asyncpg.connect(url)
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    assert tables == 0


async def test_everything_can_be_taken_down_again(postgres: PostgresServer) -> None:
    url = await postgres.new_database()
    await schema.downgrade(url)
    await schema.upgrade(url)
    await schema.check(url)


async def test_logins_of_before_go_on_and_ended_ones_stay_ended(postgres: PostgresServer) -> None:
    url = await postgres.empty_database()
    await upgrade_to(url, "0003")
    connection = await asyncpg.connect(url)
    user, lasting, ended = uuid4(), uuid4(), uuid4()
    await connection.execute(
        "INSERT INTO users (user_id, email, password_hash) VALUES ($1, 'a@b.test', '')", user
    )
    for number, (family, revoked_at) in enumerate([(lasting, None), (lasting, None), (ended, NOW)]):
        await connection.execute(
            "INSERT INTO sessions (session_id, user_id, family_id, token_hash, expires_at, revoked_at) "
            "VALUES (gen_random_uuid(), $1, $2, $3, now() + interval '1 day', $4)",
            *(user, family, bytes([number]), revoked_at),
        )
    await schema.upgrade(url)
    rows = await connection.fetch("SELECT login_id, ended_at IS NULL AS open FROM logins")
    assert {(row["login_id"], row["open"]) for row in rows} == {(lasting, True), (ended, False)}
    assert await connection.fetchval("SELECT count(*) FROM sessions") == 3
    await connection.close()


async def upgrade_to(url: str, revision: str) -> None:
    """Bring an empty database to a revision of before."""

    def run(connection: Connection) -> None:
        config = schema.config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = create_async_engine(asyncpg_url(url))
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


async def test_a_newer_database_is_left_alone_with_exit_2(postgres: PostgresServer) -> None:
    url = await postgres.new_database()
    await postgres.execute("UPDATE alembic_version SET version_num = '9999'", url.rsplit("/", 1)[1])
    with pytest.raises(NewerDatabase):
        await schema.upgrade(url)
    done = migrations(STOPWATCH_DATABASE_URL=url)
    assert done.returncode == 2
    assert done.stderr.startswith("The database is of revision 9999, which this version")
    assert "Traceback" not in done.stderr


async def test_one_line_is_printed_for_each_step(postgres: PostgresServer) -> None:
    url = await postgres.empty_database()
    api = as_user(url, "steps_api:secret")
    done = migrations(STOPWATCH_DATABASE_URL=url, STOPWATCH_DATABASE_URL_API=api)
    assert done.returncode == 0, done.stderr
    newest = max(path.name for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))[:4]
    assert done.stdout.splitlines() == [
        f"Schema: at revision {newest}.",
        "Role steps_api: has the rights of the api, and no others.",
        "Temporal: no STOPWATCH_TEMPORAL_ADDRESS is set, so no search attributes were registered.",
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "STOPWATCH_DATABASE_URL is not set"),
        ({"STOPWATCH_DATABASE_URL": "nonsense"}, "STOPWATCH_DATABASE_URL is not an address"),
        ({"STOPWATCH_DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c"}, "The database did not let us in"),
    ],
)
def test_a_failure_is_one_sentence_with_exit_1(settings: dict[str, str], said: str) -> None:
    done = migrations(**settings)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [f"{OWNER}:secret", ":", "nobody:"])
async def test_a_role_is_refused_when_it_is_the_owners_or_has_no_password(
    postgres: PostgresServer, words: str
) -> None:
    url = await postgres.new_database()
    with pytest.raises(RoleRefused):
        await make_roles(url, [Role.of("api", as_user(url, words))])


async def test_an_owner_who_is_no_superuser_can_make_the_roles_and_change_their_passwords(
    postgres: PostgresServer,
) -> None:
    url = await postgres.empty_database()
    name = url.rsplit("/", 1)[1]
    await postgres.execute("CREATE ROLE plain_owner LOGIN CREATEROLE PASSWORD 'x'")
    await postgres.execute(f"ALTER DATABASE {name} OWNER TO plain_owner")
    owner = as_user(url, "plain_owner:x")
    await schema.upgrade(owner)
    for password in ("one", "two"):
        await make_roles(owner, [Role.of("worker", as_user(url, f"plain_worker:{password}"))])


async def test_one_role_cannot_serve_two_purposes(postgres: PostgresServer) -> None:
    url = await postgres.new_database()
    both = as_user(url, "both:secret")
    with pytest.raises(RoleRefused):
        await make_roles(url, [Role.of("api", both), Role.of("worker", both)])


async def test_the_command_reads_the_settings_of_dotenv_as_every_other(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"STOPWATCH_DATABASE_URL={await postgres.empty_database()}\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
    command = [str(Path(sys.executable).parent / "stopwatch"), "migrate"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.startswith("Schema: at revision ")) == (0, True), done.stderr


async def test_search_attributes_are_registered_once_the_server_is_up(temporal_binary: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = address_in({"STOPWATCH_TEMPORAL_ADDRESS": f"127.0.0.1:{port}"})
    assert server is not None
    registering = asyncio.create_task(register(server))
    await asyncio.sleep(0)
    async with await WorkflowEnvironment.start_local(
        port=port, dev_server_existing_path=temporal_binary
    ) as environment:
        await registering
        await register(server)
        answer = await environment.client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace="default")
        )
    assert set(ATTRIBUTES) <= set(answer.custom_attributes)
