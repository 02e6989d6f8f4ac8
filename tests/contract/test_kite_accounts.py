"""Accounts kept warm: always the newest login, never more than they should be."""

import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from adapters.kite.brokers import RECHECK_SECONDS, KiteBrokers, KiteCredentials
from adapters.kite.connection_pool import ConnectionPool
from domain.errors import AccountNotConnected, BrokerNotConnected, LoginNeeded, StoreUnavailable
from tests.fakes.credentials import MemoryCredentials
from tests.fakes.manual_clock import ManualClock
from tests.scripted_server import ScriptedServer, answer

BOOK = {"status": "success", "data": {"net": []}}


@pytest.fixture
def wire() -> Iterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()


@pytest.fixture
def logins() -> MemoryCredentials:
    return MemoryCredentials()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def user(logins: MemoryCredentials) -> UUID:
    user_id = uuid4()
    logins.log_in(user_id, "monday")
    return user_id


@pytest.fixture
def brokers(logins: MemoryCredentials, clock: ManualClock, wire: ConnectionPool) -> Iterator[KiteBrokers]:
    made = KiteBrokers(logins, "http://127.0.0.1:1", clock, wire, capacity=3)
    yield made
    made.close()


async def test_an_account_is_opened_once_for_many_at_once(
    brokers: KiteBrokers, logins: MemoryCredentials, user: UUID
) -> None:
    found = await asyncio.gather(*(brokers.of(user, "") for _ in range(50)))
    assert len({id(broker) for broker in found}) == 1
    assert (logins.opened, logins.asked) == (1, 0)


