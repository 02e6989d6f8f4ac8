"""What fails, and what happens then: the failure policy's rows on the whole product, as a user sees them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, pass_by, soon

pytestmark = pytest.mark.proof

CALM, AT_THE_STOP, STOP = 1400, 1370, 1380


def fault(trader: Trader, kind: str, **words: Any) -> Any:
    """Ask the paper exchange for a fault of this trader's account."""
    match = {"user_id": trader.account["user_id"], **words.pop("match", {})}
    return trader.product.paper("/_paper/faults", kind=kind, match=match, **words)


async def renew_login(trader: Trader) -> None:
    """Log in again, as in the morning."""
    trader.account = await trader.product.paper("/_paper/accounts", user_id=trader.account["user_id"])
    await trader.post("/broker/connect", {"access_token": trader.account["access_token"]})


@asynccontextmanager
async def frozen(product: Product, part: str) -> AsyncIterator[None]:
    """Let a part and its children stand still meanwhile: it neither answers nor closes its connections."""
    pid = product.endpoints["pids"][part]
    os.kill(pid, signal.SIGSTOP)  # first, so that it makes no more children
    children = _children(pid)
    for child in children:
        os.kill(child, signal.SIGSTOP)
    try:
        yield
    finally:
        for stopped in (pid, *children):
            os.kill(stopped, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def holding(trader: Trader, symbol: str) -> str:
    """Buy, and hold for two minutes under a stop just below."""
    await trader.product.paper("/_paper/price", symbol=symbol, price=CALM)
    buy_at = await soon(2, length=180)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=120), symbol=symbol, stop_loss=STOP)
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    return strategy_id


async def sides(trader: Trader) -> list[str]:
    return [order["transaction_type"] for order in await trader.ledger()]


async def lines(trader: Trader, strategy_id: str) -> list[str]:
    return [entry["text"] for entry in (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]]


async def test_bought_when_a_dead_login_is_renewed_within_the_missed_rule(trader: Trader) -> None:
    buy_at = await soon(12)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=15))
    await trader.start(strategy_id)
    await fault(trader, "token_expired")
    await pass_by(buy_at, 1)
    await renew_login(trader)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "sold", ended
    assert await sides(trader) == ["BUY", "SELL"]


async def test_missed_and_said_when_a_dead_login_is_not_renewed_in_time(trader: Trader) -> None:
    buy_at = await soon(10)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
    await trader.start(strategy_id)
    await fault(trader, "token_expired")
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "missed", ended
    assert "log in" in ended["outcome_detail"]
    assert await sides(trader) == []


async def test_sale_waits_for_the_login_and_goes_on_after_it(trader: Trader) -> None:
    strategy_id = await holding(trader, "WIPRO")
    await fault(trader, "token_expired")
    await trader.product.paper("/_paper/price", symbol="WIPRO", price=AT_THE_STOP)
    said = await trader.eventually(
        lambda: lines(trader, strategy_id),
        lambda told: any("log in, and they are sold" in line for line in told),
    )
    assert (await trader.strategy(strategy_id))["position"] == "bought", said
    await renew_login(trader)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    assert await sides(trader) == ["BUY", "SELL"]


@pytest.mark.parametrize("kind", ["ws_silent", "ws_drop"])
async def test_stopped_out_though_the_feed_is_away(product: Product, trader: Trader, kind: str) -> None:
    strategy_id = await holding(trader, "ITC")
    await product.paper("/_paper/faults", kind=kind, seconds=20)
    await product.paper("/_paper/price", symbol="ITC", price=AT_THE_STOP)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "stop_loss", ended
    assert await sides(trader) == ["BUY", "SELL"]


