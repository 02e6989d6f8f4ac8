"""A run that waits for a price, or for what its own order comes to, is not told to stand still."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text, update

from adapters.postgres.engine import Store
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from adapters.postgres.strategies import Strategies
from adapters.postgres.strategy_view_row import read_strategy_view
from adapters.postgres.tables import OrderRow
from adapters.postgres.terms_json import terms_json
from api.strategies.view import shown
from domain.order import Attempt, Leg, LegKey, OrderStatus
from domain.overdue import IN_DOUBT_FOR, OverdueRun, Step, overdue_words
from domain.reentry import Again
from domain.run import ActivateRun
from domain.session import exchange_time
from domain.strategy import OnStop, Outcome
from domain.terms import After, Entry, EntryKind, Reenter, Target, Terms, When
from tests.store_rows import Desk, just_now, seen

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOON = time(12, 0)
RESTS = Entry(EntryKind.LIMIT, Decimal(3500))


async def started(store: Store, terms: Terms, day: timedelta = timedelta(0)) -> tuple[Desk, ActivateRun]:
    """Return a strategy that runs, of a trading day so far from today, and its START."""
    made = await Desk.made(store)
    await made._set(terms=terms_json(terms))
    desk = replace(made, strategy=replace(made.strategy, terms=terms))
    start = desk.start((exchange_time(just_now()) + day).date())
    await desk.runs.activate(start)
    await desk._set(sell_at=just_now() + 3 * DAY, closes_at=just_now() + 3 * DAY)
    return desk, start


def leg(desk: Desk, start: ActivateRun, leg: Leg = Leg.ENTRY, round_: int = 1) -> LegKey:
    return desk.key(leg, round_, start.start.plan.trading_day)


async def filled(desk: Desk, key: LegKey) -> None:
    attempt = await desk.sent(key)
    await desk.log.saw(attempt, seen(attempt, 10, broker_order_id=f"{key.leg}-{key.round}"))


async def sold(store: Store, when: When, day: timedelta) -> tuple[Desk, ActivateRun]:
    """Return a strategy whose first round is sold, and that is to buy again until noon of that day."""
    terms = Terms(target=Target(Decimal(3700)), reenter=Reenter(2, After.BOTH, when, NOON))
    desk, start = await started(store, terms, day)
    await filled(desk, leg(desk, start))
    await filled(desk, leg(desk, start, Leg.EXIT))
    return desk, start


async def sold_and_waits(store: Store, when: When, day: timedelta = DAY) -> tuple[Desk, ActivateRun]:
    """As `sold`; its second round has begun two minutes ago."""
    desk, start = await sold(store, when, day)
    again = Again(1, Outcome.STOP_LOSS, Decimal(3500), "sold 10 TCS")
    ref = replace(start.ref, run_id=f"{start.ref.run_id}-1", began=just_now())
    await desk.runs.activate(ActivateRun(ref, replace(start.start, again=again)))
    await desk._set(updated_at=just_now() - 2 * MINUTE)
    return desk, start


async def overdue(desk: Desk) -> list[OverdueRun]:
    found = await PostgresOverdueRuns(desk.store).overdue()
    return [one for one in found if one.strategy_id == desk.strategy.strategy_id]


async def steps(desk: Desk) -> list[Step]:
    return [one.step for one in await overdue(desk)]


async def set_order(attempt: Attempt, desk: Desk, **values: Any) -> None:
    async with desk.store.work() as session:
        mine = update(OrderRow).where(OrderRow.order_id == attempt.order_id)
        await session.execute(mine.values(**values))


async def asked_to_stop(desk: Desk, ago: timedelta) -> None:
    async with desk.store.work() as session:
        strategy = desk.strategy
        await Strategies(session, strategy.user_id).ask_to_stop(strategy.strategy_id, OnStop.EXIT)
        asked = "UPDATE stops_asked SET asked_at = now() - CAST(:ago AS interval)"
        await session.execute(text(asked), {"ago": ago})


async def test_a_run_that_waits_for_its_price_does_not_stand_still(store: Store) -> None:
    desk, _ = await sold_and_waits(store, When.AT_ENTRY_PRICE)
    assert await steps(desk) == []


async def test_a_wait_for_a_price_that_goes_on_after_its_time_is_told(store: Store) -> None:
    desk, _ = await sold_and_waits(store, When.AT_ENTRY_PRICE, -DAY)
    (run,) = await overdue(desk)
    assert (run.step, exchange_time(run.due_at).time()) == (Step.AGAIN, NOON)
    assert overdue_words(run).startswith(
        "All TCS is sold. It was to be bought again, or to end, by 12:00, and its run stands still"
    )


async def test_a_run_that_is_to_buy_again_at_once_and_does_not_is_told(store: Store) -> None:
    desk, _ = await sold_and_waits(store, When.AT_ONCE)
    assert await steps(desk) == [Step.AGAIN]


async def test_a_run_whose_price_has_come_and_that_sends_nothing_is_told(store: Store) -> None:
    desk, _ = await sold_and_waits(store, When.AT_ENTRY_PRICE)
    await desk._set(phase="entering", updated_at=just_now() - 2 * MINUTE)
    assert await steps(desk) == [Step.AGAIN]


async def test_a_later_round_that_follows_its_order_does_not_stand_still(store: Store) -> None:
    desk, start = await sold_and_waits(store, When.AT_ENTRY_PRICE)
    await desk.sent(leg(desk, start, round_=2))
    await desk._set(phase="entering", updated_at=just_now() - 2 * MINUTE)
    assert await steps(desk) == []


@pytest.mark.parametrize("phase", ["entering", "exiting"])
async def test_a_round_that_is_sold_and_neither_ends_nor_goes_on_is_told(store: Store, phase: str) -> None:
    """Also where the stop sold it before its run knew that anything was bought."""
    desk, _ = await sold(store, When.AT_ENTRY_PRICE, DAY)
    await desk._set(phase=phase, updated_at=just_now() - 2 * MINUTE)
    (run,) = await overdue(desk)
    assert (run.step, run.again) == (Step.END, False)


async def test_a_stop_while_it_waits_for_its_price_is_told_where_it_is_not_heard(store: Store) -> None:
    desk, _ = await sold_and_waits(store, When.AT_ENTRY_PRICE)
    await asked_to_stop(desk, MINUTE)
    (run,) = await overdue(desk)
    assert run.step is Step.STOP
    assert overdue_words(run).endswith("It stops when it goes on.")


async def test_a_stopped_run_that_looks_for_its_entry_does_not_stand_still(store: Store) -> None:
    desk, start = await started(store, Terms())
    attempt = await desk.sent(leg(desk, start))
    await asked_to_stop(desk, MINUTE)
    await set_order(attempt, desk, sent_at=just_now() - IN_DOUBT_FOR + MINUTE)
    assert await steps(desk) == []


async def test_a_stopped_run_whose_entry_was_found_just_now_has_time_to_sell_it(store: Store) -> None:
    desk, start = await started(store, Terms())
    await filled(desk, leg(desk, start))
    await asked_to_stop(desk, MINUTE)
    assert await steps(desk) == []
    attempt = (await desk.log.leg(leg(desk, start)))[0]
    long_ago = just_now() - 2 * MINUTE
    await set_order(attempt, desk, acknowledged_at=long_ago, filled_at=long_ago)
    assert await steps(desk) == [Step.STOP]


async def test_a_stop_with_an_entry_that_stays_in_doubt_is_told_in_words_that_are_so(store: Store) -> None:
    desk, start = await started(store, Terms())
    attempt = await desk.sent(leg(desk, start))
    await asked_to_stop(desk, 3 * MINUTE)
    past = just_now() - IN_DOUBT_FOR - MINUTE
    await set_order(attempt, desk, sent_at=past, looked_up_at=just_now())
    (run,) = await overdue(desk)
    assert (run.step, run.buying) == (Step.STOP, True)
    words = overdue_words(run)
    assert "what came of its order to buy is not known yet" in words
    assert "Nothing is bought" not in words


@pytest.mark.parametrize(("ago", "told"), [(61, []), (89, []), (92, [Step.BUY])])
async def test_an_order_that_rested_and_was_cancelled_just_now_is_no_run_that_stands_still(
    store: Store, ago: int, told: list[Step]
) -> None:
    desk, start = await started(store, Terms())
    attempt = await desk.accepted(leg(desk, start))
    await desk.log.saw(attempt, seen(attempt, 0, status=OrderStatus.CANCELLED))
    sent_at = just_now() - timedelta(seconds=ago)
    await set_order(attempt, desk, sent_at=sent_at)
    await desk._set(buy_at=sent_at, phase="entering", terms=terms_json(Terms(entry=RESTS)))
    assert await steps(desk) == told


async def warnings(desk: Desk, sent_at: datetime, after: int) -> list[str]:
    """Return what the API warns of, so many seconds after the order was sent."""
    found = await read_strategy_view(desk.store, desk.strategy.user_id, desk.strategy.strategy_id)
    assert found is not None
    return shown(found.record, None, sent_at + timedelta(seconds=after)).warnings


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.CANCELLED])
async def test_an_order_that_may_rest_is_no_warning_before_its_seconds_are_over(
    store: Store, status: OrderStatus
) -> None:
    desk, start = await started(store, Terms())
    attempt = await desk.accepted(leg(desk, start))
    await desk.log.saw(attempt, seen(attempt, 0, status=status))
    sent_at = just_now() - timedelta(seconds=5)
    await set_order(attempt, desk, sent_at=sent_at)
    await desk._set(buy_at=sent_at, phase="entering", terms=terms_json(Terms(entry=RESTS)))
    for after in (31, 59, 89):
        assert await warnings(desk, sent_at, after) == []
    (told,) = await warnings(desk, sent_at, 91)
    assert told.startswith("The order to buy TCS was to be filled or cancelled by")


@pytest.mark.parametrize("terms", [Terms(), Terms(entry=RESTS)])
async def test_an_entry_of_which_the_broker_has_said_nothing_is_a_warning_after_30_seconds(
    store: Store, terms: Terms
) -> None:
    desk, start = await started(store, Terms())
    await desk.sent(leg(desk, start))
    sent_at = just_now() - timedelta(seconds=5)
    await desk._set(buy_at=sent_at, phase="entering", terms=terms_json(terms))
    assert await warnings(desk, sent_at, 29) == []
    (told,) = await warnings(desk, sent_at, 31)
    assert told.startswith("TCS was to be bought at")
