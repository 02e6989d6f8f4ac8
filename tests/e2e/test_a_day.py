"""A user's day over REST alone, through real servers and the real wire."""

from datetime import datetime, timedelta

import httpx
import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon


async def holding(trader: Trader, **changes: object) -> str:
    """Bring a strategy to where it holds its shares, with its sale far ahead."""
    buy_at = await soon(2, length=180)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=120), **changes)
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    return strategy_id


async def traded_once(trader: Trader, quantity: int = 10) -> None:
    """One BUY and one SELL of the same quantity in the exchange's ledger, and nothing else."""
    sides = [(order["transaction_type"], order["filled_quantity"]) for order in await trader.ledger()]
    assert sides == [("BUY", quantity), ("SELL", quantity)]


async def said_before(trader: Trader, strategy_id: str, cause: str, effect: str) -> None:
    """The timeline says why, and then what."""
    texts = [line["text"] for line in (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]]
    why = [number for number, text in enumerate(texts) if text.startswith(cause)]
    what = [i for i, text in enumerate(texts) if text.startswith(effect) and "(asked" in text]
    assert len(why) == len(what) == 1, texts
    assert why < what, texts


async def test_sold_at_sell_time(product: Product, trader: Trader) -> None:
    buy_at = await soon(10)
    sell_at = buy_at + timedelta(seconds=4)
    strategy_id = await trader.create(buy_at, sell_at)
    started = await trader.start(strategy_id)
    assert (started["status"], started["phase"]) == ("running", "waiting")
    assert datetime.fromisoformat(started["buy_at"]) == buy_at
    assert await product.redis_keys(strategy_id) != []

    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("sold", "sold"), ended
    await traded_once(trader)
    assert await product.redis_keys(strategy_id) == []
    bought, sold = await trader.ledger()
    assert 0 <= bought["received_at"] - buy_at.timestamp() < 15
    assert 0 <= sold["received_at"] - sell_at.timestamp() < 15
    await said_before(trader, strategy_id, "It is ", "Sold 10 TCS")


async def test_stopped_out_when_the_price_falls_below_the_stop(product: Product, trader: Trader) -> None:
    price = (await product.paper("/_paper/price", symbol="INFY", price=1500)) and 1500
    strategy_id = await holding(trader, symbol="INFY", stop_loss=price - 50)
    await product.paper("/_paper/price", symbol="INFY", price=price - 60)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    assert ended["pnl"] < 0
    await traded_once(trader)
    assert await product.redis_keys(strategy_id) == []
    kinds = [line["kind"] for line in (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]]
    assert kinds.count("stop_loss") == 1
    await said_before(trader, strategy_id, "The price ", "Stop hit: sold 10 INFY")


async def test_nothing_is_bought_when_stopped_while_waiting(product: Product, trader: Trader) -> None:
    buy_at = await soon(60, length=180)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
    await trader.start(strategy_id)
    answer = await trader.stop(strategy_id)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["outcome"]) == ("stopped", "stopped")
    assert await trader.ledger() == []
    assert await product.redis_keys(strategy_id) == []


async def test_sold_when_stopped_while_holding(product: Product, trader: Trader) -> None:
    strategy_id = await holding(trader)
    answer = await trader.stop(strategy_id, on_stop="exit")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["outcome"], answer.json()["position"]) == ("stopped", "sold")
    await traded_once(trader)
    await said_before(trader, strategy_id, "Stopped by the user: selling 10", "Stopped: sold 10")
    again = await trader.stop(strategy_id)
    assert (again.status_code, again.json()["outcome"]) == (200, "stopped")


async def test_shares_are_kept_and_sold_later_when_the_user_says_so(product: Product, trader: Trader) -> None:
    strategy_id = await holding(trader)
    kept = await trader.stop(strategy_id, on_stop="keep")
    assert (kept.status_code, kept.json()["outcome"], kept.json()["position"]) == (200, "kept", "bought")
    assert [order["transaction_type"] for order in await trader.ledger()] == ["BUY"]
    assert await product.redis_keys(strategy_id) == []

    sold = await trader.stop(strategy_id, on_stop="exit")
    assert (sold.status_code, sold.json()["outcome"], sold.json()["position"]) == (200, "stopped", "sold")
    await traded_once(trader)


@pytest.mark.parametrize(("on_stop", "outcome"), [("exit", "cancelled"), ("keep", "kept")])
async def test_cancelled_by_the_operator_while_holding(
    product: Product, trader: Trader, on_stop: str, outcome: str
) -> None:
    strategy_id = await holding(trader, on_stop=on_stop)
    run = (await trader.strategy(strategy_id))["workflow_id"]
    product.temporal("workflow", "cancel", "-w", run)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == outcome, ended
    sides = [order["transaction_type"] for order in await trader.ledger()]
    assert sides == (["BUY", "SELL"] if on_stop == "exit" else ["BUY"])
    assert await product.redis_keys(strategy_id) == []


async def test_second_start_joins_the_running_day(trader: Trader) -> None:
    buy_at = await soon(60, length=180)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
    first = await trader.start(strategy_id)
    second = await trader.start(strategy_id)
    assert (first["run_id"], first["workflow_id"]) == (second["run_id"], second["workflow_id"])
    await trader.stop(strategy_id)
    third = await trader.start(strategy_id)
    assert third["run_id"] != first["run_id"]
    assert third["trading_day"] == first["trading_day"]
    await trader.stop(strategy_id)


async def test_skipped_when_the_price_is_at_the_stop_already(product: Product, trader: Trader) -> None:
    await product.paper("/_paper/price", symbol="SBIN", price=800)
    buy_at = await soon(2)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30), symbol="SBIN", stop_loss=800)
    await trader.start(strategy_id)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("skipped", "none")
    assert await trader.ledger() == []


async def test_events_stream_while_the_day_goes_on(product: Product, trader: Trader) -> None:
    buy_at = await soon(3)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=3))
    await trader.start(strategy_id)
    kinds: list[str] = []
    async with trader.http.stream("GET", f"/strategy/{strategy_id}/events", timeout=60) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event:"):
                kinds.append(line.removeprefix("event:").strip())
            if "stopped" in kinds:
                break
    assert {"started", "bought", "sold"} <= set(kinds), kinds


async def test_nobody_sees_anothers_strategy(product: Product, trader: Trader) -> None:
    buy_at = await soon(60, length=180)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30))
    stranger = await Trader.signed_up(product)
    answers: list[httpx.Response] = [
        await stranger.http.get(f"/strategy/{strategy_id}"),
        await stranger.http.get(f"/strategy/{strategy_id}/orders"),
        await stranger.http.post("/strategy/start", json={"strategy_id": strategy_id}),
        await stranger.stop(strategy_id),
        await stranger.http.delete(f"/strategy/{strategy_id}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    await stranger.http.aclose()
