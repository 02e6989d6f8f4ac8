"""Which account, which order, which START: over the whole product, as a user and as a stranger would."""

import asyncio
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from adapters.kite.brokers import LIVING_SECONDS
from adapters.temporal.connection import DATA_CONVERTER
from domain.run import RUN_VERSION, StartRun
from domain.session import DayPlan
from domain.strategy import Strategy
from tests.e2e.product import Product
from tests.e2e.trader import PATIENCE, Trader, soon
from workflows.strategy_run import StrategyRun

pytestmark = pytest.mark.proof

RACES = 30


async def holding(trader: Trader, seconds: float = 30) -> str:
    buy_at = await soon(2, length=120)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=seconds))
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    return strategy_id


async def another_account(trader: Trader) -> dict[str, Any]:
    account: dict[str, Any] = await trader.product.paper("/_paper/accounts", cash=10_000_000)
    return account


def worker_log(product: Product) -> str:
    return "".join(file.read_text() for file in (product.home / "data" / "logs").glob("worker*.log"))


async def forget(trader: Trader) -> httpx.Response:
    return await trader.http.delete("/broker")


# C1: an order belongs to the account that was connected at START.


async def test_orders_go_to_the_account_that_is_connected_now_not_to_the_one_before(
    product: Product, trader: Trader
) -> None:
    """A traded, was forgotten, and B was connected: its first login was number one again."""
    first = trader.account
    strategy_id = await holding(trader)
    await trader.stop(strategy_id)
    assert (await forget(trader)).status_code == 204
    trader.account = await another_account(trader)
    await trader.connect()
    await trader.stop(await holding(trader))
    sides = [order["transaction_type"] for order in await trader.ledger()]
    assert sides == ["BUY", "SELL"]
    assert len(await product.ledger(first["user_id"])) == 2


async def connect_in_place(trader: Trader, account: dict[str, Any]) -> None:
    """Have another account connected though a strategy runs: by the database, since the API refuses it."""
    gone = await ask(
        trader.product,
        "DELETE FROM broker_keys WHERE broker_user_id = $1 RETURNING 1",
        trader.account["user_id"],
    )
    assert gone == 1
    trader.account = account
    await trader.connect()


async def test_entry_is_not_sent_to_another_account_than_that_of_its_start(
    product: Product, trader: Trader
) -> None:
    buy_at = await soon(4, length=120)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=20))
    await trader.start(strategy_id)
    mine, other = trader.account, await another_account(trader)
    await connect_in_place(trader, other)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "missed"
    assert f"zerodha:{mine['user_id']}" in ended["outcome_detail"]
    assert await product.ledger(mine["user_id"]) == await product.ledger(other["user_id"]) == []


async def test_sale_waits_for_its_own_account_and_leaves_at_once_when_it_is_connected_again(
    product: Product, trader: Trader
) -> None:
    strategy_id = await holding(trader, seconds=60)
    mine, other = trader.account, await another_account(trader)
    await connect_in_place(trader, other)
    # A login with which the broker has just answered is not asked about: its account is the right one.
    await asyncio.sleep(LIVING_SECONDS + 1)
    await trader.http.post("/account/kill-switch", json={"on": True, "exits": "exit", "reason": "a test"})

    async def told() -> bool:
        said = worker_log(product)
        return "exit_needs_account" in said and f"connect zerodha:{mine['user_id']} again" in said

    await trader.eventually(told, bool)
    assert await product.ledger(other["user_id"]) == []
    await connect_in_place(trader, mine)
    await trader.until(strategy_id, status="stopped")
    sides = [order["transaction_type"] for order in await product.ledger(mine["user_id"])]
    assert sides == ["BUY", "SELL"]
    assert await product.ledger(other["user_id"]) == []


async def test_no_number_of_a_login_comes_back(product: Product, trader: Trader) -> None:
    numbers = []
    for _ in range(3):
        numbers.append(await login_version(product, trader))
        await trader.connect()
        numbers.append(await login_version(product, trader))
        await trader.post("/broker/connect", {"access_token": trader.account["access_token"]})
        numbers.append(await login_version(product, trader))
        assert (await forget(trader)).status_code == 204
        await trader.connect()
    assert numbers == sorted(set(numbers))


async def login_version(product: Product, trader: Trader) -> int:
    query = "SELECT login_version FROM broker_keys WHERE broker_user_id = $1"
    found: int = await ask(product, query, trader.account["user_id"])
    return found


async def ask(product: Product, query: str, *values: object) -> Any:
    connection = await asyncpg.connect(product.endpoints["postgres"])
    try:
        return await connection.fetchval(query, *values)
    finally:
        await connection.close()


# C2: START and the end of the account exclude each other.


