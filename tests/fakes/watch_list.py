"""The watch list in memory: what runs, and news of what changed."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from domain.errors import StoreUnavailable
from domain.ports import Digest
from domain.strategy import Phase, Position
from domain.watched_strategy import WatchedStrategy


def watched(
    symbol: str = "TCS",
    stop_loss: str = "3500",
    *,
    position: Position = Position.BOUGHT,
    phase: Phase = Phase.HOLDING,
    user_id: UUID | None = None,
    exchange: str = "NSE",
) -> WatchedStrategy:
    """Return a running strategy that holds shares."""
    strategy_id = uuid4()
    return WatchedStrategy(
        strategy_id=strategy_id,
        user_id=user_id or uuid4(),
        exchange=exchange,
        symbol=symbol,
        stop_loss=Decimal(stop_loss),
        phase=phase,
        position=position,
        workflow_id=f"strategy-{strategy_id}-2026-11-20",
        run_id=uuid4().hex,
    )


class MemoryWatchList:
    """Implements `domain.ports.WatchList`. `deaf` loses news; `away` fails reads, ends listening."""

    def __init__(self, *running: WatchedStrategy) -> None:
        self.running = {one.strategy_id: one for one in running}
        self.away = False
        self.deaf = False
        self.full_reads = 0
        self.partial_reads = 0
        self._readers: list[asyncio.Queue[UUID | None]] = []

    def put(self, strategy: WatchedStrategy) -> WatchedStrategy:
        self.running[strategy.strategy_id] = strategy
        self._announce(strategy.strategy_id)
        return strategy

    def change(self, strategy: WatchedStrategy, **fields: Any) -> WatchedStrategy:
        return self.put(replace(self.running[strategy.strategy_id], **fields))

    def end(self, strategy: WatchedStrategy) -> None:
        del self.running[strategy.strategy_id]
        self._announce(strategy.strategy_id)

    def go_away(self) -> None:
        self.away = True
        for queue in self._readers:
            queue.put_nowait(None)

    async def all(self) -> Sequence[WatchedStrategy]:
        self.full_reads += 1
        self._check()
        return [_marked(one) for one in self.running.values()]

    async def some(self, strategy_ids: Collection[UUID]) -> Sequence[WatchedStrategy]:
        self.partial_reads += 1
        self._check()
        return [_marked(self.running[one]) for one in strategy_ids if one in self.running]

    async def digest(self) -> Digest:
        self._check()
        return Digest(len(self.running), sum(_marked(one).mark for one in self.running.values()))

    async def changes(self) -> AsyncIterator[UUID | None]:
        self._check()
        queue: asyncio.Queue[UUID | None] = asyncio.Queue()
        self._readers.append(queue)
        try:
            yield None
            while True:
                changed = await queue.get()
                self._check()
                yield changed
        finally:
            self._readers.remove(queue)

    def _announce(self, strategy_id: UUID) -> None:
        if not self.deaf:
            for queue in self._readers:
                queue.put_nowait(strategy_id)

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable("Postgres does not answer")


def _marked(strategy: WatchedStrategy) -> WatchedStrategy:
    return replace(strategy, mark=hash(replace(strategy, mark=0)))
