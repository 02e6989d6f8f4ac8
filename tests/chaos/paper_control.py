"""The paper exchange's control, called through its restarts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.chaos.plan import Fault, Strike
from tests.e2e.product import Product

BUSY = 90
"""Seconds a call is repeated through restarts."""


async def paper(product: Product, path: str, **message: object) -> Any:
    """Call the paper exchange's control, through its restarts."""
    return await through_restarts(lambda: product.paper(path, **message))


async def through_restarts(call: Callable[[], Awaitable[Any]]) -> Any:
    """Call the paper exchange until it answers."""
    for _ in range(BUSY * 2):
        try:
            return await call()
        except (httpx.TransportError, OSError):
            await asyncio.sleep(0.5)
    raise AssertionError(f"the paper exchange did not answer in {BUSY} s")


async def arm(product: Product, user_id: str, fault: Fault, seconds: float) -> None:
    """Have a fault wait for one of the user's requests."""
    match = {"user_id": user_id}
    match |= {name: value for name, value in (("side", fault.side), ("path", fault.path)) if value}
    await paper(
        product,
        "/_paper/faults",
        kind=fault.kind,
        match=match,
        count=fault.count,
        seconds=seconds,
        delay=fault.delay,
        fraction=fault.fraction,
    )


async def strike(product: Product, user_id: str, one: Strike, seconds: float) -> None:
    """Have a fault wait for what rests of the user's sales; a sweep takes them at once."""
    match = {"user_id": user_id, "side": "SELL"}
    await paper(product, "/_paper/faults", kind=one.kind, match=match, count=one.count, seconds=seconds)


async def forget_faults(product: Product, user_id: str) -> None:
    """Clear what waits for a user: what the day before did not meet is not this one's."""
    async with httpx.AsyncClient(base_url=product.endpoints["paper"], timeout=10) as client:
        await through_restarts(lambda: client.delete("/_paper/faults", params={"user_id": user_id}))
