"""Postgres is away: entries wait, exits go on through the run alone, and the rows are filled in later."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from temporalio.testing import WorkflowEnvironment

from domain.order import Leg, LegKey, OrderRequest, OrderTerms, Reason, Side
from domain.run import Adoption
from domain.strategy import Outcome, Position, Product
from tests.fakes.broker import Answer
from tests.workflow.day import Run, TestDay, in_phase, until, worker_for

Record: TypeAlias = Callable[[Run], Awaitable[None]]
HOUR = timedelta(hours=1)
HIT = {"price": "3399.95"}


def postgres(day: TestDay, *, down: bool) -> None:
    day.log.down = day.store.down = down


async def holding(env: WorkflowEnvironment, day: TestDay) -> Run:
    run = await day.start(env, buy_in=HOUR)
    await env.sleep(HOUR + timedelta(seconds=2))
    await in_phase(run, "holding")
    return run


async def sold(day: TestDay) -> bool:
    return day.broker.filled(Side.SELL) >= 10


async def finish(day: TestDay, run: Run, record: Record) -> None:
    """Postgres comes back; the day ends with one sale, and the log shows it."""
    await until(lambda: sold(day))
    postgres(day, down=False)
    view = await run.result()
    await record(run)
    assert (view.outcome, view.position) == (Outcome.STOP_LOSS, Position.SOLD)
    assert day.broker.filled(Side.SELL) == 10
    exits = [row for row in day.log.rows.values() if row.key.leg == "exit"]
    assert sum(row.filled_quantity for row in exits) == 10


async def test_stopped_out_while_postgres_is_away(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        postgres(day, down=True)
        await run.signal("STOPLOSS", HIT)
        await finish(day, run, record)
    assert [order.side for order in day.broker.sent] == [Side.BUY, Side.SELL]


async def test_never_sold_twice_when_the_answer_is_lost_while_postgres_is_away(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        day.broker.script.append(Answer.LOSE_ANSWER)
        postgres(day, down=True)
        await run.signal("STOPLOSS", HIT)
        await finish(day, run, record)
    assert [order.side for order in day.broker.sent] == [Side.BUY, Side.SELL]


async def test_sold_after_a_refusal_while_postgres_is_away(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        day.broker.script.append(Answer.REFUSE)
        postgres(day, down=True)
        await run.signal("STOPLOSS", HIT)
        await finish(day, run, record)


async def test_not_sold_again_when_postgres_went_away_with_the_answer(
    env: WorkflowEnvironment, record: Record
) -> None:
    """The order is at the broker, the claim is in Postgres, the answer could not be written."""
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        day.broker.before_answer = lambda: postgres(day, down=True)
        await run.signal("STOPLOSS", HIT)
        await finish(day, run, record)
    assert [order.side for order in day.broker.sent] == [Side.BUY, Side.SELL]


async def test_nothing_is_bought_while_postgres_is_away(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        await in_phase(run, "waiting")
        postgres(day, down=True)
        await env.sleep(HOUR + timedelta(seconds=20))
        postgres(day, down=False)
        view = await run.result()
    assert (view.position, day.broker.sent) == (Position.NONE, [])
    assert view.outcome in (Outcome.MISSED, Outcome.ORDER_FAILED)


async def test_not_sold_again_when_the_run_that_sold_was_ended_before_it_could_write_that_down(
    env: WorkflowEnvironment, record: Record
) -> None:
    """Its history alone knew of the sale; the account may hold others, so the broker would sell again."""
    day = TestDay()
    strategy, terms = day.strategy, OrderTerms("NSE", day.strategy.symbol, Product.CNC)
    today = (await env.get_current_time()).date()
    entry = LegKey(strategy.strategy_id, strategy.user_id, today, 1, Leg.ENTRY)
    sale = replace(entry, leg=Leg.EXIT).tag(1000)
    for order in (
        OrderRequest(terms, Side.BUY, 10, entry.tag(1)),
        OrderRequest(terms, Side.SELL, 10, sale),
    ):
        await day.broker.place(order, 5, 1)
    bought = await day.log.plan(entry, terms, 1, None)
    await day.log.claim(bought, 10, Reason.BUY, day.clock.now(), None)
    await day.log.saw(bought, day.broker.book[0])
    async with worker_for(env, day):
        run = await day.start(env, buy_in=-HOUR, adopted=Adoption.TERMINATED)
        view = await run.result()
        await record(run)
    assert (view.outcome, view.position, view.sold) == (Outcome.TERMINATED, Position.SOLD, 10)
    assert len(day.broker.sent) == 2
