"""A thousand trailing stops in one symbol: how soon after a tick each is decided, and what a rise costs.

`python -m bench.trails` prints the figures. The path rises by ticks, so that every position's stop moves with
each, and falls again. Each decision is compared with the one that follows from the contract's words.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import structlog

from adapters.kite.frames import decode_all
from bench.tick_floor import Listing, Share, ltp_frame, market_data
from domain.hit_stop import HitStop
from domain.terms import Distance, Terms, Trail, Unit
from domain.watched_strategy import WatchedStrategy
from listener.dispatcher import Dispatcher
from listener.price_monitor import PriceMonitor
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.feed import MemoryFeed, MemorySignals
from tests.fakes.manual_clock import ManualClock
from tests.fakes.watch_list import watched

POSITIONS = 1_000
TICK = Decimal("0.05")
START, RISE, FALL = Decimal(1010), 500, 2_500
"""The first price, and how many ticks the path rises and falls by."""
FIRST_STOP = Decimal(500)


class Decisions:
    """Implements `FastStops`: notes when each stop was told, and the price that hit it."""

    def __init__(self) -> None:
        self.at: dict[UUID, float] = {}
        self.prices: dict[UUID, Decimal] = {}

    async def put(self, stops: Sequence[HitStop]) -> None:
        now = time.perf_counter()
        for stop in stops:
            self.at.setdefault(stop.strategy_id, now)
            self.prices.setdefault(stop.strategy_id, stop.price)


def positions() -> list[WatchedStrategy]:
    """Return a thousand that hold one symbol, each with a trail of its own, from 5.00 to 104.90 rupees."""
    template = replace(watched("S", str(FIRST_STOP), user_id=UUID(int=1)), entry=START, tick=TICK)
    return [
        replace(
            template,
            strategy_id=UUID(int=number + 1),
            run_id=str(number),
            terms=Terms(trail=Trail(by=Distance(Decimal(5) + number * TICK * 2, Unit.POINTS))),
        )
        for number in range(POSITIONS)
    ]


def path() -> list[Decimal]:
    """Return the prices: up tick by tick, and down again, well below where it began."""
    up = [START + number * TICK for number in range(RISE)]
    return up + [up[-1] - number * TICK for number in range(1, FALL)]


async def _played() -> tuple[list[float], list[float], int]:
    clock, decisions, listed = ManualClock(), Decisions(), [Share(257, "S")]
    feeds: list[MemoryFeed] = []

    def open_feed(receiver: Any) -> MemoryFeed:
        feeds.append(MemoryFeed(receiver, clock))
        return feeds[-1]

    dispatcher = Dispatcher(MemorySignals(clock), decisions, clock, lambda gone: None)
    account = market_data(listed, open_feed)
    made = PriceMonitor(account, Listing(listed), dispatcher, MemoryAlerts(), clock, lambda *, foreign: None)
    held = positions()
    for one in held:
        made.follow(one)
    running = [asyncio.create_task(made.run()), asyncio.create_task(dispatcher.run())]
    await clock.advance(3)
    rises, decided = [], []
    known = 0
    for number, price in enumerate(path()):
        frame = ltp_frame([257], [int(price * 100)])
        began = time.perf_counter()
        made.on_ticks(decode_all([frame]).prices)
        if number < RISE:
            rises.append((time.perf_counter() - began) * 1e3)
        await clock.settle()
        if len(decisions.at) > known:
            new = list(decisions.at.values())[known:]
            decided += [(at - began) * 1e3 for at in new]
            known = len(decisions.at)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return decided, rises, _wrong(held, decisions)


def _wrong(held: Sequence[WatchedStrategy], decisions: Decisions) -> int:
    """Return how many positions were not sold by the first price at or below the peak less their trail."""
    peak = max(path())
    wrong = 0
    for one in held:
        assert one.terms.trail is not None
        wrong += decisions.prices.get(one.strategy_id) != peak - one.terms.trail.by.amount
    return wrong


def trail_decision() -> dict[str, Any]:
    """Return milliseconds from a tick to the event of each trailing stop that it hit, and of a rising tick.

    Raises `AssertionError` where a decision is wrong.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    decided, rises, wrong = asyncio.run(_played())
    if wrong or len(decided) != POSITIONS:
        raise AssertionError(f"{wrong} decisions are wrong, {POSITIONS - len(decided)} are missing")
    return {
        "trail_decision_p99_ms": round(float(np.percentile(decided, 99)), 3),
        "trail_decision_p50_ms": round(float(np.percentile(decided, 50)), 3),
        "rising_tick_p99_ms": round(float(np.percentile(rises, 99)), 3),
        "positions": POSITIONS,
        "ticks": len(path()),
    }


if __name__ == "__main__":
    json.dump(trail_decision(), sys.stdout, indent=1)
