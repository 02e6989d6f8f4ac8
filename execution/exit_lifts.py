"""Waits while a refused sale is not tried again, until what keeps it back is gone.

What lifts a refusal before its time, and how it is seen:

| in the way                       | seen by                                               | asked every     |
|----------------------------------|-------------------------------------------------------|-----------------|
| another open order of the user   | the order book shows none any more                    | `LOOK_EVERY`    |
| a login without a right, or none | another login is stored than the one that was refused | `LOGIN_EVERY`   |
| nothing: the shares are gone     | the account shows nothing that could be sold          | `ACCOUNT_EVERY` |

The user's word is the run's, which ends the wait.
"""

import asyncio
from dataclasses import dataclass

from domain.errors import BrokerNotConnected, LoginNeeded, Unavailable
from domain.exit_obstacle import waits_for_an_order
from domain.ports import Broker, Brokers, Clock
from domain.run import HeldSale, Lift
from execution.account_snapshot import AccountSnapshots
from execution.halting import pause
from execution.order_intent import OrderIntent

LOOK_EVERY = 1.0
"""Seconds. Kite allows ten such calls a second."""
LOGIN_EVERY = 5.0
ACCOUNT_EVERY = 20.0


@dataclass(eq=False)
class _Watch:
    """What a wait has seen so far. `login` is the account as it was first opened."""

    login: Broker | None = None
    was_out: bool = False
    account_at: float = 0.0


class ExitLifts:
    """Sends nothing: what it sees only ends a wait, and the sale judges for itself."""

    def __init__(self, accounts: AccountSnapshots, brokers: Brokers, clock: Clock) -> None:
        self._accounts = accounts
        self._brokers = brokers
        self._clock = clock

    async def wait(self, held: HeldSale, halt: asyncio.Event) -> Lift:
        """Return when the next try is due, or at once when what keeps the sale back is gone, or halted."""
        order = held.order
        intent = OrderIntent(order.key, order.terms, order.bought, order.reason, order.due_at)
        begun = self._clock.monotonic()
        watch = _Watch(account_at=begun)
        every = LOOK_EVERY if waits_for_an_order(held.refusal) else LOGIN_EVERY
        while (left := begun + held.seconds - self._clock.monotonic()) > 0 and not halt.is_set():
            lift = await self._look(held, intent, watch)
            if lift is not None:
                return lift
            await pause(self._clock, min(every, left), halt)
        return Lift()

    async def _look(self, held: HeldSale, intent: OrderIntent, watch: _Watch) -> Lift | None:
        try:
            account = await self._brokers.of(intent.key.user_id, intent.terms.account)
            if watch.was_out or watch.login not in (None, account):
                return Lift(held.attempt)
            watch.login = account
            if waits_for_an_order(held.refusal) and await self._accounts.blocking(intent, account) == ():
                return Lift(held.attempt)
            if await self._shows_none(intent, account, watch):
                return Lift()
        except LoginNeeded:
            watch.was_out = True
        except (BrokerNotConnected, Unavailable):
            return None  # nothing is known; it is looked at again
        return None

    async def _shows_none(self, intent: OrderIntent, account: Broker, watch: _Watch) -> bool:
        now = self._clock.monotonic()
        if now - watch.account_at < ACCOUNT_EVERY:
            return False
        watch.account_at = now
        return await self._accounts.show_none(intent, account)
