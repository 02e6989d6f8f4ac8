"""What Postgres announces, and what the roles may see and do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from adapters.postgres.accounts import BrokerAccounts, SealedAccount
from adapters.postgres.credentials import Credentials, FeedLogins
from adapters.postgres.engine import Store
from adapters.postgres.notify_listener import EVENT_ADDED, NotifyListener
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.watch_list import PostgresWatchList
from domain.errors import StoreUnavailable
from domain.order import Leg
from domain.ports import Digest
from domain.run import PhaseChange
from domain.strategy import Outcome, Phase, Position
from migrations.roles import Role, make_roles
from tests.postgres import PostgresServer
from tests.store_rows import Desk, broker_account, just_now, seen, write_start


@dataclass(frozen=True, slots=True)
class Roles:
    """The same database through each role's eyes; `urls` by purpose."""

    owner: Store
    api: Store
    worker: Store
    listener: Store
    urls: dict[str, str]


@pytest.fixture
async def roles(database: str) -> AsyncIterator[Roles]:
    suffix = uuid4().hex[:8]
    urls = {
        purpose: make_url(database)
        .set(username=f"{purpose}_{suffix}", password="p@ss w0rd/'\"")
        .render_as_string(hide_password=False)
        for purpose in ("api", "worker", "listener")
    }
    await make_roles(database, [Role.of(purpose, url) for purpose, url in urls.items()])
    owner = Store.open(database)
    api, worker, listener = (Store.open(urls[purpose]) for purpose in ("api", "worker", "listener"))
    yield Roles(owner, api, worker, listener, urls)
    await asyncio.gather(*(store.close() for store in (owner, api, worker, listener)))


async def test_a_change_is_heard_after_its_commit_and_not_before(database: str, store: Store) -> None:
    desk = await Desk.made(store)
    changes = PostgresWatchList(store, NotifyListener(database)).changes()
    assert await anext(changes) is None
    heard = asyncio.ensure_future(anext(changes))
    async with store.work() as session:
        await session.execute(text("UPDATE strategies SET status = 'running', phase = 'waiting'"))
        await asyncio.wait([heard], timeout=0.3)
        assert not heard.done()
    assert await asyncio.wait_for(heard, 5) == desk.strategy.strategy_id


async def test_only_life_cycle_changes_are_heard(database: str, store: Store) -> None:
    quiet, loud = await Desk.made(store), await Desk.made(store)
    changes = PostgresWatchList(store, NotifyListener(database)).changes()
    assert await anext(changes) is None
    async with store.work() as session:
        await session.execute(text("UPDATE strategies SET updated_at = now(), warnings = '[\"x\"]'"))
    await loud.runs.activate(loud.start())
    assert await asyncio.wait_for(anext(changes), 5) == loud.strategy.strategy_id
    assert (await quiet.row()).status == "created"


async def test_a_line_is_heard_when_it_is_written(database: str, store: Store) -> None:
    desk = await Desk.made(store)
    lines = NotifyListener(database).listen(EVENT_ADDED)
    assert await anext(lines) is None
    await desk.runs.activate(desk.start())
    assert await asyncio.wait_for(anext(lines), 5) == str(desk.strategy.strategy_id)


async def test_a_strategy_is_watched_while_it_runs(roles: Roles) -> None:
    desk = await Desk.made(roles.owner)
    watch = PostgresWatchList(roles.listener, NotifyListener(roles.urls["listener"]))
    assert await watch.some([desk.strategy.strategy_id]) == []
    start = desk.start()
    await desk.runs.activate(start)
    (watched,) = await watch.all()
    assert (watched.run_id, watched.stop_loss, watched.armed) == (start.ref.run_id, Decimal(3500), False)
    await desk.bought(4)
    (held,) = await watch.some([desk.strategy.strategy_id, uuid4()])
    assert held.armed
    await desk.runs.finish(desk.end(start, Outcome.KEPT, Position.BOUGHT))
    assert await watch.all() == []


