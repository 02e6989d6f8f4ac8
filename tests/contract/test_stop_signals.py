"""What every way of signalling a run promises the listener: Temporal's client, and the list in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from adapters.process.clock import SystemClock
from domain.errors import Unavailable
from domain.ports import StopSignals
from domain.run import PriceHit
from domain.trigger import TriggerKind
from domain.watched_strategy import WatchedStrategy
from tests.fakes.feed import MemorySignals
from tests.fakes.starts import a_start, id_of
from tests.fakes.watch_list import watched
from workflows.client import TemporalOpenRuns, TemporalStopSignals

PRICE = Decimal("3490.05")
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED


class Runs(Protocol):
    """Runs that are signalled, and the signals that reached them."""

    async def open(self) -> WatchedStrategy: ...

    async def end(self, one: WatchedStrategy) -> None: ...

    async def prices(self, one: WatchedStrategy) -> Sequence[Decimal]:
        """Return the price of each STOPLOSS that arrived."""
        ...

    async def sales(self, one: WatchedStrategy) -> int:
        """Return how often the run was told that nothing is held."""
        ...


class InMemory:
    """Runs of a list in memory."""

    def __init__(self, signals: MemorySignals) -> None:
        self._signals = signals

    async def open(self) -> WatchedStrategy:
        return watched()

    async def end(self, one: WatchedStrategy) -> None:
        self._signals.ended.add(one.run_id)

    async def prices(self, one: WatchedStrategy) -> Sequence[Decimal]:
        return [sent.price for sent in self._signals.sent if sent.run_id == one.run_id]

    async def sales(self, one: WatchedStrategy) -> int:
        return sum(strategy_id == one.strategy_id for strategy_id, _ in self._signals.told_sold)


class InTemporal:
    """Runs that Temporal holds open; their histories show what reached them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def open(self) -> WatchedStrategy:
        start = a_start()
        await TemporalOpenRuns(self._client, f"nobody-{uuid4()}").adopt(start)
        found = await self._client.get_workflow_handle(id_of(start)).describe()
        strategy_id = start.strategy.strategy_id
        return replace(
            watched(), strategy_id=strategy_id, workflow_id=id_of(start), run_id=found.run_id or ""
        )

    async def end(self, one: WatchedStrategy) -> None:
        await self._client.get_workflow_handle(one.workflow_id).terminate()

    async def prices(self, one: WatchedStrategy) -> Sequence[Decimal]:
        return [Decimal(message[0]["price"]) for message in await self._signals(one, "STOPLOSS")]

    async def sales(self, one: WatchedStrategy) -> int:
        return len(await self._signals(one, "SOLD"))

    async def _signals(self, one: WatchedStrategy, name: str) -> list[list[dict[str, str]]]:
        handle = self._client.get_workflow_handle(one.workflow_id, run_id=one.run_id)
        events = [event async for event in handle.fetch_history_events() if event.event_type == SIGNALED]
        found = [event.workflow_execution_signaled_event_attributes for event in events]
        converter = self._client.data_converter
        return [await converter.decode(row.input.payloads) for row in found if row.signal_name == name]


@dataclass(frozen=True, slots=True)
class Subject:
    """Signals, and the runs that they go to."""

    signals: StopSignals
    runs: Runs

    async def stop_loss(self, one: WatchedStrategy) -> bool:
        return await self.signals.hit(one, TriggerKind.STOP, PriceHit(PRICE, None, datetime.now(UTC)))


@pytest.fixture
def in_memory() -> Subject:
    signals = MemorySignals(SystemClock())
    return Subject(signals, InMemory(signals))


@pytest.fixture
def in_temporal(temporal: Client) -> Subject:
    return Subject(TemporalStopSignals(temporal), InTemporal(temporal))


@pytest.fixture(params=["in_memory", "in_temporal"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_a_hit_stop_reaches_its_run_with_the_price(subject: Subject) -> None:
    one, other = await subject.runs.open(), await subject.runs.open()
    assert await subject.stop_loss(one)
    assert await subject.stop_loss(one)
    assert list(await subject.runs.prices(one)) == [PRICE, PRICE]
    assert list(await subject.runs.prices(other)) == []


async def test_a_run_is_told_that_nothing_is_held(subject: Subject) -> None:
    one = await subject.runs.open()
    assert await subject.signals.sold(one)
    assert await subject.runs.sales(one) == 1
    assert list(await subject.runs.prices(one)) == []


async def test_a_run_that_has_ended_is_not_open_any_more(subject: Subject) -> None:
    one = await subject.runs.open()
    await subject.runs.end(one)
    assert not await subject.stop_loss(one)
    assert not await subject.signals.sold(one)


async def test_no_run_counts_as_ended_while_temporal_is_away(no_temporal: Client) -> None:
    in_memory = MemorySignals(SystemClock())
    in_memory.away = True
    for signals in (in_memory, TemporalStopSignals(no_temporal)):
        with pytest.raises(Unavailable):
            await signals.hit(watched(), TriggerKind.STOP, PriceHit(PRICE, None, datetime.now(UTC)))
        with pytest.raises(Unavailable):
            await signals.sold(watched())
