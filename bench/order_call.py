"""Measures what one order costs our process, and how long it takes: the official client beside ours.

The server is a paper exchange in a process of its own. Connections are warm on every side, orders go one
after another, and the processor's time is that of this process alone.

`python -m bench.order_call [ORDERS]`
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from typing import Any

import aiohttp
import uvloop
from kiteconnect import KiteConnect

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.routes import KITE_VERSION, placement
from adapters.process.clock import SystemClock
from domain.order import OrderRequest, OrderTerms, Side
from domain.outcome import Accepted
from domain.strategy import Product
from tests.paper_process import PaperAccount, PaperProcess

ORDERS = 1000
PER_ACCOUNT = 8
"""Orders of one account: the exchange takes ten a second."""
_tags = count()

Measured = tuple[float, float]
"""Processor microseconds an order, and the median's milliseconds from call to answer."""
Way = Callable[[PaperProcess, Sequence[PaperAccount]], Measured]


def measure(orders: int = ORDERS) -> dict[str, float]:
    """Place `orders` each way; return microseconds of processor time, milliseconds of latency, ratios."""
    figures: dict[str, float] = {}
    ways: tuple[tuple[str, Way], ...] = (
        ("kiteconnect", lambda paper, owners: _official(owners, paper.url)),
        ("aiohttp", lambda paper, owners: asyncio.run(_aiohttp(owners, paper.url))),
        ("ours", lambda paper, owners: asyncio.run(_ours(owners, paper.url))),
        ("ours_uvloop", lambda paper, owners: uvloop.run(_ours(owners, paper.url))),
    )
    for name, way in ways:
        with PaperProcess() as paper:
            owners = [paper.account(cash=1e9) for _ in range(-(-orders // PER_ACCOUNT))]
            cpu, latency = way(paper, owners)
        figures[f"{name}_cpu_us"], figures[f"{name}_p50_ms"] = round(cpu, 1), round(latency, 3)
    figures["cpu_ratio"] = round(figures["kiteconnect_cpu_us"] / figures["ours_cpu_us"], 1)
    figures["latency_ratio"] = round(figures["kiteconnect_p50_ms"] / figures["ours_p50_ms"], 1)
    return figures


def _order() -> OrderRequest:
    return OrderRequest(OrderTerms("NSE", "TCS", Product.MIS), Side.BUY, 1, f"BENCH{next(_tags)}")


def _official(owners: Sequence[PaperAccount], root: str) -> Measured:
    clients = [KiteConnect(owner.api_key, owner.access_token, root=root) for owner in owners]
    for client in clients:
        _place(client)  # opens its connection
    took: list[float] = []
    started = time.process_time()
    for _ in range(PER_ACCOUNT):
        for client in clients:
            began = time.perf_counter()
            _place(client)
            took.append(time.perf_counter() - began)
    return _measured(started, took)


def _place(client: Any) -> None:
    order = _order()
    assert client.place_order(
        variety=client.VARIETY_REGULAR,
        exchange=order.terms.exchange,
        tradingsymbol=order.terms.symbol,
        transaction_type=order.side.value,
        quantity=order.quantity,
        product=order.terms.product.value,
        order_type=client.ORDER_TYPE_MARKET,
        validity=client.VALIDITY_DAY,
        tag=order.tag,
        market_protection=client.MARKET_PROTECTION_AUTO,
    )


async def _ours(owners: Sequence[PaperAccount], root: str) -> Measured:
    clock = SystemClock()
    with closing(ConnectionPool()) as wire:
        brokers = [
            KiteBroker(KiteClient(owner.api_key, owner.access_token, root, wire), clock) for owner in owners
        ]
        for broker in brokers:
            await broker.warm()

        async def place(broker: KiteBroker) -> None:
            assert isinstance(await broker.place(_order(), 5), Accepted)

        return await _timed([partial(place, broker) for broker in brokers])


async def _aiohttp(owners: Sequence[PaperAccount], root: str) -> Measured:
    """The bare request by aiohttp's client: none of what an order needs around it."""

    async def place(session: aiohttp.ClientSession, owner: PaperAccount) -> None:
        request = placement(_order())
        headers = {
            "Authorization": f"token {owner.api_key}:{owner.access_token}",
            "X-Kite-Version": KITE_VERSION,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with session.post(f"{root}{request.target}", data=request.form, headers=headers) as answer:
            assert (await answer.json())["data"]["order_id"]

    async with aiohttp.ClientSession() as session:
        await place(session, owners[0])
        return await _timed([partial(place, session, owner) for owner in owners])


async def _timed(places: Sequence[Callable[[], Awaitable[None]]]) -> Measured:
    took: list[float] = []
    started = time.process_time()
    for _ in range(PER_ACCOUNT):
        for place in places:
            began = time.perf_counter()
            await place()
            took.append(time.perf_counter() - began)
    return _measured(started, took)


def _measured(started: float, took: Sequence[float]) -> Measured:
    return (time.process_time() - started) / len(took) * 1e6, statistics.median(took) * 1e3


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:])), indent=2))
