"""The end of a run leaves no Redis key, whoever restores some meanwhile."""

from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from uuid import uuid4

from activities.runs import RunActivities
from domain.run import FinishRun, RunRef
from domain.strategy import Outcome, Position, Status, Strategy
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.house import MemoryCache, MemoryRunStore

STRATEGY = Strategy(uuid4(), uuid4(), "TCS", time(9, 30), time(15, 0), Decimal(950), 10)
END = FinishRun(
    RunRef(STRATEGY.strategy_id, STRATEGY.user_id, "a run", "its id", uuid4()),
    STRATEGY,
    Outcome.SOLD,
    "sold 10 TCS",
    Position.SOLD,
)


@dataclass
class SlowStore(MemoryRunStore):
    """Takes its time to commit `stopped`; until then the reconciler sees a running strategy without keys."""

    cache: MemoryCache = field(default_factory=MemoryCache)

    async def finish(self, request: FinishRun) -> bool:
        await self.cache.load(request.strategy, Status.RUNNING, Position.BOUGHT)
        return await super().finish(request)


async def test_no_key_is_left_when_the_reconciler_restored_them_before_the_end_was_committed() -> None:
    cache = MemoryCache()
    await cache.load(STRATEGY, Status.RUNNING, Position.BOUGHT)
    store = SlowStore(cache=cache, running={STRATEGY.strategy_id: END.ref})
    assert await RunActivities(store, cache, MemoryAlerts()).finish(END)
    assert store.finished == [END]
    assert cache.loaded == set()
