"""A stop at the exchange with real orders needs a passed live probe of the account that is connected."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from adapters.kite.egress import Egress
from adapters.postgres.engine import Store
from adapters.postgres.probe_tables import ProbeRow
from adapters.postgres.probes import Verdict, keep
from adapters.postgres.user_tables import BrokerKeys, account_name
from services.auth.passwords import Passwords
from services.probe.expectations import digest
from tests.api_world import STRATEGY, Customer, new_world
from tests.postgres import PostgresServer

AT_EXCHANGE = {"protect": "exchange"}


@dataclass(frozen=True, slots=True)
class Live:
    """A user with a connected account, at a server with real orders."""

    owner: Store
    customer: Customer
    user_id: UUID
    account: str

    async def probed(self, **changed: Any) -> None:
        """Write a verdict down, as `stopwatch probe` does."""
        words: dict[str, Any] = {
            "user_id": self.user_id,
            "account": self.account,
            "kite_root": "https://api.kite.trade",
            "live": True,
            "passed": True,
            "expectations": digest(),
            "symbol": "NSE:TATASTEEL",
            "rounds": 1,
            "differences": [],
            "answers": "0" * 64,
            "operator": "anna",
        }
        async with self.owner.work() as session:
            await keep(session, Verdict(**words | changed))

    async def refusal(self) -> str:
        """The words in which a creation is refused; empty where it is not."""
        answer = await self.customer.post("/strategy/create", STRATEGY | AT_EXCHANGE)
        if answer.status_code == 201:
            return ""
        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert (error["field"], error["code"]) == ("protect", "not_offered")
        return str(error["message"])


@pytest.fixture(scope="module")
async def shared(postgres: PostgresServer) -> AsyncIterator[Store]:
    store = Store.open(await postgres.new_database())
    yield store
    await store.close()


@pytest.fixture(scope="module")
async def trader(shared: Store, passwords: Passwords) -> Customer:
    return await new_world(shared, passwords).trader()


@pytest.fixture
async def live(shared: Store, passwords: Passwords, trader: Customer) -> Live:
    user_id = await trader.id()
    world = new_world(shared, passwords, egress=Egress(live=True, direct=frozenset({user_id})))
    async with shared.work() as session:
        await session.execute(delete(ProbeRow))
        keys = (await session.scalars(select(BrokerKeys).where(BrokerKeys.user_id == user_id))).one()
    account = account_name(keys.broker, keys.broker_user_id)
    return Live(world.store, Customer(world.http, trader.email, trader.tokens), user_id, account)


async def test_without_a_probe_the_refusal_names_the_command(live: Live) -> None:
    assert "stopwatch probe --live" in await live.refusal()


async def test_a_passed_probe_of_the_account_opens_it(live: Live) -> None:
    await live.probed()
    assert await live.refusal() == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"live": False, "kite_root": "http://127.0.0.1:8100"},
        {"passed": False},
        {"account": "zerodha:ZZ9999"},
        {"expectations": "0" * 64},
    ],
    ids=["on paper", "not passed", "of another account", "held against another table"],
)
async def test_no_other_probe_opens_it(live: Live, changed: dict[str, Any]) -> None:
    await live.probed(**changed)
    assert "stopwatch probe --live" in await live.refusal()


async def test_the_newest_probe_decides_and_one_on_paper_does_not_count(live: Live) -> None:
    await live.probed()
    await live.probed(live=False, passed=False)
    assert await live.refusal() == ""
    await live.probed(passed=False)
    assert await live.refusal()


async def test_start_is_refused_once_the_probe_does_not_count_any_more(live: Live) -> None:
    await live.probed()
    created = await live.customer.create(**AT_EXCHANGE)
    await live.probed(passed=False)
    answer = await live.customer.start(created["strategy_id"])
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == "protect"
    await live.probed()
    assert (await live.customer.start(created["strategy_id"])).status_code == 200


async def test_a_stop_at_the_server_needs_no_probe(live: Live) -> None:
    await live.customer.create()