async def test_digest_is_what_all_rows_add_up_to_and_moves_with_every_change(roles: Roles) -> None:
    watch = PostgresWatchList(roles.listener, NotifyListener(roles.urls["listener"]))
    seen = [await watch.digest()]
    assert seen == [Digest(0, 0)]
    one, other = await Desk.made(roles.owner), await Desk.made(roles.owner)
    start = one.start()
    for change in (
        one.runs.activate(start),
        other.runs.activate(other.start()),
        one.bought(4),
        one.runs.change_phase(PhaseChange(start.ref, Phase.HOLDING, "Holding.")),
        one.runs.finish(one.end(start, Outcome.KEPT, Position.BOUGHT)),
    ):
        await change
        rows = await watch.all()
        digest = await watch.digest()
        assert digest == Digest(len(rows), sum(row.mark for row in rows))
        assert digest not in seen
        seen.append(digest)


async def test_the_worker_can_do_its_whole_day_and_the_listener_hears_of_it(roles: Roles) -> None:
    strategy = (await Desk.made(roles.owner)).strategy
    desk = Desk(roles.worker, PostgresOrderLog(roles.worker), PostgresRunStore(roles.worker), strategy)
    changes = PostgresWatchList(roles.listener, NotifyListener(roles.urls["listener"])).changes()
    assert await anext(changes) is None
    start = desk.start()
    await write_start(roles.api, start.start)
    await desk.runs.activate(start)
    await desk.runs.change_phase(PhaseChange(start.ref, Phase.ENTERING, "Buying."))
    await desk.bought()
    exit_ = await desk.sent(desk.key(Leg.EXIT))
    await desk.log.saw(exit_, seen(exit_, 10))
    await desk.runs.finish(desk.end(start, Outcome.SOLD, Position.SOLD))
    assert await asyncio.wait_for(anext(changes), 5) == strategy.strategy_id
    assert await PostgresWatchList(roles.listener, NotifyListener("")).all() == []


@pytest.mark.parametrize(
    ("purpose", "statement"),
    [
        ("listener", "SELECT * FROM users"),
        ("listener", "SELECT * FROM strategies"),
        ("listener", "SELECT * FROM broker_keys"),
        ("listener", "SELECT * FROM orders"),
        ("listener", "UPDATE watched SET phase = 'done'"),
        ("listener", "CREATE TABLE mine ()"),
        ("api", "UPDATE strategies SET status = 'running'"),
        ("api", "UPDATE strategies SET position = 'none'"),
        ("api", "INSERT INTO orders DEFAULT VALUES"),
        ("api", "UPDATE orders SET status = 'planned'"),
        ("api", "DELETE FROM events"),
        ("api", "UPDATE starts SET account = ''"),
        ("api", "DELETE FROM starts"),
        ("api", "INSERT INTO starts (start_id, written_at) VALUES (gen_random_uuid(), now())"),
        ("api", "SELECT * FROM used_strategy_ids"),
        ("api", "DELETE FROM used_strategy_ids"),
        ("api", "SELECT setval('login_versions', 1)"),
        ("worker", "INSERT INTO starts DEFAULT VALUES"),
        ("worker", "UPDATE starts SET account = ''"),
        ("worker", "DELETE FROM starts"),
        ("worker", "DELETE FROM used_strategy_ids"),
        ("worker", "SELECT setval('login_versions', 1)"),
        ("listener", "SELECT * FROM starts"),
        ("api", "CREATE TABLE mine ()"),
        ("worker", "SELECT password_hash FROM users"),
        ("worker", "SELECT * FROM sessions"),
        ("worker", "UPDATE events SET text = ''"),
        ("worker", "DELETE FROM orders"),
        ("worker", "INSERT INTO strategies DEFAULT VALUES"),
    ],
)
async def test_a_role_is_refused_what_its_process_never_does(
    roles: Roles, purpose: str, statement: str
) -> None:
    store: Store = getattr(roles, purpose)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with store.work() as session:
            await session.execute(text(statement))


