"""The accounts that prices come from: the operator's new morning token, and a user's own login."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import uuid4

import pytest

from adapters.kite.feed_socket import FeedLogin
from adapters.kite.market_data import UsersMarketData
from adapters.kite.operator_login import OperatorLogin
from domain.errors import LoginNeeded
from domain.ports import Broker
from domain.quote import Quote
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.credentials import MemoryCredentials
from tests.fakes.manual_clock import ManualClock

CLOCK = ManualClock()


class Counter(MemoryBroker):
    """A broker whose token is dead when it is not today's."""

    alive = True

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        if not self.alive:
            raise LoginNeeded("token is dead")
        return {name: Quote(Decimal(1), None, None, CLOCK.now()) for name in instruments}


async def test_operators_new_token_is_used_after_the_old_one_died() -> None:
    login = FeedLogin("key", "yesterday")
    opened: list[tuple[FeedLogin, Counter]] = []

    def open_broker(found: FeedLogin) -> Broker:
        opened.append((found, Counter(CLOCK)))
        return opened[-1][1]

    account = OperatorLogin(lambda: login, open_broker)
    assert set(await account.quotes(["NSE:TCS"])) == {"NSE:TCS"}
    opened[0][1].alive = False
    for _ in range(3):
        with pytest.raises(LoginNeeded):
            await account.quotes(["NSE:TCS"])
    assert len(opened) == 1  # the same dead token is not opened again and again

    login = FeedLogin("key", "today")
    assert set(await account.quotes(["NSE:TCS"])) == {"NSE:TCS"}
    assert [found.access_token for found, _ in opened] == ["yesterday", "today"]
    assert await account.login() == login


async def test_users_prices_come_with_that_users_own_login() -> None:
    vault, brokers, user_id = MemoryCredentials(), MemoryBrokers(Counter(CLOCK)), uuid4()
    vault.log_in(user_id, "token")
    account = UsersMarketData(vault, brokers, "ws://broker", CLOCK).of(user_id)
    assert await account.login() == FeedLogin("kitekey", "token")
    await account.quotes(["NSE:TCS"])
    assert (vault.opened, brokers.asked, account.key) == (1, [user_id], str(user_id))


async def test_dead_login_of_a_user_needs_the_user() -> None:
    vault, brokers, user_id = MemoryCredentials(), MemoryBrokers(Counter(CLOCK)), uuid4()
    vault.log_in(user_id, "token")
    await vault.login_died(user_id, 1)
    with pytest.raises(LoginNeeded):
        await UsersMarketData(vault, brokers, "ws://broker", CLOCK).of(user_id).login()
