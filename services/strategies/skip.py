"""Leave a day out of a series: the strategy trades on the next one of its days instead."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.series import UserSeries
from adapters.postgres.strategies import Strategies
from adapters.postgres.strategy_view_row import StrategyViewRow
from domain.audit import Action
from domain.errors import Unavailable
from domain.ports import Clock
from domain.session import exchange_time
from domain.strategy import Phase, Status
from services.audit_trail import audit
from services.errors import Conflict, FieldError, Invalid
from services.ports import Runs
from services.strategies.lookup import find_strategy
from services.strategies.replanned import until_planned


@dataclass(frozen=True, slots=True)
class StrategySkip:
    """Leaves days out."""

    store: Store
    runs: Runs
    clock: Clock

    async def skip(self, user_id: UUID, strategy_id: UUID, day: date) -> StrategyViewRow:
        """Leave a day out; one that is left out already stays so.

        Raises `NotFound`, `Invalid` for a day that is over, and `Conflict` where the strategy does not
        repeat, is not running, or trades on that day by now.
        """
        before = (await find_strategy(self.store, user_id, strategy_id)).record
        today = exchange_time(self.clock.now()).date()
        if day < today:
            raise Invalid([FieldError("trading_day", "day_over", f"must be today, {today}, or later")])
        if before.strategy.terms.repeat is None or before.status is not Status.RUNNING:
            raise _not_repeating()
        async with self.store.work(user_id) as session:
            # The series first: who binds the day that waits reads it under the same lock.
            if not await UserSeries(session, user_id).leave_out(strategy_id, day):
                raise _not_repeating()
            if await Strategies(session, user_id).trades_on(strategy_id, day):
                raise Conflict(
                    "day_has_orders", f"It trades on {day} by now: STOP ends that day and the series."
                )
            await audit(session, user_id, Action.STRATEGY_EDIT, str(strategy_id), f"leaves out {day}")
        stands = await find_strategy(self.store, user_id, strategy_id)
        record = stands.record
        if record.phase is Phase.WAITING and record.workflow_id and record.run_id:
            with suppress(Unavailable):  # it is found before the day buys
                await self.runs.tell_plan_anew(record.workflow_id, record.run_id)
        return await until_planned(
            self.store, self.clock, user_id, strategy_id, lambda now: now.trading_day == day
        )


def _not_repeating() -> Conflict:
    return Conflict(
        "not_repeating", "Only a running strategy that repeats has days to leave out: START it first."
    )
