"""The rules of an entry: the checks before it is sent, how late it may be, and what an absent one means."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from domain.leg import entry_is_absent
from domain.listing import Listing
from domain.order import Attempt, BrokerOrder
from domain.ports import Clock, OrderLog
from domain.run import Entered, EnterOrder
from execution.account_login import AccountLogin
from execution.entry_checks import Cleared, EntryChecks
from execution.execution_rules import ExecutionRules
from execution.order_intent import EntryRefused, OrderIntent
from execution.policy import Permit


class EntryPolicy:
    """Buys what its order wants, once the checks have passed.

    `owner` names the caller, for the runtime lock; `latest` is the last instant at which it may be sent.
    """

    def __init__(
        self,
        order: EnterOrder,
        intent: OrderIntent,
        owner: str,
        latest: datetime,
        login: AccountLogin,
        checks: EntryChecks,
        log: OrderLog,
        clock: Clock,
        rules: ExecutionRules,
    ) -> None:
        self.intent = intent
        self.login = login
        self.fill_seconds = rules.entry_fill
        self._order = order
        self._owner = owner
        self._latest = latest
        self._checks = checks
        self._log = log
        self._clock = clock
        self._horizons = rules.horizons
        self._cleared: Cleared | None = None
        self.was_checked = False
        """The checks have begun: the runtime lock may be taken."""

    async def may_plan_another(self, attempts: Sequence[Attempt], halt: asyncio.Event) -> bool:
        """Check as before any send: what is refused now gets no further attempt."""
        return await self._check(halt) is not None

    async def permit(self, missing: int, halt: asyncio.Event) -> Permit | None:
        """Return the permit for all that is missing, with the checks' quote and account."""
        cleared = await self._check(halt)
        return None if cleared is None else Permit(missing, cleared.account, cleared.price)

    async def not_in_book(
        self, unknown: Sequence[Attempt], attempts: Sequence[Attempt], book: Listing[BrokerOrder]
    ) -> None:
        """Give up what has passed its horizon: an entry is never sent again."""
        for attempt in unknown:
            if entry_is_absent(attempt, book, self.intent.terms, self._clock.now(), self._horizons):
                await self._log.give_up(attempt, "sent, never answered, and in no order book since")

    async def _check(self, halt: asyncio.Event) -> Cleared | None:
        """Check once for the execution; None when halted. Raises `EntryRefused`."""
        if self._cleared is None:
            self.was_checked = True
            found = await self._checks.check(self._order, self._latest, halt, self._owner)
            if isinstance(found, Entered):
                raise EntryRefused(found)
            self._cleared = found
            if found is not None:
                self.login.opened(found.account)
        return self._cleared