async def test_garbage_on_the_feed_sells_nothing_and_hides_no_stop(product: Product, trader: Trader) -> None:
    strategy_id = await holding(trader, "NTPC")
    await product.paper("/_paper/faults", kind="ws_garbage", seconds=4)
    await asyncio.sleep(5)
    assert (await trader.strategy(strategy_id))["phase"] == "holding"
    await product.paper("/_paper/price", symbol="NTPC", price=AT_THE_STOP)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "stop_loss", ended
    assert await sides(trader) == ["BUY", "SELL"]


async def test_nothing_is_bought_without_redis_and_the_day_says_why(product: Product, trader: Trader) -> None:
    buy_at = await soon(10)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
    await trader.start(strategy_id)
    async with frozen(product, "redis"):
        await pass_by(buy_at, 6)
        assert await sides(trader) == []
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "missed", ended
    assert "Redis" in ended["outcome_detail"]


async def test_stopped_out_though_redis_is_frozen(product: Product, trader: Trader) -> None:
    strategy_id = await holding(trader, "ONGC")
    async with frozen(product, "redis"):
        await product.paper("/_paper/price", symbol="ONGC", price=AT_THE_STOP)
        await trader.eventually(lambda: sides(trader), lambda sent: sent == ["BUY", "SELL"])
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "stop_loss", ended


async def test_stop_is_taken_while_redis_is_away_and_the_balancer_still_sends_it(
    product: Product, trader: Trader
) -> None:
    """What a balancer asks is /health/live: no API is ready then, and each can STOP."""
    strategy_id = await holding(trader, "SBIN")
    async with frozen(product, "redis"):
        assert (await trader.http.get("/health/live", timeout=10)).status_code == 200
        ready = await trader.http.get("/health/ready", timeout=10)
        assert ready.status_code == 503
        assert [error["field"] for error in ready.json()["errors"]] == ["redis"]
        stopped = await trader.stop(strategy_id)
        assert stopped.status_code in (200, 202), stopped.text
        ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stopped", "sold")
    assert await sides(trader) == ["BUY", "SELL"]


async def test_sold_and_filled_in_later_though_postgres_is_frozen(product: Product, trader: Trader) -> None:
    strategy_id = await holding(trader, "SBILIFE")
    async with frozen(product, "postgres"):
        await product.paper("/_paper/price", symbol="SBILIFE", price=AT_THE_STOP)
        await trader.eventually(lambda: sides(trader), lambda sent: sent == ["BUY", "SELL"])
        answer = await trader.http.get(f"/strategy/{strategy_id}")
        assert answer.status_code == 503, answer.text
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    assert len(await sides(trader)) == 2


async def test_start_is_refused_and_the_stop_waits_when_temporal_is_frozen(
    product: Product, trader: Trader
) -> None:
    strategy_id = await holding(trader, "CIPLA")
    other = await trader.create(await soon(60), await soon(70))
    async with frozen(product, "temporal"):
        await product.paper("/_paper/price", symbol="CIPLA", price=AT_THE_STOP)
        answer = await trader.http.post("/strategy/start", json={"strategy_id": other})
        assert answer.status_code == 503, answer.text
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "stop_loss", ended
    assert await sides(trader) == ["BUY", "SELL"]
    await trader.stop(other)


@pytest.mark.parametrize("step", ["start.received", "start.confirmed"])
async def test_one_day_when_the_api_dies_between_start_and_its_answer(home: Path, step: str) -> None:
    failpoints = home / "failpoints"
    failpoints.mkdir()
    product = Product.start(home, STOPWATCH_FAILPOINTS=f"dir:{failpoints}")
    try:
        trader = await Trader.signed_up(await product.ready())
        buy_at = await soon(30)  # by then the API is back
        strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=5))
        (failpoints / step).write_text("kill")
        await trader.start(strategy_id)  # the phone tries again, as phones do
        assert not (failpoints / step).exists(), f"{step} was passed and the API killed there"
        ended = await trader.until(strategy_id, status="stopped")
        assert ended["outcome"] == "sold", ended
        assert await sides(trader) == ["BUY", "SELL"]
        await trader.http.aclose()
    finally:
        await product.end()
