"""Rounds of one START in the store: when the next one begins, and what it counts."""

from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.terms_json import terms_json
from domain.errors import AnotherRun, ForeignStart
from domain.order import Attempt, Leg
from domain.reentry import Again
from domain.run import ActivateRun, PhaseChange
from domain.strategy import Outcome, Phase, Position
from domain.terms import After, Reenter, Target, Terms, When
from tests.store_rows import Desk, just_now, seen

TWICE = Reenter(2, After.BOTH, When.AT_ENTRY_PRICE, time(15, 0))
ENTRY = Decimal("3501.25")


async def started(store: Store, reenter: Reenter | None = TWICE) -> tuple[Desk, ActivateRun]:
    """Return a strategy of these terms that runs, and its START."""
    made = await Desk.made(store)
    terms = Terms(target=Target(Decimal(3700)), reenter=reenter)
    await made._set(terms=terms_json(terms))
    desk = replace(made, strategy=replace(made.strategy, terms=terms))
    start = desk.start()
    await desk.runs.activate(start)
    return desk, start


def following(start: ActivateRun, number: int = 1) -> ActivateRun:
    """Return the activation of the run that follows a round."""
    again = Again(number, Outcome.STOP_LOSS, ENTRY, "sold 10 TCS")
    ref = replace(start.ref, run_id=f"{start.ref.run_id}-{number}", began=just_now())
    return ActivateRun(ref, replace(start.start, again=again))


async def sold(desk: Desk, round_: int = 1, bought: str = "3501.25", price: str = "3450") -> None:
    await filled(desk, desk.key(Leg.ENTRY, round_), bought)
    await filled(desk, desk.key(Leg.EXIT, round_), price)


async def filled(desk: Desk, key: Any, price: str) -> Attempt:
    attempt = await desk.sent(key)
    return await desk.log.saw(attempt, seen(attempt, 10, price, broker_order_id=f"{key.leg}-{key.round}"))


async def test_the_next_round_has_its_number_and_the_row_says_what_the_last_one_came_to(store: Store) -> None:
    desk, start = await started(store)
    await sold(desk)
    activation = await desk.runs.activate(following(start))
    assert (activation.round, activation.held) == (2, 0)
    row = await desk.row()
    assert (row.status, row.phase, row.position) == ("running", "waiting", "sold")
    assert (row.run_id, row.round) == (following(start).ref.run_id, 2)
    assert (row.entry_price, row.exit_price) == (ENTRY, Decimal(3450))


async def test_a_round_is_begun_once_however_often_it_is_written(store: Store) -> None:
    desk, start = await started(store)
    await sold(desk)
    request = following(start)
    assert [(await desk.runs.activate(request)).round for _ in range(3)] == [2, 2, 2]


async def test_its_shares_and_prices_are_its_own(store: Store) -> None:
    desk, start = await started(store)
    await sold(desk)
    await desk.runs.activate(following(start))
    await filled(desk, desk.key(Leg.ENTRY, 2), "3600")
    row = await desk.row()
    assert (row.bought_quantity, row.sold_quantity, row.position) == (10, 0, Position.BOUGHT)
    assert (row.entry_price, row.exit_price) == (Decimal(3600), None)
    assert row.bought_at is not None


async def test_no_round_begins_while_shares_are_held(store: Store) -> None:
    desk, start = await started(store)
    await filled(desk, desk.key(), "3501.25")
    with pytest.raises(AnotherRun):
        await desk.runs.activate(following(start))
    assert (await desk.row()).round == 1


async def test_no_round_of_a_start_that_has_ended(store: Store) -> None:
    desk, start = await started(store)
    await sold(desk)
    await desk.runs.finish(desk.end(start, Outcome.STOP_LOSS, Position.SOLD))
    with pytest.raises(AnotherRun):
        await desk.runs.activate(following(start))


@pytest.mark.parametrize(("reenter", "number"), [(None, 1), (TWICE, 3)])
async def test_no_round_that_its_terms_do_not_have(
    store: Store, reenter: Reenter | None, number: int
) -> None:
    desk, start = await started(store, reenter)
    await sold(desk)
    with pytest.raises(ForeignStart):
        await desk.runs.activate(following(start, number))


async def test_each_round_says_its_own_phases(store: Store) -> None:
    desk, start = await started(store)
    for round_, request in ((1, start), (2, following(start))):
        if round_ == 2:
            await sold(desk)
            await desk.runs.activate(request)
            await filled(desk, desk.key(Leg.ENTRY, 2), "3600")
        for phase in (Phase.ENTERING, Phase.HOLDING, Phase.EXITING):
            change = PhaseChange(request.ref, phase, f"{phase} {round_}", round=round_)
            await desk.runs.change_phase(change)
    lines = [line.text for line in await desk.lines()]
    assert {"entering 1", "entering 2", "holding 1", "holding 2"} <= set(lines)


async def test_an_old_run_changes_nothing_once_the_next_round_has_begun(store: Store) -> None:
    desk, start = await started(store)
    old = ActivateRun(replace(start.ref, began=just_now() - timedelta(minutes=1)), start.start)
    await desk.runs.activate(old)
    await sold(desk)
    await desk.runs.activate(following(start))
    with pytest.raises(AnotherRun):
        await desk.runs.activate(old)
    assert (await desk.row()).round == 2
