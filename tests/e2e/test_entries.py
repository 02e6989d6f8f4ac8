"""Entries at a limit, entries that chase the price, and sizes in rupees, from REST to the exchange."""

import asyncio
import math
import os
import signal
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import INDIA, Trader, soon

pytestmark = [pytest.mark.usefixtures("calm"), pytest.mark.proof]
Answer = dict[str, Any]
TICK = 0.05


async def started(trader: Trader, lasts: float = 90, **terms: object) -> str:
    """Start a strategy with these terms, due in a moment; return its id."""
    buy_at = await soon(3, length=lasts + 20)
    words = {"product": "MIS", "stop_loss": 3000} | terms
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=lasts), **words)
    await trader.start(strategy_id)
    return strategy_id


async def price(trader: Trader, at: float) -> None:
    await trader.product.paper("/_paper/price", symbol="TCS", price=at)


async def last(trader: Trader, strategy_id: str) -> float:
    shown = await trader.eventually(lambda: trader.strategy(strategy_id), lambda one: one["last_price"])
    return float(shown["last_price"])


async def entry_of(trader: Trader, strategy_id: str) -> Answer:
    """Return the one order of a strategy's entry, once the broker has it.

    A worker that is killed between the claim and the sending leaves an order in doubt for two minutes.
    """

    async def entries() -> list[Answer]:
        orders = (await trader.get(f"/strategy/{strategy_id}/orders"))["items"]
        return [order for order in orders if order["leg"] == "entry" and order["broker_order_id"]]

    (order,) = await trader.eventually(entries, bool)
    return dict(order)


async def test_a_limit_waits_for_its_price_and_is_then_held(trader: Trader) -> None:
    await price(trader, 3500)
    limit = {"type": "limit", "price": 3480, "for_seconds": 60}
    strategy_id = await started(trader, entry=limit, target={"price": 3600})
    order = await entry_of(trader, strategy_id)
    assert (order["order_type"], order["price"]) == ("LIMIT", 3480)
    await asyncio.sleep(2)
    assert (await trader.strategy(strategy_id))["phase"] == "entering"
    await price(trader, 3479)
    held = await trader.until(strategy_id, phase="holding")
    assert held["entry_price"] <= 3480
    await price(trader, 3600)
    assert (await trader.until(strategy_id, status="stopped"))["outcome"] == "target"


async def test_a_limit_whose_price_never_comes_buys_nothing(trader: Trader) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, entry={"type": "limit", "price": 3400, "for_seconds": 4})
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"], ended["filled_quantity"]) == ("skipped", "none", 0), ended
    assert "nothing was filled at 3400.00" in ended["outcome_detail"]
    (placed,) = await trader.ledger()
    assert placed["status"] == "CANCELLED"


async def test_a_limit_that_waits_is_stopped_with_nothing_bought(trader: Trader) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, entry={"type": "limit", "price": 3400, "for_seconds": 60})
    await entry_of(trader, strategy_id)
    ended = (await trader.stop(strategy_id)).json()
    assert (ended["status"], ended["outcome"], ended["position"]) == ("stopped", "stopped", "none"), ended
    (placed,) = await trader.ledger()
    assert placed["status"] == "CANCELLED"
    lines = (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]
    assert any(line["text"].startswith("Stopped by the user before anything was bought") for line in lines)


async def test_a_limit_that_is_cancelled_by_hand_says_so(trader: Trader) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, entry={"type": "limit", "price": 3400, "for_seconds": 60})
    order = await entry_of(trader, strategy_id)
    hand = {"user_id": trader.account["user_id"], "action": "cancel"}
    await trader.product.paper("/_paper/hand", **hand, order_id=order["broker_order_id"])
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("skipped", "none"), ended
    assert ended["outcome_detail"].startswith("somebody else cancelled the order at 3400.00")


async def chasing(trader: Trader, seconds: int = 40) -> tuple[str, Answer]:
    """Bring a strategy to where one share of its entry is filled, and the rest waits at its limit."""
    await price(trader, 3500)
    account = {"user_id": trader.account["user_id"], "side": "BUY"}
    await trader.product.paper("/_paper/faults", kind="partial_fill", match=account, count=1, fraction=0.1)
    chase = {"type": "chase", "buffer": {"points": 1}, "most": {"points": 15}, "for_seconds": seconds}
    strategy_id = await started(trader, entry=chase)
    order = await entry_of(trader, strategy_id)
    assert (order["order_type"], order["price"]) == ("LIMIT", 3501)
    return strategy_id, order


