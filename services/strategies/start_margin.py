"""Asks for an entry's margin at START, beside the start itself, so that a shortage is said in its answer.

Only a shortage is said. The question is no part of the START, and is left out where it could be in the way:
each takes turns of the account that its orders' readings take as well.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from domain.instrument import Instrument
from domain.ports import Clock
from domain.session import DayPlan
from domain.start_warnings import margin_warnings
from domain.strategy import Strategy
from domain.strategy_check import CheckRequest, CheckResult
from execution.task_end import ended
from services.ports import AccountChecks

APART = 10.0
"""Seconds between two questions of one user's STARTs to one process."""
NOT_BEFORE_BUY = timedelta(seconds=60)
"""An entry that is due so soon leaves the account's turns to its own readings."""
WAITED = 1.0
"""Seconds that an answer waits for it, after the run has confirmed its START."""
USERS = 10_000


@dataclass(slots=True)
class LastAsked:
    """When each user's margin was asked for last, monotonic; those longest ago are forgotten."""

    at: OrderedDict[UUID, float] = field(default_factory=OrderedDict)

    def may_ask(self, user_id: UUID, now: float) -> bool:
        """Tell whether it may be asked again, and take note that it is."""
        if now - self.at.get(user_id, float("-inf")) < APART:
            return False
        self.at[user_id] = now
        self.at.move_to_end(user_id)
        if len(self.at) > USERS:
            self.at.popitem(last=False)
        return True


@dataclass(slots=True)
class Asking:
    """A question on its way; None where none was asked."""

    answer: "asyncio.Future[CheckResult] | None"

    async def warnings(self) -> list[str]:
        """Return what a START is told of its margin, as far as that is known in time."""
        if self.answer is None:
            return []
        await asyncio.wait({self.answer}, timeout=WAITED)
        if not self.answer.done() or self.answer.exception() is not None:
            return []  # whatever went wrong there, the START has gone well
        return margin_warnings(self.answer.result().margin)


@dataclass(frozen=True, slots=True)
class StartMargin:
    """Asks for the margins of entries that are started."""

    accounts: AccountChecks
    asked: LastAsked
    clock: Clock

    @asynccontextmanager
    async def asking(self, strategy: Strategy, listed: Instrument, plan: DayPlan) -> AsyncIterator[Asking]:
        """Ask while the context lasts."""
        answer = None
        far = plan.buy_at - self.clock.now() >= NOT_BEFORE_BUY
        if far and self.asked.may_ask(strategy.user_id, self.clock.monotonic()):
            request = CheckRequest(strategy, tick=listed.tick_size, lot=listed.lot_size)
            answer = asyncio.ensure_future(self.accounts.read(request))
        try:
            yield Asking(answer)
        finally:
            if answer is not None:
                await ended([answer])
                if not answer.cancelled():
                    answer.exception()  # taken note of: no caller waits for it any more
