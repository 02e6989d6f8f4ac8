"""Create a strategy, or a copy of one; it does nothing before it is started."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from adapters.postgres.accounts import Accounts, BrokerAccounts
from adapters.postgres.engine import Store
from adapters.postgres.strategies import IdUsed, Strategies
from adapters.postgres.strategy_view_row import StrategyViewRow, read_strategy_view
from domain.audit import Action
from domain.ports import Clock
from domain.strategy import Status, Strategy
from services.audit_trail import audit
from services.bounds import USUAL, too_many_strategies
from services.errors import FieldError, Unauthorized
from services.strategies.creation_key import copy_id_for, key_reused, key_used, strategy_id_for
from services.strategies.draft import DraftChecks, StrategyDraft, draft_of_strategy, strategy_of
from services.strategies.lookup import find_strategy
from services.strategies.terms_line import terms_line


@dataclass(frozen=True, slots=True)
class StrategyCreation:
    """Creates strategies."""

    store: Store
    drafts: DraftChecks
    clock: Clock
    most: int = USUAL.strategies

    async def create(
        self,
        user_id: UUID,
        draft: StrategyDraft,
        key: str | None = None,
        malformed: Sequence[FieldError] = (),
    ) -> StrategyViewRow:
        """Check the draft and write the strategy down. Repeated under its key it is the same one.

        Raises `Invalid` with everything that is wrong, `malformed` included, and `Conflict`.
        """
        now = self.clock.now()
        await self.drafts.check(user_id, draft, malformed, now)
        strategy = strategy_of(strategy_id_for(user_id, key), user_id, draft)
        written = await self._write(strategy, await self.drafts.warnings(strategy, now), terms_line(strategy))
        if written.record.strategy != strategy:
            raise key_reused()
        return written

    async def copy(self, user_id: UUID, strategy_id: UUID, key: str | None = None) -> StrategyViewRow:
        """Create a strategy with the terms of another one. Repeated under its key it is the same copy.

        Raises `NotFound`, `Invalid` where the terms do not fit any more, and `Conflict`.
        """
        copy_id = copy_id_for(user_id, strategy_id, key)
        # Found before anything is checked: since it was made, either of the two may have been edited.
        made = await read_strategy_view(self.store, user_id, copy_id)
        if made is not None:
            return made
        copied = (await find_strategy(self.store, user_id, strategy_id)).record.strategy
        now = self.clock.now()
        await self.drafts.check(user_id, draft_of_strategy(copied), (), now)
        copy = replace(copied, strategy_id=copy_id)
        why = f"{terms_line(copy)}, a copy of {strategy_id}"
        return await self._write(copy, await self.drafts.warnings(copy, now), why)

    async def _write(self, strategy: Strategy, warnings: tuple[str, ...], why: str) -> StrategyViewRow:
        user_id = strategy.user_id
        try:
            async with self.store.work(user_id) as session:
                strategies = Strategies(session, user_id)
                record, is_new = await strategies.create(strategy, warnings)
                if is_new and await strategies.are_more_than(self.most):
                    raise too_many_strategies(self.most)
                account = await BrokerAccounts(session, user_id).get()
                if not await Accounts(session).hold(user_id):
                    raise Unauthorized  # the account was deleted since this call began
                if is_new:
                    what = str(strategy.strategy_id)
                    await audit(session, user_id, Action.STRATEGY_CREATE, what, why)
        except IdUsed:
            raise key_used() from None
        return StrategyViewRow(record, account, has_days=record.status is not Status.CREATED)