async def test_a_chase_follows_the_price_with_one_order(trader: Trader) -> None:
    strategy_id, _ = await chasing(trader)
    await price(trader, 3507)
    held = await trader.until(strategy_id, phase="holding")
    assert held["filled_quantity"] == 10
    order = await entry_of(trader, strategy_id)
    (change,) = order["modifications"]
    assert (order["price"], change["price"], change["reason"]) == (3508, 3508, "CHASE")
    assert change["confirmed_at"]
    lines = (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]
    (told,) = [line["text"] for line in lines if line["kind"] == "order_changed"]
    assert told == "The price ran on: TCS is bought at 3508.00 or less now (change 1 of at most 20)."
    await trader.stop(strategy_id)
    assert len([row for row in await trader.ledger() if row["transaction_type"] == "BUY"]) == 1


async def test_a_chase_ends_at_its_most_and_holds_what_was_filled(trader: Trader) -> None:
    strategy_id, _ = await chasing(trader, seconds=20)
    match = {"user_id": trader.account["user_id"]}
    await trader.product.paper("/_paper/faults", kind="modify_lost", match=match, count=1)
    await price(trader, 3600)
    held = await trader.until(strategy_id, phase="holding")
    assert held["filled_quantity"] == 1
    order = await entry_of(trader, strategy_id)
    assert (order["status"], order["price"]) == ("cancelled", 3515)
    assert {change["price"] for change in order["modifications"]} == {3515}
    assert len(order["modifications"]) >= 2, "the one that was lost was asked for again"
    made = [change for change in order["modifications"] if change["confirmed_at"]]
    (placed,) = [row for row in await trader.ledger() if row["transaction_type"] == "BUY"]
    assert len(made) == placed["modifications"] == 1, "a lost one is never confirmed"
    await trader.stop(strategy_id)


@pytest.mark.parametrize("size", [{"amount": 50000}, {"risk": 5000}])
async def test_a_strategy_that_is_sized_by_money_buys_what_it_pays_for(
    trader: Trader, size: dict[str, int]
) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, quantity=None, **size)
    held = await trader.until(strategy_id, phase="holding")
    worst = math.ceil(3500 * 1.005 / TICK) * TICK
    each = worst if "amount" in size else worst - 3000
    (rupees,) = size.values()
    assert held["filled_quantity"] == rupees // each
    assert held["quantity"] is None
    assert held["filled_quantity"] * held["entry_price"] <= 50000
    await trader.stop(strategy_id)


async def test_an_amount_below_one_share_buys_nothing_and_says_the_numbers(trader: Trader) -> None:
    await price(trader, 3500)
    ended = await trader.until(await started(trader, quantity=None, amount=3000), status="stopped")
    assert (ended["outcome"], ended["filled_quantity"]) == ("skipped", 0), ended
    assert "3000" in ended["outcome_detail"]
    assert await trader.ledger() == []


async def test_a_limit_that_waits_outlives_its_worker(product: Product, trader: Trader) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, entry={"type": "limit", "price": 3480, "for_seconds": 60})
    await entry_of(trader, strategy_id)
    pids = product.endpoints["pids"]["worker"]
    for pid in pids if isinstance(pids, list) else [pids]:
        os.kill(pid, signal.SIGKILL)
    await price(trader, 3479)
    held = await trader.until(strategy_id, phase="holding")
    assert held["filled_quantity"] == 10
    await trader.stop(strategy_id)
    assert len([row for row in await trader.ledger() if row["transaction_type"] == "BUY"]) == 1


def later(buy_in: float, seconds: float) -> str:
    """Return a time of the day so many seconds after one that is `buy_in` seconds ahead."""
    moment = datetime.now(INDIA) + timedelta(seconds=buy_in + seconds)
    return moment.strftime("%H:%M:%S")


