"""The tick path: how many ticks a second, and how soon after a tick a stop is decided.

`python -m bench.ticks` prints both figures. It measures the code of the listener: `decode_all` and
`PriceMonitor.on_ticks`; for the second figure its own feed over a real WebSocket as well.
"""

import asyncio
import gc
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

import aiohttp
import numpy as np
import structlog
import uvloop
from kiteconnect import KiteTicker

from adapters.kite.feed import KiteFeed
from adapters.kite.feed_socket import FeedLogin
from adapters.kite.frames import decode_all
from adapters.process.clock import SystemClock
from bench.tick_baseline import crossed, stops_by_token
from bench.tick_floor import INSTRUMENTS, PRICES, STOPS, ltp_frame, price_monitor, shares
from domain.hit_stop import HitStop
from domain.market_data import PriceReceiver
from domain.run import PriceHit
from domain.trigger import TriggerKind
from domain.watched_strategy import WatchedStrategy
from listener.price_monitor import PriceMonitor
from tests.fakes.feed import MemoryFeed, MemorySignals
from tests.fakes.manual_clock import ManualClock
from tests.fakes.stops import MemoryFastStops

FRAME = 100
"""Packets in a frame of the headline figure."""
QUEUED = 128 * 1024 // (FRAME * 10 + 2)
"""Frames that are read together when they come faster than they are judged: what aiohttp lets wait."""
RATE = 50_000
PROBES = 1_500
SECONDS = 8.0


