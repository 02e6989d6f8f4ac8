"""What a run cannot repair: it was terminated, its Redis keys are gone, its entry turned up too late."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.errors import NoSuchRun
from domain.run import StopRequest
from domain.strategy import OnStop
from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon
from workflows.client import TemporalRuns


async def holding(trader: Trader, **changes: object) -> str:
    buy_at = await soon(2, length=180)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=150), **changes)
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    return strategy_id


@pytest.mark.parametrize(("on_stop", "outcome"), [("exit", "terminated"), ("keep", "kept")])
async def test_terminated_run_is_adopted_and_ended_by_its_on_stop(
    product: Product, trader: Trader, on_stop: str, outcome: str
) -> None:
    strategy_id = await holding(trader, on_stop=on_stop)
    run = (await trader.strategy(strategy_id))["workflow_id"]
    product.temporal("workflow", "terminate", "-w", run)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == outcome, ended
    sides = [order["transaction_type"] for order in await trader.ledger()]
    assert sides == (["BUY", "SELL"] if on_stop == "exit" else ["BUY"])
    assert await product.redis_keys(strategy_id) == []
    kinds = [line["kind"] for line in (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]]
    assert "adopted" in kinds


async def test_terminated_while_waiting_ends_without_an_order(product: Product, trader: Trader) -> None:
    buy_at = await soon(90, length=180)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
    started = await trader.start(strategy_id)
    product.temporal("workflow", "terminate", "-w", started["workflow_id"])
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("terminated", "none")
    assert await trader.ledger() == []


async def test_a_run_that_an_operator_has_reset_is_still_stopped(product: Product, trader: Trader) -> None:
    """It goes on under another run id, which the strategy's row does not know."""
    strategy_id = await holding(trader)
    run = (await trader.strategy(strategy_id))["workflow_id"]
    product.temporal("workflow", "reset", "-w", run, "--type", "LastWorkflowTask", "--reason", "a test")
    stopped = await trader.stop(strategy_id)
    assert (stopped.status_code, stopped.json()["outcome"]) == (200, "stopped"), stopped.text
    assert [order["transaction_type"] for order in await trader.ledger()] == ["BUY", "SELL"]


async def test_a_late_stop_of_an_earlier_start_does_not_reach_the_next_one(
    product: Product, trader: Trader
) -> None:
    """Both runs have the same workflow id."""
    buy_at = await soon(90, length=180)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
    first = await trader.start(strategy_id)
    await trader.stop(strategy_id)
    second = await trader.start(strategy_id)
    assert (first["workflow_id"], first["run_id"]) != (second["workflow_id"], second["run_id"])
    runs = TemporalRuns(await Client.connect(product.endpoints["temporal"]), "stopwatch")
    with pytest.raises(NoSuchRun):
        await runs.stop(first["workflow_id"], first["run_id"], StopRequest(OnStop.KEEP), 5)
    assert (await trader.strategy(strategy_id))["status"] == "running"
    await trader.stop(strategy_id)


async def test_flushed_redis_is_restored_while_holding(product: Product, trader: Trader) -> None:
    from redis.asyncio import Redis

    strategy_id = await holding(trader)
    before = set(await product.redis_keys(strategy_id))
    async with Redis.from_url(product.endpoints["redis"]) as redis:
        await redis.flushall()
    await trader.eventually(lambda: product.redis_keys(strategy_id), lambda keys: set(keys) == before)
    stopped = await trader.stop(strategy_id)
    assert stopped.json()["outcome"] == "stopped"
    assert await product.redis_keys(strategy_id) == []


@pytest.mark.proof
@pytest.mark.timeout(180)
async def test_entry_that_turns_up_after_its_horizon_is_owned_and_ended(home: Path) -> None:
    product = Product.start(home, STOPWATCH_ENTRY_HORIZON_SECONDS="4")
    try:
        trader = await Trader.signed_up(await product.ready())
        match = {"user_id": trader.account["user_id"], "side": "BUY"}
        await product.paper("/_paper/faults", kind="accept_then_reset", match=match, count=1)
        await product.paper("/_paper/faults", kind="late_visibility", match=match, count=1, delay=12)
        buy_at = await soon(2)
        strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=150))
        await trader.start(strategy_id)
        in_doubt = await trader.until(strategy_id, status="stopped")
        assert in_doubt["outcome"] == "order_failed"
        assert "in doubt" in in_doubt["outcome_detail"]

        ended = await trader.until(strategy_id, position="sold", status="stopped")
        assert ended["outcome"] == "order_failed"
        sides = [order["transaction_type"] for order in await trader.ledger()]
        assert sides == ["BUY", "SELL"]
        orders = (await trader.get(f"/strategy/{strategy_id}/orders"))["items"]
        assert [order["reason"] for order in orders if order["leg"] == "exit"] == ["STOP"]
        await trader.http.aclose()
    finally:
        assert await product.end() == 0