def reentry(after: str, when: str = "at_entry_price", times: int = 1, lasts: float = 80) -> Answer:
    return {"times": times, "after": after, "when": when, "until": later(20, lasts)}


async def bought(trader: Trader) -> int:
    return len([row for row in await trader.ledger() if row["transaction_type"] == "BUY"])


async def test_after_its_stop_it_buys_again_once_the_price_is_back(trader: Trader) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, stop_loss=3450, reenter=reentry("stop"))
    held = await trader.until(strategy_id, phase="holding")
    await price(trader, 3449)
    waiting = await trader.until(strategy_id, phase="waiting", position="sold")
    assert (waiting["status"], waiting["outcome"]) == ("running", None)
    await asyncio.sleep(2)
    assert await bought(trader) == 1, "the price is not back"
    await price(trader, held["entry_price"] + 1)
    again = await trader.until(strategy_id, phase="holding")
    assert await bought(trader) == 2
    assert again["workflow_id"] == held["workflow_id"]
    assert again["filled_quantity"] == 10
    await price(trader, 3449)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    assert await bought(trader) == 2, "once more, and no more"
    orders = (await trader.get(f"/strategy/{strategy_id}/orders"))["items"]
    assert len({order["tag"] for order in orders}) == 4


async def test_a_stop_while_it_waits_to_buy_again_ends_the_day(trader: Trader) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, target={"points": 20}, reenter=reentry("target", times=3))
    held = await trader.until(strategy_id, phase="holding")
    await price(trader, held["target_price"])
    await trader.until(strategy_id, phase="waiting", position="sold")
    ended = (await trader.stop(strategy_id)).json()
    assert (ended["status"], ended["outcome"], ended["position"]) == ("stopped", "stopped", "sold"), ended
    await price(trader, 3500)
    await asyncio.sleep(2)
    assert await bought(trader) == 1


async def test_a_target_from_the_fill_is_bought_again_at_once(trader: Trader) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, target={"points": 20}, reenter=reentry("target", "at_once", times=1))
    first = await trader.until(strategy_id, phase="holding")
    await price(trader, first["target_price"])

    async def second() -> Answer:
        found: Answer = await trader.strategy(strategy_id)
        return found

    again = await trader.eventually(
        second, lambda one: one["phase"] == "holding" and one["run_id"] != first["run_id"]
    )
    assert again["target_price"] > first["target_price"], "measured from its own fill"
    await trader.stop(strategy_id)
    assert await bought(trader) == 2


async def test_a_killed_worker_loses_no_round(product: Product, trader: Trader) -> None:
    await price(trader, 3500)
    strategy_id = await started(trader, stop_loss=3450, reenter=reentry("stop"))
    held = await trader.until(strategy_id, phase="holding")
    await price(trader, 3449)
    await trader.until(strategy_id, phase="waiting", position="sold")
    pids = product.endpoints["pids"]["worker"]
    for pid in pids if isinstance(pids, list) else [pids]:
        os.kill(pid, signal.SIGKILL)
    await price(trader, held["entry_price"] + 1)
    await trader.until(strategy_id, phase="holding")
    assert await bought(trader) == 2
    await trader.stop(strategy_id)


async def test_what_is_above_the_freeze_quantity_is_bought_and_sold_in_slices(trader: Trader) -> None:
    found = (await trader.get("/instruments?q=NIFTY"))["items"]
    option = next(one for one in found if one["symbol"].startswith("NIFTY2") and one["symbol"].endswith("CE"))
    lot = option["lot_size"]
    most = 1800 // lot * lot
    wanted = 2 * most + lot
    words = {"symbol": option["symbol"], "exchange": "NFO", "product": "NRML", "quantity": wanted}
    strategy_id = await started(trader, **words, stop_loss=1)
    held = await trader.until(strategy_id, phase="holding")
    assert (held["filled_quantity"], held["position"]) == (wanted, "bought"), held
    await trader.stop(strategy_id, on_stop="exit")
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stopped", "sold"), ended
    placed = [(row["transaction_type"], row["quantity"], row["status"]) for row in await trader.ledger()]
    sides = [[(side, many, "COMPLETE") for many in (most, most, lot)] for side in ("BUY", "SELL")]
    assert placed == [*sides[0], *sides[1]]