def ticks_per_second() -> dict[str, Any]:
    """Return ticks a second of one core, decoded and judged against 100,000 stops, and the baseline's."""
    _quiet()
    listed = shares()
    tokens = [share.token for share in listed]
    made = asyncio.run(_monitor_with_limits())
    ours = _speed(_judging(made, QUEUED), _frames(tokens, FRAME, 20 * QUEUED), QUEUED)
    singly = {
        size: round(_speed(_judging(made, 1), _frames(tokens, size, max(20, 100_000 // size)), 1))
        for size in (1, 10, 100, 1_000, 3_000)
    }
    ticker, book = KiteTicker("bench", "token"), stops_by_token(listed)

    def plain(frames: Sequence[bytes]) -> None:
        for frame in frames:
            if crossed(ticker._parse_binary(frame), book):
                raise AssertionError("no stop is crossed here")

    baseline = _speed(plain, _frames(tokens, FRAME, 400), 1)
    return {
        "ticks_per_second": round(ours),
        "baseline": round(baseline),
        "ratio": round(ours / baseline, 1),
        "instruments": INSTRUMENTS,
        "stops": STOPS,
        "packets_in_a_frame": FRAME,
        "frames_read_together": QUEUED,
        "one_frame_at_a_time_by_packets": singly,
    }


def _judging(made: PriceMonitor, together: int) -> Callable[[Sequence[bytes]], None]:
    def judge(frames: Sequence[bytes]) -> None:
        for start in range(0, len(frames), together):
            made.on_ticks(decode_all(frames[start : start + together]).prices)

    return judge


def _speed(judge: Callable[[Sequence[bytes]], None], frames: Sequence[bytes], together: int) -> float:
    """Return ticks a second of processor time: the median of several rounds, after one to warm up."""
    judge(frames[:together])
    count = sum((len(frame) - 2) // 10 for frame in frames)
    speeds = []
    for _ in range(7):
        began = time.thread_time()
        judge(frames)
        speeds.append(count / (time.thread_time() - began))
    return float(np.median(speeds))


def _frames(tokens: Sequence[int], size: int, count: int) -> list[bytes]:
    random = np.random.default_rng(10)
    return [
        ltp_frame(random.choice(tokens, size).tolist(), random.integers(*PRICES, size).tolist())
        for _ in range(count)
    ]


async def _monitor_with_limits() -> PriceMonitor:
    """Return a monitor that knows every limit, and check that it hits what a tick crosses and no other."""
    clock = ManualClock()
    listed = shares()
    feeds: list[MemoryFeed] = []

    def open_feed(receiver: PriceReceiver) -> MemoryFeed:
        feeds.append(MemoryFeed(receiver, clock))
        return feeds[-1]

    fast = MemoryFastStops(clock)
    made, dispatcher = price_monitor(listed, open_feed, MemorySignals(clock), fast, clock)
    running = [asyncio.create_task(made.run()), asyncio.create_task(dispatcher.run())]
    await clock.advance(10)  # 500 limits a second
    feeds[0].tick(listed[0].token, "850")
    await clock.settle()
    hit = {one for together in fast.put_together for one in together}
    if not hit or any(made._watched[one].symbol != listed[0].name for one in hit):
        raise AssertionError("the monitor did not hit what it should")
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return made


def tick_to_decision() -> dict[str, Any]:
    """Return milliseconds from a tick's sending to its stop's event, at 50,000 ticks a second."""
    _quiet()
    with _server() as port:
        ours, sent = uvloop.run(_decide(port))
    with _server() as port:
        command = [sys.executable, "-m", "bench.tick_baseline", str(port), str(PROBES), str(SECONDS)]
        ended = subprocess.run(command, capture_output=True, check=True, timeout=SECONDS * 3 + 40)
        baseline = json.loads(ended.stdout)
    return {
        "tick_to_decision_p99_ms": _percentile(ours, 99),
        "tick_to_decision_p50_ms": _percentile(ours, 50),
        "baseline_p99_ms": _percentile(baseline, 99),
        "baseline_p50_ms": _percentile(baseline, 50),
        "ratio": round(_percentile(baseline, 99) / _percentile(ours, 99), 1),
        "stops_decided": len(ours),
        "stops_decided_by_baseline": len(baseline),
        **sent,
    }


def _percentile(values: Sequence[float], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 3)


@contextmanager
def _server() -> Iterator[int]:
    command = [sys.executable, "-m", "bench.tick_server", str(RATE), str(PROBES), str(SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.kill()


class Decisions:
    """Implements `FastStops` and `StopSignals`: notes when each stop was told, and the price that hit it."""

    def __init__(self) -> None:
        self.at: dict[UUID, float] = {}
        self.prices: dict[UUID, Decimal] = {}

    async def put(self, stops: Sequence[HitStop]) -> None:
        now = time.time()
        for stop in stops:
            self.at.setdefault(stop.strategy_id, now)

    async def hit(self, watched: WatchedStrategy, kind: TriggerKind, hit: PriceHit) -> bool:
        self.prices[watched.strategy_id] = hit.price
        return True

    async def sold(self, watched: WatchedStrategy) -> bool:
        return True


async def _decide(port: int) -> tuple[list[float], dict[str, Any]]:
    clock, decisions, feeds = SystemClock(), Decisions(), list[KiteFeed]()
    listed = shares(PROBES)

    def open_feed(receiver: PriceReceiver) -> KiteFeed:
        feeds.append(KiteFeed(f"ws://127.0.0.1:{port}", _login, receiver, clock))
        return feeds[-1]

    made, dispatcher = price_monitor(listed, open_feed, decisions, decisions, clock)
    gc.collect()
    gc.freeze()
    running = [asyncio.create_task(made.run()), asyncio.create_task(dispatcher.run())]
    await _until(lambda: made.attempted and _limits_known(made, [share.instrument for share in listed]), 60)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        async with http.post("/go") as answer:
            began = (await answer.json())["began"]
        await _until(lambda: len(decisions.prices) == PROBES, SECONDS * 2 + 20)
        async with http.get("/sent") as answer:
            sent = await answer.json()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    took = [
        (at - began - float(decisions.prices[one]) / 1e4) * 1e3
        for one, at in decisions.at.items()
        if one in decisions.prices
    ]
    return took, {"sent_per_second": round(sent["ticks_per_second"]), "frames_joined": feeds[0].joined}


async def _login() -> FeedLogin:
    return FeedLogin("bench", "token")


def _limits_known(made: PriceMonitor, instruments: Collection[str]) -> bool:
    return all(made._prices.limits_age(instrument).days < 1 for instrument in instruments)


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


if __name__ == "__main__":
    print(json.dumps(ticks_per_second(), indent=2))
    print(json.dumps(tick_to_decision(), indent=2))
