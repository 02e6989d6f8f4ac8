"""A refusal without an error type, from the wire to the rows: the order's message and the timeline."""

import asyncio

import pytest

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.postgres.engine import Store
from adapters.process.clock import SystemClock
from domain.order import Leg, Reason
from execution.account_login import AccountLogin
from execution.account_snapshot import AccountSnapshots
from execution.execution_rules import ExecutionRules
from execution.exit_policy import ExitPolicy
from execution.order_intent import OrderIntent
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays
from tests.scripted_server import ScriptedServer, answer
from tests.store_rows import TERMS, Desk, just_now


@pytest.mark.parametrize(
    ("status", "words", "ours"),
    [
        (428, "10 quantity needs authorisation at depository.", "Authorise the sale in Kite"),
        (400, "Insufficient stock holding or there are pending sell orders for this stock.", ""),
    ],
)
async def test_a_refused_sale_says_why_in_its_row_and_in_the_timeline(
    store: Store, status: int, words: str, ours: str
) -> None:
    house, clock, wire = await Desk.made(store), SystemClock(), ConnectionPool()
    await house.runs.activate(house.start())
    await house.bought()
    brokers = MemoryBrokers(MemoryBroker(clock))
    path = OrderPath.on(
        house.log, MemoryCache(), brokers, clock, MemoryTradingDays(), MemoryAlerts(), MemoryRestingStops()
    )
    intent = OrderIntent(house.key(Leg.EXIT), TERMS, 10, Reason.SELL, just_now(), patience=0)
    login = AccountLogin(brokers, clock, intent)
    accounts = AccountSnapshots(house.log, brokers, clock)
    policy = ExitPolicy(intent, login, accounts, house.log, clock, ExecutionRules())
    async with ScriptedServer(answer(status, {"status": "error", "message": words})) as kite:
        broker = KiteBroker(KiteClient("key", "token", kite.root, wire), clock)
        login.opened(broker)
        async with asyncio.timeout(5):  # nothing to look up: the answer was clear
            await path.executor.execute(policy, asyncio.Event(), await house.log.leg(intent.key))
        asked = [request.split(" ", 1)[0] for request in kite.requests]
        assert asked == ["GET", "GET", "POST"], "position and order book, the sale, and then no look-up"
    wire.close()
    row = next(row for row in await house.orders() if row.leg == "exit")
    assert row.status == "rejected"
    assert row.message.startswith(words)
    assert ours in row.message
    line = (await house.lines())[-1]
    assert line.kind == "order_rejected"
    assert words.rstrip(".") in line.text
    assert ours in line.text
