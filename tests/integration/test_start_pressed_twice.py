"""A START that was pressed twice around its buy time, in a series that goes on to the next day."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.postgres.engine import Store
from domain.errors import AnotherRun
from domain.strategy import Outcome
from tests.integration.test_series import Seam
from tests.store_rows import write_start


@pytest.mark.parametrize("begins", ["before the next day's run", "never"])
async def test_a_start_that_was_pressed_twice_does_not_take_the_day_that_waits(
    store: Store, begins: str
) -> None:
    """The second one planned tomorrow, since buy_time had passed, and could not begin beside today's run."""
    seam = await Seam.begun(store)
    plan, day = seam.start.start.plan, timedelta(days=1)
    tomorrow = replace(plan, trading_day=plan.trading_day + day, buy_at=plan.buy_at + day)
    twin = replace(seam.start.start, start_id=uuid4(), plan=tomorrow)
    await write_start(store, twin)
    await seam.end(Outcome.MISSED)
    if begins == "before the next day's run":
        with pytest.raises(AnotherRun):
            await seam.desk.runs.activate(seam.activation(twin))
    await seam.begin()
    row = await seam.desk.row()
    assert (row.status, row.trading_day, row.run_id) == (
        "running",
        tomorrow.trading_day,
        seam.runs[-1].run_id,
    )
    told = [line for line in await seam.desk.lines() if line.kind == "started"]
    assert len(told) == 2, "each day is told once"
