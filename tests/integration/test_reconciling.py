"""The reconciler's promises while many others run, on real Postgres, Valkey and Temporal."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, update
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.reconciler import ReconcileActivities
from adapters.postgres.engine import Store
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.series import PostgresSeries
from adapters.postgres.tables import StrategyRow
from adapters.postgres.user_tables import User
from adapters.postgres.watchers import Watchers
from adapters.process.clock import SystemClock
from adapters.redis.cache_mark import RedisMark
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.temporal.connection import DATA_CONVERTER
from domain.reconciler import LIST_EVERY, SETTLING, SLICES, Look, Reconciled, Slice
from domain.run import StartRun, workflow_id
from domain.session import DayPlan
from domain.strategy import Phase, Position, Status, Strategy
from execution.series_days import SeriesDays
from execution.series_rounds import SeriesRounds
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.instruments import listing_nothing
from tests.fakes.noted_closes import comparing_nothing
from tests.fakes.trading_days import MemoryTradingDays
from tests.valkey_process import ValkeyProcess
from workflows.client import SYMBOL, USER, TemporalOpenRuns
from workflows.run_writes import PHASE

OTHERS = 600
QUEUE = "nobody works here"
NOW = datetime.now(UTC)


class LaterClock(SystemClock):
    """What these tests have just started has settled already; or it is the instant `at`."""

    at: datetime | None = None

    def now(self) -> datetime:
        return self.at or super().now() + 2 * SETTLING


class CountedRuns(TemporalOpenRuns):
    """Temporal's list, and how often a slice was read from it."""

    listed = 0

    async def open_ids(self, part: Slice) -> frozenset[str]:
        self.listed += 1
        return await super().open_ids(part)


@dataclass
class House:
    """Many running strategies, and the reconciler that looks after them."""

    store: Store
    client: Client
    cache: RedisRuntimeCache
    redis: Redis
    activities: ReconcileActivities
    told: MemoryAlerts
    runs: "CountedRuns"
    clock: LaterClock
    strategies: list[Strategy] = field(default_factory=list)

    async def fill(self, count: int) -> None:
        """Have `count` strategies run: rows, open runs, and keys."""
        user_id = uuid4()
        made = [_strategy(user_id) for _ in range(count)]
        async with self.store.work() as session:
            session.add(User(user_id=user_id, email=f"{user_id}@example.com", password_hash="-"))
        for start in range(0, count, 50):
            # A transaction each: one that stands still for three seconds is ended by Postgres.
            async with self.store.work() as session:
                session.add_all([_row(strategy) for strategy in made[start : start + 50]])
            await asyncio.gather(*(self._open(strategy) for strategy in made[start : start + 50]))
        self.strategies += made

    async def _open(self, strategy: Strategy) -> None:
        await TemporalOpenRuns(self.client, QUEUE).adopt(_start(strategy))
        await self.cache.load(strategy, Status.RUNNING, Position.NONE)

    async def running(self) -> int:
        """Return how many strategies run now: the tests share the crowd, and some end a few of it."""
        query = select(func.count()).select_from(StrategyRow).where(StrategyRow.status == "running")
        async with self.store.read() as session:
            return await session.scalar(query) or 0

    async def round(self, number: int | None) -> Reconciled:
        return await self.activities.reconcile(Look(number))

    def away_from(self, strategy: Strategy) -> int:
        """Return the number of a slice that the strategy is not in."""
        return (int(strategy.strategy_id.hex[0], 16) + 1) % SLICES

    async def terminate(self, strategy: Strategy) -> None:
        """End a run from outside, and wait until Temporal's list says so."""
        handle = self.client.get_workflow_handle(_id(strategy))
        await handle.terminate()
        query = f"WorkflowId = '{_id(strategy)}' AND ExecutionStatus = 'Terminated'"
        await self.until_listed(query, 1)

    async def vanish(self, strategy: Strategy) -> None:
        """Delete a run, and wait until nothing of it is left."""
        deletion = DeleteWorkflowExecutionRequest(namespace="default")
        deletion.workflow_execution.workflow_id = _id(strategy)
        await self.client.workflow_service.delete_workflow_execution(deletion)
        await self.until_listed(f"WorkflowId = '{_id(strategy)}'", 0)
        while await self.is_open(strategy):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def until_listed(self, query: str, count: int) -> None:
        """Wait until Temporal's list, which lags behind, shows that many."""
        while (await self.client.count_workflows(query)).count != count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def is_open(self, strategy: Strategy) -> bool:
        return await TemporalOpenRuns(self.client, QUEUE).is_open(_id(strategy))


