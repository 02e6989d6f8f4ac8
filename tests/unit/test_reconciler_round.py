"""A round of the reconciler leaves word of itself, and no run that is deaf keeps it from the others."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from activities.reconciler import ReconcileActivities
from domain.reconciler import Look
from execution.series_days import SeriesDays
from execution.series_rounds import SeriesRounds
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.cache_mark import MemoryMark
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.instruments import listing_nothing
from tests.fakes.manual_clock import ManualClock
from tests.fakes.noted_closes import comparing_nothing
from tests.fakes.open_runs import MemoryOpenRuns
from tests.fakes.reconciliation import MemoryReconciliation
from tests.fakes.rounds import MemoryRounds
from tests.fakes.series import MemorySeries
from tests.fakes.starts import a_start, a_strategy, id_of
from tests.fakes.trading_days import MemoryTradingDays


@dataclass
class House:
    """The reconciler on parts in memory; a test says which is away, and which run is deaf."""

    clock: ManualClock = field(default_factory=ManualClock)
    rounds: MemoryRounds = field(default_factory=MemoryRounds)

    def __post_init__(self) -> None:
        self.rows, self.runs = MemoryReconciliation(self.clock), MemoryOpenRuns(self.clock)
        self.series = MemorySeries()
        self.activities = ReconcileActivities(
            self.rows,
            self.runs,
            MemoryOrderLog(self.clock),
            MemoryCache(),
            MemoryBrokers(MemoryBroker(self.clock)),
            MemoryAlerts(),
            self.clock,
            MemoryMark(),
            self.rounds,
            SeriesRounds(
                self.series,
                SeriesDays(
                    self.series,
                    MemoryTradingDays(),
                    self.clock,
                    comparing_nothing(self.clock),
                    listing_nothing(),
                ),
                self.runs,
                self.clock,
            ),
        )

    async def run(self, user_id: UUID) -> str:
        """Have a strategy of the user run; return its workflow."""
        start = a_start(a_strategy(user_id), self.clock.now())
        self.rows.run(start, "a run")
        await self.runs.adopt(start)
        return id_of(start)


async def test_a_round_leaves_word_when_it_is_over() -> None:
    house = House()
    await house.activities.reconcile(Look(1))
    assert house.rounds.ended == 1


async def test_a_round_that_postgres_cut_short_is_none() -> None:
    house = House()
    house.rows.away = True
    done = await house.activities.reconcile(Look(1))
    assert (done.away, house.rounds.ended) == (("postgres",), 0)


async def test_a_round_that_cannot_be_written_down_is_none() -> None:
    house = House()
    house.rounds.away = True
    assert (await house.activities.reconcile(Look(1))).away == ("postgres",)


async def test_a_deaf_run_keeps_no_other_from_being_told_to_sell() -> None:
    house, user_id = House(), uuid4()
    deaf, *others = [await house.run(user_id) for _ in range(5)]
    house.rows.killed.add(user_id)
    house.runs.deaf.add(deaf)
    done = await house.activities.reconcile(Look(1))
    assert house.runs.told_to_sell == others
    told = {row.start.strategy.strategy_id for row in house.rows.rows.values() if id_of(row.start) != deaf}
    assert set(done.selling) == told
    assert (done.away, house.rounds.ended) == (("temporal",), 1)
