"""A worker that is alive but cut off from Temporal: another takes its orders over, and each is sent once."""

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chaos.proxy import Trouble
from tests.chaos.world import World
from tests.e2e.trader import Trader, soon

STRATEGIES = 4


@pytest.mark.proof
@pytest.mark.timeout(240)
async def test_each_order_is_sent_once_when_a_cut_off_worker_and_its_successor_both_hold_it(
    tmp_path: Path,
) -> None:
    world = await World.started(tmp_path, workers=1)
    try:
        await world.far_worker()
        await _ready(tmp_path / "far-worker-ready")
        trader = await Trader.signed_up(world.product)
        near = world.pids("worker")[0]
        os.kill(near, signal.SIGSTOP)  # so that the far one takes everything
        try:
            buy_at = await soon(16)
            ids = [await trader.create(buy_at, buy_at + timedelta(seconds=20)) for _ in range(STRATEGIES)]
            await asyncio.gather(*(trader.start(one) for one in ids))
            await asyncio.sleep((buy_at - await soon(-1)).total_seconds() - 4)
        finally:
            os.kill(near, signal.SIGCONT)
        # Long enough for the near worker to hold the same orders before their second.
        await world.proxy.links["temporal"].suffer(Trouble.BLACK_HOLE, 12)
        for one in ids:
            ended = await trader.until(one, status="stopped")
            assert (ended["outcome"], ended["position"]) == ("sold", "sold"), ended
        sides = sorted(order["transaction_type"] for order in await trader.ledger())
        assert sides == ["BUY"] * STRATEGIES + ["SELL"] * STRATEGIES
        await trader.http.aclose()
    finally:
        await world.close()


async def _ready(file: Path) -> None:
    while not file.exists():  # noqa: ASYNC110, ASYNC240 - another process; a look costs nothing
        await asyncio.sleep(0.1)
