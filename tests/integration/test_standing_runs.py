"""Overdue runs on a real Postgres: by the rows alone, whatever has become of the run."""

import math
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import func, insert, text, update
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from adapters.postgres.limits import set_system_switch
from adapters.postgres.operation_tables import WorkerRow
from adapters.postgres.operator import positions
from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from adapters.postgres.strategies import Strategies
from adapters.postgres.tables import (
    OrderRow,
    StrategyRow,
    SystemSwitch,
)
from adapters.postgres.watchers import Watchers
from adapters.process.clock import SystemClock
from adapters.telemetry.operations_metrics import OperationsMetrics, OperationsWatch
from domain.limits import KillExits
from domain.order import Leg, Reason
from domain.overdue import Step
from domain.ports import Claimed
from domain.strategy import OnStop, Phase
from migrations.roles import Role, make_roles
from tests.integration.test_desk_numbers import Counted, read
from tests.postgres import PostgresServer
from tests.store_rows import TERMS, Desk, just_now, seen

MINUTE = timedelta(minutes=1)


async def set_to(desk: Desk, **values: Any) -> None:
    async with desk.store.work() as session:
        mine = update(StrategyRow).where(StrategyRow.strategy_id == desk.strategy.strategy_id)
        await session.execute(mine.values(**values))


@pytest.fixture
async def desk(store: Store) -> Desk:
    """A strategy that runs, buys in an hour and sells in two."""
    made = await Desk.made(store)
    await made.runs.activate(made.start())
    now = just_now()
    await set_to(
        made,
        buy_at=now + timedelta(hours=1),
        sell_at=now + timedelta(hours=2),
        closes_at=now + timedelta(hours=3),
    )
    return made


@pytest.fixture
async def holding(desk: Desk) -> Desk:
    await desk.bought()
    await set_to(desk, phase="holding")
    return desk


def runs_of(desk: Desk) -> PostgresOverdueRuns:
    return PostgresOverdueRuns(desk.store)


async def steps(desk: Desk) -> list[Step]:
    return [one.step for one in await runs_of(desk).overdue()]


async def asked_to_stop(desk: Desk, on_stop: OnStop, ago: timedelta) -> None:
    async with desk.store.work() as session:
        await Strategies(session, desk.strategy.user_id).ask_to_stop(desk.strategy.strategy_id, on_stop)
        await session.execute(
            text("UPDATE stops_asked SET asked_at = now() - CAST(:ago AS interval)"), {"ago": ago}
        )


async def kill(desk: Desk, ago: timedelta) -> None:
    async with desk.store.work() as session:
        await set_system_switch(session, KillExits.EXIT, "ill")
        await session.execute(update(SystemSwitch).values(halted_at=func.clock_timestamp() - ago))


async def test_what_is_not_due_yet_is_not_overdue(holding: Desk) -> None:
    assert await steps(holding) == []
    await set_to(holding, sell_at=just_now() - timedelta(seconds=20))
    assert (await steps(holding), await runs_of(holding).standing("w")) == ([], [])


async def test_shares_held_past_their_time_are_overdue_and_anybodys(holding: Desk) -> None:
    await set_to(holding, sell_at=just_now() - timedelta(seconds=31))
    assert await steps(holding) == [Step.SALE]
    (found,) = await runs_of(holding).standing("w")
    assert found.sale is not None
    assert (found.sale.bought, found.sale.reason, found.sale.terms) == (10, Reason.SELL, TERMS_OF_START)
    assert not found.at_once, "a worker without Postgres may have sold them"


TERMS_OF_START = type(TERMS)(TERMS.exchange, TERMS.symbol, TERMS.product, "")
"""Its START names no account here, as those of an older build."""


async def test_a_purchase_that_was_not_made_is_told_and_never_made(desk: Desk) -> None:
    await set_to(desk, buy_at=just_now() - timedelta(seconds=31))
    assert await steps(desk) == [Step.BUY]
    assert await runs_of(desk).standing("w") == []


