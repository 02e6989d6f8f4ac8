"""A stalled run does not keep its shares: they are sold without it, and user and operator are told."""

import asyncio
import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import BIN, Product
from tests.e2e.test_versions import make_current, second_worker
from tests.e2e.trader import Trader, soon

pytestmark = [pytest.mark.timeout(400), pytest.mark.proof]


@dataclass
class Holder:
    """A user whose strategy holds ten shares, in a run of a version whose last worker goes."""

    trader: Trader
    strategy_id: str

    async def sides(self) -> list[str]:
        return [order["transaction_type"] for order in await self.trader.ledger()]

    async def until(self, **state: object) -> dict[str, Any]:
        return await self.trader.until(self.strategy_id, **state)

    async def texts(self) -> list[str]:
        found = await self.trader.get(f"/strategy/{self.strategy_id}/timeline")
        return [line["text"] for line in found["items"]]


async def holders(product: Product, sell_after: dict[str, float]) -> list[Holder]:
    """Buy one symbol for each user, to be sold so many seconds later."""
    traders = [await Trader.signed_up(product) for _ in sell_after]
    buy_at = await soon(4, length=240)
    made = []
    for trader, (symbol, seconds) in zip(traders, sell_after.items(), strict=True):
        sell_at = buy_at + timedelta(seconds=seconds)
        strategy_id = await trader.create(buy_at, sell_at, symbol=symbol, stop_loss=1)
        await trader.start(strategy_id)
        made.append(Holder(trader, strategy_id))
    for one in made:
        await one.until(phase="holding")
    return made


async def listed(product: Product) -> list[dict[str, Any]]:
    command = [str(BIN / "stopwatch"), "positions", "--json", "--data-dir", "data"]
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=product.home, capture_output=True, text=True, timeout=60
    )
    found: list[dict[str, Any]] = json.loads(ended.stdout)
    return found


async def test_what_runs_that_stand_still_hold_is_sold_or_kept_as_was_asked(home: Path) -> None:
    """Their version's last worker has gone; a worker of another version sells what is due."""
    product = Product.start(home, STOPWATCH_BUILD_ID="two")
    try:
        await product.ready()
        async with second_worker(product, "one"):
            await make_current(product, "one")
            all_of = await holders(product, {"TCS": 60, "INFY": 200, "SBIN": 200, "ITC": 50})
        late, stopped, killed, kept = all_of
        await make_current(product, "two")

        # No run hears a STOP: its word counts all the same, within seconds.
        word = asyncio.create_task(kept.trader.stop(kept.strategy_id, on_stop="keep"))
        asked = asyncio.create_task(stopped.trader.stop(stopped.strategy_id))
        switch = {"on": True, "exits": "exit", "reason": "a test"}
        answer = (await killed.trader.post("/account/kill-switch", switch)).json()
        assert answer["untold"] == 1, answer
        assert answer["sold"] in (0, 1), "how soon is measured elsewhere"
        for one in (stopped, killed):
            seen = await one.until(position="sold")
            assert seen["status"] == "running", "its run stands still"
            assert await one.sides() == ["BUY", "SELL"]
            assert any("does not hear: selling 10" in text for text in await one.texts())

        # Half a minute after its time, what is held is sold, and told of. (Its run was to wake for it later
        # than its version's last worker went: no worker held the sale.)
        due_at = datetime.fromisoformat((await late.until(position="bought"))["sell_at"])
        await asyncio.sleep((due_at - datetime.now(UTC)).total_seconds())
        assert await late.sides() == ["BUY"]
        await late.until(position="sold")
        assert await late.sides() == ["BUY", "SELL"]
        texts = await late.texts()
        said = next(i for i, text in enumerate(texts) if "stands still: selling 10 TCS without it" in text)
        sold = next(i for i, text in enumerate(texts) if text.startswith("Sold 10 TCS"))
        assert said < sold, texts
        (shown,) = [one for one in await listed(product) if one["strategy_id"] == kept.strategy_id]
        assert (shown["kind"], shown["quantity"]) == ("overdue", 10)
        warnings = (await kept.trader.strategy(kept.strategy_id))["warnings"]
        assert any("10 ITC were to be sold at" in text for text in warnings), warnings
        assert await kept.sides() == ["BUY"], "its user keeps it"
        assert {(await word).status_code, (await asked).status_code} <= {200, 202}

        # Awake again, each run finds what became of its shares, and sends nothing more.
        outcomes = {}
        async with second_worker(product, "one"):
            for one in all_of:
                outcomes[one.strategy_id] = (await one.until(status="stopped"))["outcome"]
        assert [outcomes[one.strategy_id] for one in all_of] == ["sold", "stopped", "stopped", "kept"]
        for one in (late, stopped, killed):
            assert await one.sides() == ["BUY", "SELL"]
        assert await kept.sides() == ["BUY"]
        for one in all_of:
            await one.trader.http.aclose()
    finally:
        assert await product.end() == 0
