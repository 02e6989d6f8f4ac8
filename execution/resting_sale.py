"""Has the stops that rest for shares sell them: each becomes a market order, by `domain.protected_step`.

What is left when none of them can trade any more is sold as by any other sale.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from domain.leg import filled
from domain.order import Attempt, BrokerOrder, OrderStatus
from domain.ports import Broker, Clock, OrderLog
from domain.protected_exit import Aim, Cancel, ProtectedExit, ToMarket
from domain.protected_step import next_action
from domain.resting_stop import Seen, may_trade, resting_of, seen_in, slices_of
from execution.account_snapshot import AccountSnapshots
from execution.execution_rules import ExecutionRules
from execution.order_intent import OrderIntent
from execution.stop_changes import StopChanges

MOST_CHANGES = 25
"""Of one look: as many orders as a leg can have at once, and no circle."""


class RestingSale:
    """Turns resting stops into a sale. One for one execution: it reads the account once."""

    def __init__(
        self,
        changes: StopChanges,
        accounts: AccountSnapshots,
        log: OrderLog,
        clock: Clock,
        rules: ExecutionRules,
    ) -> None:
        self._changes = changes
        self._accounts = accounts
        self._log = log
        self._clock = clock
        self._rules = rules
        self._account: int | None = None

    async def ready(
        self, intent: OrderIntent, attempts: Sequence[Attempt], broker: Broker, halt: asyncio.Event
    ) -> int | None:
        """Read how many shares may be sold in all, with what is sold already; None where halted first.

        Raises as `sell`.
        """
        left = await self._accounts.sellable(intent, intent.wanted - filled(attempts), broker, halt)
        if left is not None:
            self._account = filled(attempts) + left
        return self._account

    async def sell(
        self,
        intent: OrderIntent,
        attempts: Sequence[Attempt],
        book: Sequence[BrokerOrder],
        broker: Broker,
        halt: asyncio.Event,
    ) -> Sequence[Attempt]:
        """Ask each stop of the leg that may still trade to sell, or to be cancelled; return the leg then.

        Halted, it asks for nothing more. Raises `LoginNeeded`, `StoreUnavailable`.
        """
        now = self._clock.now()
        seen = {
            attempt.order_id: seen_in(row, now)
            for attempt in attempts
            for row in book
            if attempt.tag in row.tags
        }
        for _ in range(MOST_CHANGES):
            if not any(one.resting and one.status is OrderStatus.OPEN for one in attempts):
                break
            left = self._account
            if left is None:
                left = await self.ready(intent, attempts, broker, halt)
            if left is None or halt.is_set():
                break
            action = next_action(self._exit(intent, attempts, seen, left), self._clock.now())
            if not isinstance(action, ToMarket | Cancel):
                break
            if not await self._changes.make(action, broker, intent.reason, intent.due_at):
                break
            attempts = await self._log.leg(intent.key)
        return attempts

    def _exit(
        self, intent: OrderIntent, attempts: Sequence[Attempt], seen: Mapping[UUID, Seen], left: int
    ) -> ProtectedExit:
        others = [one for one in attempts if one.resting is None]
        under_way = may_trade([tuple(resting_of(one, None) for one in others)])
        return ProtectedExit(
            bought=intent.wanted - filled(others),
            aim=Aim.SELL,
            since=intent.due_at,
            slices=slices_of((one for one in attempts if one.resting is not None), seen),
            account=max(0, left - filled(attempts) - under_way),
            most=intent.terms.most,
            acting=intent.acting,
            fill_within=timedelta(seconds=self._rules.exit_fill),
            horizons=self._rules.horizons,
        )