async def test_an_entry_that_is_in_doubt_is_no_run_that_stands_still(desk: Desk) -> None:
    await desk.sent(desk.key())
    await set_to(desk, buy_at=just_now() - MINUTE, phase="entering")
    assert await steps(desk) == []


async def test_a_run_that_is_sold_and_does_not_end_is_told(holding: Desk) -> None:
    exit_ = (await holding.log.leg(holding.key(Leg.EXIT)))[0]
    claim = await holding.log.claim(exit_, 10, Reason.STOPLOSS, just_now(), None)
    assert isinstance(claim, Claimed)
    await holding.log.saw(claim.attempt, seen(claim.attempt, 10, broker_order_id="2"))
    assert await steps(holding) == []
    await set_to(holding, updated_at=just_now() - 2 * MINUTE)
    assert await steps(holding) == [Step.END]
    assert await runs_of(holding).standing("w") == []


async def test_a_stop_that_its_run_does_not_hear_sells(holding: Desk) -> None:
    await asked_to_stop(holding, OnStop.EXIT, timedelta(seconds=0))
    assert await runs_of(holding).standing("w") == []
    await asked_to_stop(holding, OnStop.EXIT, timedelta(seconds=3))
    (found,) = await runs_of(holding).standing("w")
    assert found.sale is not None
    assert (found.sale.reason, found.at_once) == (Reason.STOP, False)


async def test_what_was_asked_just_now_is_sold_at_once(holding: Desk) -> None:
    await asked_to_stop(holding, OnStop.EXIT, timedelta(seconds=1.1))
    (found,) = await runs_of(holding).standing("w")
    assert found.sale is not None
    assert found.at_once


async def test_a_kill_switch_that_a_run_does_not_hear_sells(holding: Desk) -> None:
    await kill(holding, timedelta(seconds=3))
    (found,) = await runs_of(holding).standing("w")
    assert found.sale is not None
    assert found.sale.reason is Reason.STOP
    async with holding.store.work() as session:
        await set_system_switch(session, None, "")
    assert await runs_of(holding).standing("w") == []


async def test_shares_that_are_to_be_kept_are_not_sold_at_their_time(holding: Desk) -> None:
    await asked_to_stop(holding, OnStop.KEEP, 2 * MINUTE)
    await set_to(holding, sell_at=just_now() - MINUTE)
    assert Step.SALE in await steps(holding) or Step.STOP in await steps(holding)
    assert await runs_of(holding).standing("w") == []


async def test_a_kill_switch_after_keep_sells(holding: Desk) -> None:
    await asked_to_stop(holding, OnStop.KEEP, 2 * MINUTE)
    await kill(holding, timedelta(seconds=3))
    (found,) = await runs_of(holding).standing("w")
    assert found.sale is not None


async def test_a_stop_of_an_earlier_start_is_not_this_ones(holding: Desk) -> None:
    await asked_to_stop(holding, OnStop.EXIT, MINUTE)
    await set_to(holding, start_id=uuid4())
    assert await runs_of(holding).standing("w") == []


async def test_a_stop_before_anything_was_bought_calls_the_entry_off(desk: Desk) -> None:
    await asked_to_stop(desk, OnStop.KEEP, timedelta(seconds=3))
    (found,) = await runs_of(desk).standing("w")
    assert found.entry is not None
    assert found.sale is None


async def test_an_entry_that_is_open_is_brought_to_its_end_first(desk: Desk) -> None:
    attempt = await desk.accepted(desk.key())
    await desk.log.saw(attempt, seen(attempt, 4))
    await set_to(desk, sell_at=just_now() - MINUTE, phase="entering")
    (found,) = await runs_of(desk).standing("w")
    assert found.entry is not None


async def test_nothing_is_sold_after_the_market_has_closed(holding: Desk) -> None:
    await set_to(holding, sell_at=just_now() - MINUTE, closes_at=just_now() - timedelta(seconds=1))
    assert await steps(holding) == [Step.SALE], "it is told all the same"
    assert await runs_of(holding).standing("w") == []