async def test_start_and_forgetting_the_account_exclude_each_other(product: Product) -> None:
    wins = {"start": 0, "forget": 0}
    for number in range(RACES):
        if number % 10 == 0:
            trader = await Trader.signed_up(product)
        buy_at = await soon(600, length=700)
        strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
        words = {"strategy_id": strategy_id}
        pause = (number % 10) * 0.004
        started, forgotten = await asyncio.gather(
            trader.http.post("/strategy/start", json=words), after(pause, forget(trader))
        )
        running = (await trader.strategy(strategy_id))["status"] == "running"
        connected = (await trader.get("/broker"))["status"] == "connected"
        assert running == connected, (number, started.text, forgotten.text)
        assert (started.status_code == 200) == running
        assert (forgotten.status_code == 204) == (not running)
        wins["start" if running else "forget"] += 1
        if running:
            await trader.stop(strategy_id)
        else:
            assert started.json()["code"] == "broker_not_connected"
            await trader.connect()
    assert min(wins.values()) > 0, wins


async def test_start_and_deleting_the_strategy_exclude_each_other(product: Product) -> None:
    for number in range(RACES // 3):
        if number % 10 == 0:
            trader = await Trader.signed_up(product)
        buy_at = await soon(600, length=700)
        strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
        started, deleted = await asyncio.gather(
            trader.http.post("/strategy/start", json={"strategy_id": strategy_id}),
            after(number * 0.005, trader.http.delete(f"/strategy/{strategy_id}")),
        )
        if deleted.status_code == 204:
            assert started.status_code == 404, started.text
        else:
            assert (deleted.status_code, deleted.json()["code"]) == (409, "strategy_running")
            assert started.status_code == 200, started.text
            await trader.stop(strategy_id)


async def after(seconds: float, call: Any) -> httpx.Response:
    await asyncio.sleep(seconds)
    answer: httpx.Response = await call
    return answer


# H1: a run trades only what Postgres holds for a START that was written down.


async def stranger(product: Product) -> Client:
    return await Client.connect(product.endpoints["temporal"], data_converter=DATA_CONVERTER)


def forged(shown: dict[str, Any], buy_at: datetime, user_id: str, **changes: Any) -> StartRun:
    """Return a START of a strategy as somebody would write it who read of it in Temporal."""
    buy_time, sell_time = (time.fromisoformat(shown[name]) for name in ("buy_time", "sell_time"))
    terms = Strategy(
        UUID(shown["strategy_id"]),
        UUID(user_id),
        shown["symbol"],
        buy_time,
        sell_time,
        shown["stop_loss"],
        10,
    )
    sell_at = buy_at + timedelta(seconds=20)
    plan = DayPlan(buy_at.date(), buy_at, sell_at, buy_at, sell_at + timedelta(seconds=60))
    return StartRun(uuid4(), replace(terms, **changes), plan, version=RUN_VERSION)


async def begin(client: Client, start: StartRun, name: str) -> Any:
    handle = await client.start_workflow(
        StrategyRun.run,
        start,
        id=name,
        task_queue="stopwatch",
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    async with asyncio.timeout(PATIENCE):
        return await handle.result()


async def test_a_strategy_that_was_only_created_is_not_traded_by_a_stranger(
    product: Product, trader: Trader
) -> None:
    buy_at = await soon(4, length=120)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=20))
    shown, me = await trader.strategy(strategy_id), await trader.get("/auth/me")
    start = forged(shown, buy_at, me["user_id"], symbol="INFY", quantity=500)
    client = await stranger(product)
    await begin(client, start, f"strategy-{strategy_id}-{start.plan.trading_day}")
    assert await trader.ledger() == []
    assert (await trader.strategy(strategy_id))["status"] == "created"
    assert await trader.get(f"/strategy/{strategy_id}/timeline") == {"items": [], "next": None}
    assert "foreign_start" in worker_log(product)
    assert (await trader.start(strategy_id))["status"] == "running"  # its owner is not disturbed
    await trader.stop(strategy_id)


async def test_a_copied_start_under_another_id_neither_trades_nor_takes_the_strategy(
    product: Product, trader: Trader
) -> None:
    buy_at = await soon(6, length=120)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=12))
    started = await trader.start(strategy_id)
    client = await stranger(product)
    mine = client.get_workflow_handle(started["workflow_id"])
    first = (await mine.fetch_history()).events[0].workflow_execution_started_event_attributes
    (copied,) = await DATA_CONVERTER.decode(first.input.payloads, [StartRun])
    for start in (copied, replace(copied, strategy=replace(copied.strategy, quantity=500))):
        await begin(client, start, f"copied-{uuid4()}")
    row = await trader.strategy(strategy_id)
    assert (row["status"], row["workflow_id"], row["run_id"]) == (
        *("running", started["workflow_id"]),
        started["run_id"],
    )
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "sold"
    ledger = await trader.ledger()
    assert [(order["transaction_type"], order["quantity"]) for order in ledger] == [("BUY", 10), ("SELL", 10)]