async def test_the_api_may_lock_and_delete_a_strategy_with_all_its_rows(roles: Roles) -> None:
    desk = await Desk.made(roles.owner)
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    for ends, left in ((False, 1), (True, 0)):
        if ends:
            await desk.runs.finish(desk.end(start, Outcome.KEPT, Position.BOUGHT))
        async with roles.api.work(desk.strategy.user_id) as session:
            await session.execute(text("SELECT 1 FROM strategies FOR UPDATE"))
            await session.execute(text("DELETE FROM strategies"))
        assert bool(await desk.orders()) is bool(left), "one that runs stays, whoever asks"


async def test_no_number_of_a_login_comes_back(roles: Roles) -> None:
    """Not after the account was forgotten, and for no other user: whoever stores the login."""
    credentials, numbers = Credentials(roles.worker), []
    for _ in range(2):
        desk = await Desk.made(roles.owner)
        user_id = desk.strategy.user_id
        for _ in range(3):
            async with roles.api.work(user_id) as session:
                assert await BrokerAccounts(session, user_id).save(_sealed(desk))
            numbers.append(await version(credentials, user_id))
            numbers.append(
                await credentials.store_login(user_id, b"new", None, broker_user_id="AB1234", user_name="A B")
            )
            async with roles.api.work(user_id) as session:
                await BrokerAccounts(session, user_id).delete()
    assert numbers == sorted({number for number in numbers if number is not None})
    assert len(numbers) == 12


async def version(credentials: Credentials, user_id: UUID) -> int | None:
    keys = await credentials.read(user_id)
    return keys.login_version if keys is not None else None


async def test_a_login_grows_and_an_old_death_does_not_kill_it(roles: Roles) -> None:
    desk = await Desk.made(roles.owner)
    user_id = desk.strategy.user_id
    async with roles.owner.work() as session:
        session.add(broker_account(desk))
    credentials = Credentials(roles.worker)
    first = await version(credentials, user_id)
    assert first is not None
    stored = await credentials.store_login(
        user_id, b"new", just_now(), broker_user_id="AB1234", user_name="A B"
    )
    assert stored is not None
    assert stored > first
    assert await credentials.mark_dead(user_id, first) is False
    keys = await credentials.read(user_id)
    assert keys is not None
    assert (keys.access_token, keys.login_version, keys.login_dead) == (b"new", stored, False)
    assert await credentials.mark_dead(user_id, stored) is True
    assert await credentials.store_login(user_id, b"x", None, broker_user_id="ZZ", user_name="Z") is None
    assert await credentials.read(uuid4()) is None


async def test_the_listener_sees_a_feed_login_only_while_something_of_the_user_runs(roles: Roles) -> None:
    desk = await Desk.made(roles.owner)
    async with roles.owner.work() as session:
        session.add(broker_account(desk))
    logins = FeedLogins(roles.listener)
    assert await logins.read(desk.strategy.user_id) is None
    await desk.runs.activate(desk.start())
    login = await logins.read(desk.strategy.user_id)
    assert login is not None
    assert login.access_token == b"token"


async def test_a_role_with_a_new_password_is_let_in_with_it(postgres: PostgresServer, roles: Roles) -> None:
    renamed = make_url(roles.urls["api"]).set(password="another")
    url = renamed.render_as_string(hide_password=False)
    owner = postgres.url(str(renamed.database))
    await make_roles(owner, [Role.of("api", url)])
    store = Store.open(url)
    await store.ping()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await Store.open(roles.urls["api"]).ping()


def _sealed(desk: Desk) -> SealedAccount:
    row = broker_account(desk)
    names = SealedAccount.__dataclass_fields__.keys() - {"token_expires_at"}
    return SealedAccount(**{name: getattr(row, name) for name in names}, token_expires_at=just_now())