def _strategy(user_id: UUID, strategy_id: UUID | None = None) -> Strategy:
    return Strategy(strategy_id or uuid4(), user_id, "TCS", time(9, 30), time(15, 14), Decimal(3500), 10)


def _start(strategy: Strategy) -> StartRun:
    at = NOW + timedelta(hours=2)
    plan = DayPlan(NOW.date(), at, at + timedelta(hours=1), at, at + timedelta(hours=2))
    return StartRun(strategy.strategy_id, strategy, plan)


def _id(strategy: Strategy) -> str:
    return workflow_id(strategy.strategy_id, NOW.date())


def _row(strategy: Strategy) -> StrategyRow:
    start = _start(strategy)
    return StrategyRow(
        **{
            name: getattr(strategy, name)
            for name in ("strategy_id", "user_id", "symbol", "exchange", "buy_time", "sell_time", "stop_loss")
        },
        product=strategy.product.value,
        on_stop=strategy.on_stop.value,
        quantity=strategy.quantity,
        status=Status.RUNNING.value,
        phase=Phase.WAITING.value,
        trading_day=start.plan.trading_day,
        round=1,
        start_id=start.start_id,
        workflow_id=_id(strategy),
        run_id=f"run-{strategy.strategy_id}",
        buy_at=start.plan.buy_at,
        sell_at=start.plan.sell_at,
        closes_at=start.plan.closes_at,
        started_at=NOW - timedelta(minutes=5),
    )


@pytest.fixture(scope="module")
async def temporal(temporal_binary: str) -> AsyncIterator[WorkflowEnvironment]:
    env = await WorkflowEnvironment.start_local(
        data_converter=DATA_CONVERTER,
        dev_server_existing_path=temporal_binary,
        search_attributes=[USER, SYMBOL, PHASE],
    )
    async with env:
        yield env


@pytest.fixture(scope="module")
async def valkey() -> AsyncIterator[ValkeyProcess]:
    async with ValkeyProcess() as server:
        yield server


@pytest.fixture(scope="module")
async def house(postgres: Any, temporal: WorkflowEnvironment, valkey: ValkeyProcess) -> AsyncIterator[House]:
    store = Store.open(await postgres.new_database())
    cache, mark = RedisRuntimeCache.connect(valkey.url), RedisMark.connect(valkey.url)
    redis = Redis.from_url(valkey.url, decode_responses=True)
    told, runs, clock = MemoryAlerts(), CountedRuns(temporal.client, QUEUE), LaterClock()
    series = PostgresSeries(store)
    activities = ReconcileActivities(
        PostgresReconciliation(store),
        runs,
        PostgresOrderLog(store),
        cache,
        cast("Any", None),  # no entry is in doubt here, so no broker is asked
        told,
        clock,
        mark,
        Watchers(store),
        SeriesRounds(
            series,
            SeriesDays(series, MemoryTradingDays(), clock, comparing_nothing(clock), listing_nothing()),
            runs,
            clock,
        ),
    )
    made = House(store, temporal.client, cache, redis, activities, told, runs, clock)
    await made.fill(OTHERS)
    yield made
    for part in (store, cache, mark):
        await part.close()
    await redis.aclose()


async def every_round(house: House, lap: int = 0) -> Sequence[Reconciled]:
    return [await house.round(lap * SLICES + number) for number in range(SLICES)]


async def test_nothing_is_done_when_nothing_is_wrong(house: House) -> None:
    await house.round(None)
    rounds = await every_round(house)
    assert rounds == [Reconciled()] * SLICES
    assert house.told.raised == []


