"""Stops that rest at the exchange, on the whole product: placed, moved, changed to a sale, taken over."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.test_hands import by_hand, net
from tests.e2e.trader import Trader, soon

pytestmark = [pytest.mark.proof, pytest.mark.usefixtures("calm")]


async def protected(trader: Trader, hold: float = 100, **changes: object) -> str:
    """Bring a strategy to where its stop rests at the exchange."""
    buy_at = await soon(4, length=180)
    terms = {"product": "MIS", "protect": "exchange", "stop_loss": 3500} | changes
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=hold), **terms)
    await trader.start(strategy_id)
    await trader.eventually(lambda: trader.strategy(strategy_id), rests)
    return strategy_id


def rests(shown: dict[str, Any]) -> bool:
    return shown["protection"] is not None and shown["protection"]["where"] == "exchange"


async def sells(trader: Trader) -> list[dict[str, Any]]:
    return [order for order in await trader.ledger() if order["transaction_type"] == "SELL"]


async def one_sale(trader: Trader) -> dict[str, Any]:
    """The only SELL, of all that was bought: the order that rested."""
    (sale,) = await sells(trader)
    assert sale["filled_quantity"] == 10
    assert await net(trader) == 0
    return sale


async def test_a_stop_rests_after_the_fill_and_is_the_sale_at_its_time(trader: Trader) -> None:
    strategy_id = await protected(trader, 12)
    shown = await trader.strategy(strategy_id)
    (resting,) = await sells(trader)
    assert (resting["status"], resting["trigger_price"]) == ("TRIGGER PENDING", 3500)
    assert shown["protection"]["order_id"] == resting["order_id"]
    assert shown["protection"]["trigger_price"] == 3500
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("sold", "sold"), ended
    assert (await one_sale(trader))["order_id"] == resting["order_id"]


async def test_the_exchange_sells_and_the_day_ends_as_stopped_out(product: Product, trader: Trader) -> None:
    strategy_id = await protected(trader)
    await product.paper("/_paper/price", symbol="TCS", price=3490)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    await one_sale(trader)


@pytest.mark.parametrize(("on_stop", "left", "outcome"), [("exit", 0, "stopped"), ("keep", 10, "kept")])
async def test_stop_sells_by_what_rests_or_takes_it_away(
    trader: Trader, on_stop: str, left: int, outcome: str
) -> None:
    strategy_id = await protected(trader)
    answer = await trader.stop(strategy_id, on_stop=on_stop)
    assert (answer.status_code, answer.json()["outcome"]) == (200, outcome), answer.text
    (order,) = await sells(trader)
    assert order["status"] == ("COMPLETE" if on_stop == "exit" else "CANCELLED")
    assert await net(trader) == left


async def test_a_sale_by_hand_shrinks_what_rests(product: Product, trader: Trader) -> None:
    strategy_id = await protected(trader)
    await by_hand(trader, "sell", quantity=4)
    await trader.eventually(
        lambda: sells(trader),
        lambda orders: [o["quantity"] for o in orders if o["status"] == "TRIGGER PENDING"] == [6],
    )
    await product.paper("/_paper/price", symbol="TCS", price=3490)
    ended = await trader.until(strategy_id, status="stopped")
    assert await net(trader) == 0, ended


async def test_a_cancel_by_hand_is_told_and_not_fought(product: Product, trader: Trader) -> None:
    strategy_id = await protected(trader)
    (resting,) = await sells(trader)
    await by_hand(trader, "cancel", order_id=resting["order_id"])
    shown = await trader.eventually(lambda: trader.strategy(strategy_id), lambda one: not rests(one))
    assert "you cancelled or changed it" in shown["protection"]["why"], shown["protection"]
    await asyncio.sleep(3)
    assert [order["status"] for order in await sells(trader)] == ["CANCELLED"]
    await product.paper("/_paper/price", symbol="TCS", price=3490)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    assert await net(trader) == 0


async def test_what_rests_follows_a_trail(product: Product, trader: Trader) -> None:
    strategy_id = await protected(trader, stop_loss=3500, trail={"by": {"points": 50}})
    await product.paper("/_paper/price", symbol="TCS", price=3600)
    await trader.eventually(lambda: sells(trader), lambda orders: orders[-1]["trigger_price"] == 3550)
    await product.paper("/_paper/price", symbol="TCS", price=3540)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    await one_sale(trader)


async def test_a_stop_below_the_circuit_limit_is_refused_once_and_left_to_the_server(trader: Trader) -> None:
    """The first one goes out at the fill, before any quote has said what the limits are."""
    buy_at = await soon(4, length=180)
    terms = {"product": "MIS", "protect": "exchange", "stop_loss": 2000}
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=100), **terms)
    await trader.start(strategy_id)
    shown = await trader.eventually(
        lambda: trader.strategy(strategy_id),
        lambda one: "circuit limits" in ((one["protection"] or {}).get("why") or ""),
    )
    assert shown["protection"]["where"] == "server"
    await asyncio.sleep(3)
    log = (await trader.get(f"/strategy/{strategy_id}/orders"))["items"]
    assert [order["status"] for order in log if order["leg"] == "exit"] == ["rejected"], log
    await trader.stop(strategy_id, on_stop="exit")
    assert await net(trader) == 0
