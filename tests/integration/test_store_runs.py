"""The run's rows on a real Postgres: a START counts once, and an old run never overwrites a newer one."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from adapters.postgres.engine import Store
from domain.errors import AnotherRun
from domain.order import Leg, OrderStatus, Reason
from domain.ports import NotClaimed
from domain.run import Activation, PhaseChange
from domain.strategy import Outcome, Phase, Position
from tests.store_rows import TERMS, Desk, just_now, seen

TOMORROW = date(2026, 11, 24)


@pytest.fixture
async def desk(store: Store) -> Desk:
    return await Desk.made(store)


async def test_a_start_has_one_round_when_it_is_activated_again_and_again(desk: Desk) -> None:
    start = desk.start()
    rounds = await asyncio.gather(*(desk.runs.activate(start) for _ in range(10)))
    row = await desk.row()
    assert set(rounds) == {Activation(1)}
    assert (row.status, row.phase, row.position, row.round) == ("running", "waiting", "none", 1)
    assert (row.run_id, row.buy_at, row.sell_at) == (
        start.ref.run_id,
        start.start.plan.buy_at,
        start.start.plan.sell_at,
    )
    assert [line.text for line in await desk.lines()] == [
        "Started: buys Monday 23 Nov 09:30, sells 14:30, stop 3500.00."
    ]


async def test_the_round_grows_when_a_day_is_started_again_and_begins_anew_the_next_day(desk: Desk) -> None:
    rounds = []
    for day in (None, None, TOMORROW):
        start = desk.start(day) if day else desk.start()
        rounds.append((await desk.runs.activate(start)).round)
        await desk.runs.finish(desk.end(start, Outcome.STOPPED))
    assert rounds == [1, 2, 1]


async def test_no_tag_comes_back_when_a_start_for_tomorrow_lay_between_two_of_today(desk: Desk) -> None:
    first, second = desk.start(), desk.start(TOMORROW)
    await desk.runs.activate(first)
    await desk.bought()
    await desk.runs.finish(desk.end(first, Outcome.KEPT, Position.BOUGHT))
    await desk.runs.activate(second)
    await desk.runs.finish(desk.end(second, Outcome.STOPPED, Position.NONE))
    again = await desk.runs.activate(desk.start(sell_only=True))
    assert again.round == 2


async def test_a_second_run_does_not_take_the_row_of_one_that_is_running(desk: Desk) -> None:
    first = desk.start()
    await desk.runs.activate(first)
    with pytest.raises(AnotherRun):  # pressed on the other side of buy_time: another day, another workflow
        await desk.runs.activate(desk.start(TOMORROW))
    assert (await desk.row()).start_id == first.ref.start_id


async def test_an_old_run_that_wakes_up_late_does_not_take_the_strategy_back(desk: Desk) -> None:
    """A worker stood still for eight seconds: meanwhile its run was stopped, and START pressed again."""
    first, second = desk.start(), desk.start()
    began = just_now()
    first = replace(first, ref=replace(first.ref, began=began))
    second = replace(second, ref=replace(second.ref, began=began + timedelta(seconds=4)))
    await desk.runs.activate(first)
    await desk.runs.finish(desk.end(first, Outcome.STOPPED))
    await desk.runs.activate(second)
    with pytest.raises(AnotherRun):
        await desk.runs.activate(first)
    row = await desk.row()
    assert (row.start_id, row.run_id, row.round) == (second.ref.start_id, second.ref.run_id, 2)
    assert [order.status for order in await desk.orders()] == []


async def test_an_old_run_never_wins_even_if_it_writes_for_the_first_time(desk: Desk) -> None:
    first, second = desk.start(), desk.start()
    began = just_now()
    await desk.runs.activate(
        replace(second, ref=replace(second.ref, began=began + timedelta(milliseconds=1)))
    )
    with pytest.raises(AnotherRun):
        await desk.runs.activate(replace(first, ref=replace(first.ref, began=began)))
    assert (await desk.row()).start_id == second.ref.start_id


async def test_a_new_start_does_not_forget_the_shares_of_a_run_that_was_terminated(desk: Desk) -> None:
    await desk.runs.activate(desk.start())
    await desk.bought()
    with pytest.raises(AnotherRun):
        await desk.runs.activate(desk.start())
    assert (await desk.row()).position == "bought"


async def test_a_run_that_only_sells_begins_with_what_is_held(desk: Desk) -> None:
    first = desk.start()
    await desk.runs.activate(first)
    await desk.bought(10, "3500")
    sold = await desk.sent(desk.key(Leg.EXIT))
    await desk.log.saw(sold, seen(sold, 4, "3600", OrderStatus.CANCELLED))
    await desk.runs.finish(desk.end(first, Outcome.KEPT, Position.BOUGHT))
    kept = await desk.row()
    assert (kept.kept, kept.position, kept.status) == (True, "bought", "stopped")

    activation = await desk.runs.activate(desk.start(sell_only=True))
    assert activation == Activation(2, 6)
    key = desk.key(Leg.EXIT, activation.round)
    rest = await desk.sent(key, quantity=6)
    await desk.log.saw(rest, seen(rest, 6, "3700"))
    row = await desk.row()
    assert (row.position, row.sold_quantity, row.exit_price) == ("sold", 10, Decimal(3660))
    assert row.kept is False


async def test_a_new_start_begins_with_nothing_when_shares_were_kept(desk: Desk) -> None:
    first = desk.start()
    await desk.runs.activate(first)
    await desk.bought()
    await desk.runs.finish(desk.end(first, Outcome.KEPT, Position.BOUGHT))
    assert await desk.runs.activate(desk.start()) == Activation(2, 0)
    row = await desk.row()
    assert (row.position, row.bought_quantity, row.entry_price, row.outcome) == ("none", 0, None, None)


async def test_a_late_fill_of_an_earlier_round_leaves_the_newest_one_alone(desk: Desk) -> None:
    await desk.runs.activate(desk.start())
    old = await desk.sent(desk.key())
    await desk.runs.activate(desk.start())
    found = await desk.log.saw(old, seen(old, 10))
    row = await desk.row()
    assert found.filled_quantity == 10
    assert (row.position, row.bought_quantity) == ("none", 0)
    assert len(await desk.log.leg(desk.key(Leg.EXIT))) == 1


async def test_an_old_run_changes_nothing_when_a_newer_start_is_there(desk: Desk) -> None:
    old, new = desk.start(), desk.start()
    await desk.runs.activate(old)
    await desk.runs.activate(new)
    before = await desk.everything()
    await desk.runs.finish(desk.end(old))
    await desk.runs.change_phase(PhaseChange(old.ref, Phase.HOLDING, "Holding."))
    assert await desk.everything() == before


async def test_finishing_is_written_once_when_repeated(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.runs.finish(desk.end(start, Outcome.MISSED))
    once = await desk.everything()
    await desk.runs.finish(desk.end(start, Outcome.TERMINATED))
    row = await desk.row()
    assert await desk.everything() == once
    assert (row.status, row.phase, row.outcome, row.outcome_detail) == (
        "stopped",
        "done",
        "missed",
        "because",
    )


async def test_an_intent_nobody_sent_can_no_longer_be_claimed_when_the_run_is_over(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    planned = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    await desk.runs.finish(desk.end(start, Outcome.TERMINATED))
    claim = await desk.log.claim(planned, 10, Reason.BUY, just_now(), None)
    assert isinstance(claim, NotClaimed)
    assert (await desk.log.leg(desk.key()))[0].status is OrderStatus.NOT_PLACED


async def test_an_entry_found_while_the_run_ended_stays_a_position(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED, Position.NONE))
    assert (await desk.row()).position == "bought"
    last = (await desk.lines())[-1]
    assert (last.kind, "10 TCS were bought" in last.text) == ("alert", True), "and it is said"


async def test_a_phase_does_not_come_back_when_an_old_activity_is_repeated(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    entering = PhaseChange(start.ref, Phase.ENTERING, "Buying.")
    await desk.runs.change_phase(entering)
    await desk.runs.change_phase(PhaseChange(start.ref, Phase.HOLDING, "Holding."))
    await desk.runs.change_phase(entering)
    assert (await desk.row()).phase == "holding"
    assert [(line.phase, line.text) for line in (await desk.lines())[1:]] == [
        ("entering", "Buying."),
        ("holding", "Holding."),
    ]


async def test_a_note_is_written_once_for_a_start(desk: Desk) -> None:
    for start in (desk.start(), desk.start()):
        await desk.runs.activate(start)
        for _ in range(3):
            await desk.runs.note(start.ref, "alert", "No login.", {"by": "09:00"}, "login")
    assert (await desk.kinds()).count("alert") == 2


async def test_a_reset_run_goes_on_where_its_start_stood(desk: Desk) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    reset = replace(start, ref=replace(start.ref, run_id="run-after-reset"))
    assert await desk.runs.activate(reset) == Activation(1, 10)
    row = await desk.row()
    assert (row.run_id, row.position, row.bought_quantity) == ("run-after-reset", "bought", 10)


async def test_lines_are_numbered_in_the_order_they_can_be_read(desk: Desk, store: Store) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    known: list[int] = []

    async def read_while(writing: asyncio.Future[list[None]]) -> None:
        while not writing.done():
            now = [line.event_id for line in await desk.lines()]
            assert now[: len(known)] == known, "a line appeared before one that had been read"
            known[:] = now

    others = [Desk(store, desk.log, type(desk.runs)(store), desk.strategy) for _ in range(4)]
    writing = asyncio.gather(
        *(
            other.runs.note(start.ref, "alert", "x", {}, f"{number}-{turn}")
            for number, other in enumerate(others)
            for turn in range(25)
        )
    )
    await read_while(writing)
    await writing
    assert len(await desk.lines()) == 101


async def test_a_strategy_that_is_gone_is_a_lookup_error(desk: Desk) -> None:
    start = desk.start()
    gone = replace(start.ref, strategy_id=start.ref.start_id)
    with pytest.raises(LookupError):
        await desk.runs.activate(replace(start, ref=gone))