async def test_runs_are_counted_and_not_listed_where_none_is_missing(house: House) -> None:
    """Listing 600 runs keeps Temporal busy for 300 ms, in which no entry goes on."""
    before = house.runs.listed
    assert await every_round(house, lap=1) == [Reconciled()] * SLICES
    assert house.runs.listed == before
    await every_round(house, lap=LIST_EVERY)
    assert house.runs.listed == before + SLICES


async def test_terminated_run_is_adopted_in_the_next_round_whichever_slice_that_looks_at(
    house: House,
) -> None:
    victim = house.strategies[0]
    await house.terminate(victim)
    done = await house.round(house.away_from(victim))
    assert done.adopted == (victim.strategy_id,)
    assert await house.is_open(victim)
    assert [alarm.kind for alarm in house.told.raised] == ["run_terminated"]


@pytest.mark.parametrize("lap", [0, 1])
async def test_run_that_vanished_is_adopted_once_every_slice_was_looked_at(house: House, lap: int) -> None:
    """Deleted, or lost with Temporal's own data: no list tells of its end."""
    victim = house.strategies[1 + 3 * lap]
    await house.vanish(victim)
    rounds = await every_round(house, lap)
    assert [one for done in rounds for one in done.adopted] == [victim.strategy_id]


async def test_a_run_that_has_just_begun_does_not_make_up_for_one_that_vanished(house: House) -> None:
    """Both are in the same slice, so Temporal has as many open runs there as strategies run."""
    victim = house.strategies[7]
    await house.vanish(victim)
    house.clock.at = datetime.now(UTC) + SETTLING
    other = _strategy(victim.user_id, UUID(victim.strategy_id.hex[0] + uuid4().hex[1:]))
    await TemporalOpenRuns(house.client, QUEUE).adopt(_start(other))
    await house.until_listed(f"WorkflowId = '{_id(other)}'", 1)
    rounds = await every_round(house, lap=1)
    assert [one for done in rounds for one in done.adopted] == [victim.strategy_id]
    house.clock.at = None
    await house.vanish(other)


async def test_run_that_ended_by_itself_is_not_adopted(house: House) -> None:
    ended = house.strategies[2]
    async with house.store.work() as session:
        stopped = update(StrategyRow).where(StrategyRow.strategy_id == ended.strategy_id)
        await session.execute(stopped.values(status=Status.STOPPED.value, phase=Phase.DONE.value))
    await house.cache.drop(ended)
    await house.terminate(ended)
    rounds = await every_round(house)
    assert rounds == [Reconciled()] * SLICES
    assert not await house.is_open(ended)


async def test_flushed_redis_is_restored_in_one_round(house: House) -> None:
    before = set(await house.redis.keys("*"))
    await house.redis.flushall()
    done = await house.round(0)
    assert len(done.restored) == await house.running()
    assert set(await house.redis.keys("*")) == before
    assert await house.round(0) == Reconciled()


async def test_redis_that_came_back_without_its_last_second_is_filled_up_in_one_round(
    house: House, valkey: ValkeyProcess
) -> None:
    """As after a crash: the mark is there, from before, and what was written last is not."""
    mark = await house.redis.get("stopwatch:whole")
    assert mark is not None
    valkey.kill()
    await valkey.start()
    await house.redis.connection_pool.disconnect()
    await house.redis.set("stopwatch:whole", mark)
    done = await house.round(0)
    while done.away:  # a connection of the old server's may answer for the new one's start
        done = await house.round(0)
    assert len(done.restored) == await house.running()


async def test_single_key_that_is_gone_is_back_once_every_slice_was_looked_at(house: House) -> None:
    victim = house.strategies[3]
    await house.redis.delete(f"runtime:{victim.strategy_id}")
    rounds = await every_round(house)
    assert [one for done in rounds for one in done.restored] == [victim.strategy_id]
    assert await house.redis.exists(f"runtime:{victim.strategy_id}")


async def test_flush_while_the_keys_are_being_loaded_is_noticed(valkey: ValkeyProcess, house: House) -> None:
    mark = RedisMark.connect(valkey.url)
    filling = await mark.begin()
    await house.redis.delete("stopwatch:whole")
    await mark.done(filling)
    assert not await mark.stands()
    await mark.done(await mark.begin())
    assert await mark.stands()
    await mark.close()