@pytest.mark.parametrize(("quiet_for", "taken"), [(timedelta(minutes=5), 0), (timedelta(minutes=25), 1)])
async def test_a_sale_that_its_run_has_begun_is_left_to_it_while_it_moves(
    holding: Desk, quiet_for: timedelta, taken: int
) -> None:
    exit_ = (await holding.log.leg(holding.key(Leg.EXIT)))[0]
    claim = await holding.log.claim(exit_, 10, Reason.SELL, just_now(), None)
    assert isinstance(claim, Claimed)
    await holding.log.supersede(claim.attempt, TERMS, absent=False, message="refused", due_at=just_now())
    await set_to(holding, sell_at=just_now() - MINUTE, phase=Phase.EXITING.value)
    at = just_now() - quiet_for
    async with holding.store.work() as session:
        await session.execute(update(OrderRow).values(created_at=at, sent_at=at, acknowledged_at=None))
    assert len(await runs_of(holding).standing("w")) == taken


async def test_workers_take_turns_and_each_gets_one(holding: Desk) -> None:
    names = [f"{word}-{uuid4().hex[:6]}" for word in ("first", "second")]
    async with holding.store.work() as session:
        for name in names:
            await session.execute(insert(WorkerRow).values(name=name, alive_at=func.clock_timestamp()))

    async def takers(late: float) -> int:
        await set_to(holding, sell_at=just_now() - timedelta(seconds=late))
        await set_alive(holding.store, names)
        found = [await runs_of(holding).standing(name) for name in names]
        return sum(map(len, found))

    assert [await takers(late) for late in (20, 35, 50)] == [0, 1, 2]


async def set_alive(store: Store, names: list[str]) -> None:
    async with store.work() as session:
        alive = update(WorkerRow).where(WorkerRow.name.in_(names))
        await session.execute(alive.values(alive_at=func.clock_timestamp()))


async def test_the_operator_reads_of_it(holding: Desk) -> None:
    await set_to(holding, sell_at=just_now() - MINUTE)
    (listed,) = [one for one in await positions(holding.store) if one.kind == "overdue"]
    assert (listed.quantity, listed.symbol) == (10, "NSE:TCS")
    assert "stands still" in listed.why
    assert "temporal workflow describe -w strategy-" in listed.what_to_do


async def test_the_metrics_say_how_many_and_for_how_long(holding: Desk) -> None:
    registry = CollectorRegistry()
    watch = OperationsWatch(
        OperationsMetrics(registry),
        PostgresOperatorAlerts(holding.store),
        Counted(0).count,
        Counted(0).count,
        SystemClock(),
        Watchers(holding.store),
        runs_of(holding),
    )
    assert math.isnan(read(registry, "runs_overdue")), "nothing was read yet"
    await watch.look()
    assert (read(registry, "runs_overdue"), read(registry, "run_step_age_seconds")) == (0, 0)
    await set_to(holding, sell_at=just_now() - MINUTE)
    await watch.look()
    assert read(registry, "runs_overdue") == 1
    assert read(registry, "run_step_age_seconds") >= 60


async def test_roles_may_do_what_they_are_for(holding: Desk, database: str, postgres: PostgresServer) -> None:
    """The API writes the word down, in its user's name alone; the worker reads it, and cannot write one."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    address = url.render_as_string(hide_password=False)
    await make_roles(database, [Role.of("worker", address)])
    worker, api = Store.open(address), Store.open(postgres.api_url(database))
    try:
        for user_id in (uuid4(), holding.strategy.user_id):
            async with api.work(user_id) as session:
                await Strategies(session, user_id).ask_to_stop(holding.strategy.strategy_id, OnStop.EXIT)
            async with holding.store.work() as session:
                words = await session.scalar(text("SELECT count(*) FROM stops_asked"))
            assert words == (user_id == holding.strategy.user_id)
        await asked_to_stop(holding, OnStop.EXIT, timedelta(seconds=3))
        (found,) = await PostgresOverdueRuns(worker).standing("w")
        assert found.sale is not None
        await PostgresOverdueRuns(worker).overdue()
        with pytest.raises(Exception, match="permission denied"):
            async with worker.work() as session:
                await session.execute(text("DELETE FROM stops_asked"))
    finally:
        await worker.close()
        await api.close()