async def test_a_warm_account_asks_for_a_newer_login_now_and_then(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    first = await brokers.of(user, "")
    await clock.advance(RECHECK_SECONDS / 2)
    assert await brokers.of(user, "") is first
    assert logins.asked == 0
    await clock.advance(RECHECK_SECONDS)
    assert await brokers.of(user, "") is first
    assert (logins.opened, logins.asked) == (1, 1)


async def test_a_new_login_is_used_within_a_second(
    logins: MemoryCredentials, clock: ManualClock, wire: ConnectionPool, user: UUID
) -> None:
    async with ScriptedServer(answer(200, BOOK)) as server:
        brokers = KiteBrokers(logins, server.root, clock, wire)
        await (await brokers.of(user, "")).positions()
        logins.log_in(user, "tuesday")
        await clock.advance(1)
        await (await brokers.of(user, "")).positions()
        brokers.close()
        assert "token kitekey:monday" in server.requests[0]
        assert "token kitekey:tuesday" in server.requests[1]


async def test_a_dead_login_is_refused_until_the_next_one(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    broker = await brokers.of(user, "")
    await brokers.login_died(user, broker)
    assert logins.stored[user].dead
    for _ in range(3):
        with pytest.raises(LoginNeeded):
            await brokers.of(user, "")
        await clock.advance(1)
    logins.log_in(user, "tuesday")
    await clock.advance(1)
    assert await brokers.of(user, "") is not broker


async def test_a_login_that_came_before_its_death_was_noticed_serves_at_once(
    brokers: KiteBrokers, logins: MemoryCredentials, user: UUID
) -> None:
    old = await brokers.of(user, "")
    logins.log_in(user, "tuesday")
    await brokers.login_died(user, old)
    assert not logins.stored[user].dead
    assert await brokers.of(user, "") is not old


async def test_a_late_word_of_an_old_logins_death_leaves_the_new_one(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    old = await brokers.of(user, "")
    logins.log_in(user, "tuesday")
    await clock.advance(1)
    new = await brokers.of(user, "")
    await brokers.login_died(user, old)
    assert await brokers.of(user, "") is new


async def test_a_login_stored_as_dead_is_refused(
    brokers: KiteBrokers, logins: MemoryCredentials, user: UUID
) -> None:
    await logins.login_died(user, 1)
    with pytest.raises(LoginNeeded):
        await brokers.of(user, "")


async def test_the_last_known_login_serves_while_the_store_is_away(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    broker = await brokers.of(user, "")
    logins.away = True
    await clock.advance(3600)
    assert await brokers.of(user, "") is broker
    with pytest.raises(StoreUnavailable):
        await brokers.of(uuid4(), "")


async def test_a_login_that_died_while_the_store_is_away_is_dead_here(
    brokers: KiteBrokers, logins: MemoryCredentials, user: UUID
) -> None:
    broker = await brokers.of(user, "")
    logins.away = True
    with pytest.raises(StoreUnavailable):
        await brokers.login_died(user, broker)
    with pytest.raises(LoginNeeded):
        await brokers.of(user, "")


async def test_a_user_without_an_account_is_told_so_until_there_is_one(
    brokers: KiteBrokers, logins: MemoryCredentials
) -> None:
    user = uuid4()
    with pytest.raises(BrokerNotConnected):
        await brokers.of(user, "")
    logins.log_in(user, "monday")
    assert await brokers.of(user, "")


async def test_a_forgotten_account_is_closed(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    await brokers.of(user, "")
    del logins.stored[user]
    await clock.advance(1)
    with pytest.raises(BrokerNotConnected):
        await brokers.of(user, "")


async def test_only_the_last_used_accounts_stay_open(brokers: KiteBrokers, logins: MemoryCredentials) -> None:
    users = [uuid4() for _ in range(4)]
    for user in users:
        logins.log_in(user, "monday")
        await brokers.of(user, "")
    await brokers.of(users[3], "")
    assert logins.opened == 4
    await brokers.of(users[0], "")
    assert logins.opened == 5, "the first was closed when the fourth was opened"


def test_credentials_do_not_print_their_token() -> None:
    assert "monday" not in repr(KiteCredentials("kitekey", "monday", 1, proxies={"https": "monday"}))


# An order belongs to one account.

A, B = "zerodha:AB1234", "zerodha:XY9999"


async def test_no_other_account_is_opened_in_place_of_an_orders_own(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    assert await brokers.of(user, A)
    logins.log_in(user, "of another", B)
    await clock.advance(1)
    with pytest.raises(AccountNotConnected, match=f"{A}, and {B} is connected now: connect {A} again"):
        await brokers.of(user, A)
    assert await brokers.of(user, B) is await brokers.of(user, "")


async def test_another_account_under_the_same_number_of_a_login_is_noticed(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    first = await brokers.of(user, A)
    logins.stored[user] = KiteCredentials("kitekey", "of another", 1, account=B)
    await clock.advance(1)
    assert await brokers.of(user, B) is not first


async def test_the_same_account_connected_again_serves_within_a_second(
    logins: MemoryCredentials, clock: ManualClock, wire: ConnectionPool, user: UUID
) -> None:
    async with ScriptedServer(answer(200, BOOK)) as server:
        brokers = KiteBrokers(logins, server.root, clock, wire)
        logins.log_in(user, "of another", B)
        await (await brokers.of(user, B)).positions()  # it lives, so it is not asked about for five seconds
        with pytest.raises(AccountNotConnected):
            await brokers.of(user, A)
        logins.log_in(user, "again", A)
        await clock.advance(RECHECK_SECONDS)
        await (await brokers.of(user, A)).positions()
        brokers.close()
        assert "token kitekey:again" in server.requests[-1]


async def test_an_order_of_a_forgotten_account_waits_for_it(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    await brokers.of(user, A)
    del logins.stored[user]
    await clock.advance(1)
    with pytest.raises(AccountNotConnected, match="no account is connected now"):
        await brokers.of(user, A)
    logins.log_in(user, "again", A)
    assert await brokers.of(user, A)


async def test_another_account_does_not_serve_while_the_store_is_away(
    brokers: KiteBrokers, logins: MemoryCredentials, clock: ManualClock, user: UUID
) -> None:
    await brokers.of(user, A)
    logins.away = True
    await clock.advance(3600)
    assert await brokers.of(user, A)
    with pytest.raises(AccountNotConnected):
        await brokers.of(user, B)
