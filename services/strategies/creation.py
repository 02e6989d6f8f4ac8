"""Create a strategy; it does nothing before it is started."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from adapters.postgres.accounts import Accounts, BrokerAccounts
from adapters.postgres.engine import Store
from adapters.postgres.strategies import IdUsed, Strategies
from adapters.postgres.strategy_view_row import StrategyViewRow
from domain.audit import Action
from domain.errors import CalendarUnknown, InvalidStrategy
from domain.instrument import Segment
from domain.money import decimal_text
from domain.ports import Clock
from domain.session import clock_text, plan_day
from domain.strategy import Strategy
from domain.terms_texts import terms_words
from services.audit_trail import audit
from services.bounds import USUAL, too_many_strategies
from services.errors import FieldError, Unauthorized
from services.strategies.creation_key import key_reused, key_used, strategy_id_for
from services.strategies.draft import DraftChecks, StrategyDraft, strategy_of


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
        await self.drafts.check(draft, malformed, now)
        strategy = strategy_of(strategy_id_for(user_id, key), user_id, draft)
        warnings = self._warnings(strategy, await self.drafts.segment_of(strategy), now)
        written = await self._write(strategy, warnings)
        if written.record.strategy != strategy:
            raise key_reused()
        return written

    async def _write(self, strategy: Strategy, warnings: tuple[str, ...]) -> StrategyViewRow:
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
                    await audit(session, user_id, Action.STRATEGY_CREATE, what, _terms(strategy))
        except IdUsed:
            raise key_used() from None
        return StrategyViewRow(record, account)

    def _warnings(self, strategy: Strategy, segment: Segment, now: datetime) -> tuple[str, ...]:
        """Return what the plan of the next trading day would warn of."""
        try:
            return plan_day(strategy, self.drafts.calendar, segment, now).warnings
        except (CalendarUnknown, InvalidStrategy):
            return ()  # START will say it


def _terms(strategy: Strategy) -> str:
    times = f"{clock_text(strategy.buy_time)} to {clock_text(strategy.sell_time)}"
    what = f"{strategy.exchange}:{strategy.symbol} ×{strategy.quantity} {strategy.product.value}"
    return f"{what}, {times}, {terms_words(strategy, decimal_text)}, on_stop {strategy.on_stop.value}"
