"""A strategy that repeats, from REST to the exchange: its first day, the seam, and what ends it there."""

import os
import signal
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import INDIA, Trader, soon

pytestmark = [pytest.mark.usefixtures("calm"), pytest.mark.proof]
EVERY_DAY = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
Answer = dict[str, Any]


def day(ahead: int) -> str:
    return (datetime.now(INDIA).date() + timedelta(days=ahead)).isoformat()


async def started(trader: Trader, lasts: float = 4) -> str:
    """START a strategy that repeats and buys in a moment; return its id."""
    buy_at = await soon(3, length=lasts + 60)
    strategy_id = await trader.create(
        buy_at, buy_at + timedelta(seconds=lasts), product="MIS", repeat=EVERY_DAY
    )
    await trader.start(strategy_id)
    return strategy_id


async def waiting(trader: Trader, strategy_id: str, ahead: int = 1) -> Answer:
    """Wait until a day waits with a run, through restarts of the API."""
    await trader.until(strategy_id, phase="waiting", trading_day=day(ahead))

    async def shown() -> Answer:
        answer = await trader.http.get(f"/strategy/{strategy_id}")
        return dict(answer.json()) if answer.status_code == 200 else {}

    return dict(await trader.eventually(shown, lambda one: bool(one.get("run_id"))))


async def test_the_next_day_waits_and_may_be_left_out_edited_and_stopped(trader: Trader) -> None:
    strategy_id = await started(trader)
    between = await waiting(trader, strategy_id)
    assert (between["status"], between["outcome"], between["next_trading_day"]) == ("running", None, day(1))
    assert (between["last_day"]["outcome"], between["last_day"]["quantity"]) == ("sold", 10)
    await trader.post(f"/strategy/{strategy_id}/skip", {"trading_day": day(1)})
    moved = await waiting(trader, strategy_id, ahead=2)
    edited = await trader.http.patch(f"/strategy/{strategy_id}", json={"quantity": 7})
    assert edited.status_code == 200, edited.text
    anew = await trader.eventually(
        lambda: trader.strategy(strategy_id),
        lambda one: bool(one["run_id"]) and one["run_id"] != moved["run_id"],
    )
    assert (anew["trading_day"], anew["quantity"]) == (day(2), 7)
    stopped = await trader.stop(strategy_id)
    assert (stopped.status_code, stopped.json()["status"]) == (200, "stopped"), stopped.text
    ledger = await trader.ledger()
    assert [order["transaction_type"] for order in ledger] == ["BUY", "SELL"]


async def test_the_books_add_up_to_the_exchanges_ledger(trader: Trader) -> None:
    strategy_id = await started(trader)
    await waiting(trader, strategy_id)
    await trader.stop(strategy_id)
    bought, sold = await trader.ledger()
    (finished,) = [one for one in (await trader.get("/account/days"))["items"] if one["outcome"] == "sold"]
    gross = (sold["average_price"] - bought["average_price"]) * 10
    assert finished["gross"] == pytest.approx(gross, abs=0.005)
    report = await trader.get("/account/report")
    assert report["total"]["gross"] == finished["gross"]
    assert report["total"]["net"] == pytest.approx(
        finished["gross"] - finished["charges"]["total"], abs=0.005
    )


async def test_a_stop_during_the_day_ends_the_series_with_it(trader: Trader) -> None:
    strategy_id = await started(trader, lasts=120)
    await trader.until(strategy_id, phase="holding")
    stopped = await trader.stop(strategy_id)
    assert (stopped.status_code, stopped.json()["outcome"]) == (200, "stopped"), stopped.text
    assert stopped.json()["next_trading_day"] is None


async def test_the_kill_switch_between_two_days_ends_the_series(trader: Trader) -> None:
    strategy_id = await started(trader)
    await waiting(trader, strategy_id)
    await trader.post("/account/kill-switch", {"on": True, "exits": "keep", "reason": "holidays"})
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["next_trading_day"] is None


@pytest.mark.parametrize("part", ["worker", "temporal", "postgres"])
async def test_no_day_is_lost_when_a_part_dies_at_the_seam(
    product: Product, trader: Trader, part: str
) -> None:
    strategy_id = await started(trader)
    await trader.until(strategy_id, position="sold")
    pids = product.endpoints["pids"][part]
    for pid in pids if isinstance(pids, list) else [pids]:
        os.kill(pid, signal.SIGKILL)
    between = await waiting(trader, strategy_id)
    assert between["last_day"]["outcome"] == "sold"
    stopped = await trader.stop(strategy_id)
    assert stopped.status_code in (200, 202, 503)
    await trader.until(strategy_id, status="stopped")
    assert len(await trader.ledger()) == 2
    assert date.fromisoformat(between["trading_day"]) == date.fromisoformat(day(1))
