"""Edit the terms of a strategy that is not running, or waits for its next day; the rest stays as it is."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from adapters.postgres.accounts import Accounts, BrokerAccounts
from adapters.postgres.engine import Store
from adapters.postgres.idle_strategies import IdleStrategies, InUse
from adapters.postgres.series import UserSeries
from adapters.postgres.strategies import StrategyRecord
from adapters.postgres.strategy_view_row import StrategyViewRow
from domain.audit import Action
from domain.errors import Unavailable
from domain.ports import Clock
from domain.strategy import Status, Strategy
from services.audit_trail import audit
from services.errors import FieldError, Invalid, NotFound, Unauthorized
from services.ports import Runs
from services.strategies.draft import DraftChecks, StrategyDraft, strategy_of
from services.strategies.in_use import in_use
from services.strategies.lookup import find_strategy
from services.strategies.replanned import has_old_times, until_planned
from services.strategies.start_window import START_LASTS
from services.strategies.terms_line import terms_line


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change of a strategy.

    `applied` returns what the strategy would be, and what is malformed then; `malformed` is what is so of
    any strategy. `names_prices`: it names a stop, a target or an entry, which answers the question whether
    they are still right.
    """

    applied: Callable[[Strategy], tuple[StrategyDraft, Sequence[FieldError]]]
    malformed: Sequence[FieldError] = ()
    names_prices: bool = False


@dataclass(frozen=True, slots=True)
class StrategyEdit:
    """Edits strategies."""

    store: Store
    drafts: DraftChecks
    clock: Clock
    runs: Runs

    async def edit(self, user_id: UUID, strategy_id: UUID, change: Change) -> StrategyViewRow:
        """Check what the strategy would be as its creation is checked, and write it down.

        Raises `NotFound`, `Invalid` with everything that is wrong, and `Conflict` while it is in use.
        """
        while True:
            before = await self._found(user_id, strategy_id, change)
            after, warnings = await self._checked(before, change)
            try:
                written = await self._write(before, after, warnings, change)
            except InUse as why:
                raise in_use(why.use) from None
            if written is not None:
                await self._tell(written.record)
                return await until_planned(self.store, self.clock, user_id, strategy_id, has_old_times)
            # Another edit came between: it is as if this one had been asked for after it.

    async def _tell(self, record: StrategyRecord) -> None:
        """Tell the run of a day that waits; one that does not hear finds the terms before it buys."""
        if record.status is Status.RUNNING and record.workflow_id and record.run_id:
            with suppress(Unavailable):
                await self.runs.tell_plan_anew(record.workflow_id, record.run_id)

    async def _found(self, user_id: UUID, strategy_id: UUID, change: Change) -> Strategy:
        try:
            return (await find_strategy(self.store, user_id, strategy_id)).record.strategy
        except NotFound:
            if change.malformed:
                raise Invalid(change.malformed) from None
            raise

    async def _checked(self, before: Strategy, change: Change) -> tuple[Strategy, tuple[str, ...]]:
        draft, malformed = change.applied(before)
        now = self.clock.now()
        await self.drafts.check(before.user_id, draft, malformed, now)
        after = strategy_of(before.strategy_id, before.user_id, draft)
        return after, await self.drafts.warnings(after, now)

    async def _write(
        self, before: Strategy, after: Strategy, warnings: tuple[str, ...], change: Change
    ) -> StrategyViewRow | None:
        user_id = before.user_id
        async with self.store.work(user_id) as session:
            if not await Accounts(session).hold(user_id):
                raise Unauthorized  # the account was deleted since this call began
            record = await IdleStrategies(session, user_id, START_LASTS).edit(before, after, warnings)
            if record is None:
                return None
            if change.names_prices:
                await UserSeries(session, user_id).confirm_prices(before.strategy_id)
            account = await BrokerAccounts(session, user_id).get()
            if after != before:  # a change that is sent again changes nothing
                what = str(before.strategy_id)
                await audit(session, user_id, Action.STRATEGY_EDIT, what, terms_line(after))
        return StrategyViewRow(record, account)
