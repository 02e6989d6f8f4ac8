"""The rules of an exit: how much may be sold, and when an absent sale may be sent again."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from domain.deadline import Deadline
from domain.exit_obstacle import Obstacle, obstacle, pausing, waits_for_an_order
from domain.leg import exit_may_be_resent
from domain.listing import Listing
from domain.order import Attempt, BrokerOrder, OrderStatus
from domain.ports import Broker, Brokers, Clock, OrderLog
from domain.refusal import SELDOM
from domain.sellable import has_shown_less
from execution.account_login import LoginAtHand
from execution.account_snapshot import SNAPSHOT_LASTS, AccountSnapshots
from execution.due_orders import DueOrders, ask_ahead
from execution.execution_rules import ExecutionRules
from execution.halting import wait_until
from execution.order_book import read_positions
from execution.order_intent import ClosedOutside, OrderIntent
from execution.policy import Login, Permit
from execution.resting_sale import RestingSale

SOON = timedelta(seconds=2)
"""A pause as short as this is waited for in place; a longer one is the run's, which can be woken."""
LOOK_AGAIN = timedelta(seconds=5)
WARM_AHEAD = timedelta(seconds=2)
"""How long before its instant a sale's connection is made; an entry's is, by its question for the price."""


class ExitPolicy:
    """Sells no more than the account still shows, for as long as shares are left."""

    def __init__(
        self,
        intent: OrderIntent,
        login: Login,
        accounts: AccountSnapshots,
        log: OrderLog,
        clock: Clock,
        rules: ExecutionRules,
        resting: RestingSale | None = None,
    ) -> None:
        self.intent = intent
        self._resting = resting
        self.login = login
        self._fill_seconds = rules.exit_fill
        self._accounts = accounts
        self._log = log
        self._clock = clock
        self._horizons = rules.horizons

    async def may_plan_another(self, attempts: Sequence[Attempt], halt: asyncio.Event) -> bool:
        """Tell whether another try is due: an exit goes on while shares are left, but not in a hurry.

        Raises `ClosedOutside` where nothing is left to wait for.
        """
        held = await self.obstacle(attempts)
        if held is None:
            return True
        if held.wait <= SOON and not held.blocking:
            return await wait_until(self._clock, self._clock.now() + held.wait, halt)
        if await self._accounts.are_gone(self.intent, await self.login.account(), halt):
            raise ClosedOutside
        return False

    async def obstacle(self, attempts: Sequence[Attempt]) -> Obstacle | None:
        """Return what keeps the next attempt from being sent, None where nothing does.

        An open SELL order of the account is looked for in the order book; one that cannot be read proves that
        there is none as little as that there is one. Raises `LoginNeeded`.
        """
        found = obstacle(attempts, self._clock.now(), self.intent.lifted)
        if found is None or not waits_for_an_order(found.refusal):
            return found
        orders = await self._accounts.blocking(self.intent, await self.login.account())
        if orders is None:
            return replace(found, wait=max(found.wait, LOOK_AGAIN))
        return replace(found, blocking=orders, wait=max(found.wait, SELDOM)) if orders else pausing(found)

    def wanted(self, attempts: Sequence[Attempt]) -> int:
        """Return how many shares are to be sold in all."""
        return self.intent.wanted

    def fill_seconds(self, attempts: Sequence[Attempt]) -> float:
        """Return how long a sale may rest before it is cancelled and tried anew."""
        return self._fill_seconds

    async def before_look(
        self, attempts: Sequence[Attempt], account: Broker, halt: asyncio.Event
    ) -> Sequence[Attempt]:
        """Have what rests at the exchange sell at once; where the price acts, the book is looked at first.

        So it is where something was asked of it before: it may be over, and the account show its sale. That
        waits until nothing is under way, which only the book can tell.
        """
        if self._resting is None or self.intent.acting is not None or any(map(_was_asked, attempts)):
            return attempts
        return await self._resting.sell(self.intent, attempts, (), account, halt)

    async def resting(
        self, attempt: Attempt, book: Sequence[BrokerOrder], account: Broker, halt: asyncio.Event
    ) -> None:
        """Have what rests at the exchange sell; an order at the market is left as it is."""
        if self._resting is not None:
            attempts = await self._log.leg(self.intent.key)
            await self._resting.sell(self.intent, attempts, book, account, halt)

    async def permit(self, attempts: Sequence[Attempt], missing: int, halt: asyncio.Event) -> Permit | None:
        """Return the permit for what the account still shows. Raises `ClosedOutside`."""
        account = await self.login.account()
        # After a time without a login, and where it showed less, it is read however long that takes.
        unsure = self.login.was_away or has_shown_less(attempt.message for attempt in attempts)
        intent = replace(self.intent, patience=None) if unsure else self.intent
        quantity = await self._accounts.sellable(intent, missing, account, halt)
        if quantity == 0:
            raise ClosedOutside
        if quantity is None:
            return None
        quantity = intent.terms.slice_of(quantity)
        return Permit(quantity, account, good_for=Deadline.of(self._clock, SNAPSHOT_LASTS))

    async def not_in_book(
        self, unknown: Sequence[Attempt], attempts: Sequence[Attempt], book: Listing[BrokerOrder]
    ) -> None:
        """Plan another attempt where both of the broker's books prove that the sale is absent."""
        positions = await read_positions(await self.login.account())
        if positions is None:
            return
        now, terms = self._clock.now(), self.intent.terms
        if exit_may_be_resent(attempts, book, positions, terms, now, self._horizons):
            why = "not in the order book, and the position book shows no sale of it"
            await self._log.supersede(unknown[-1], terms, absent=True, message=why, due_at=now)


class ScheduledExitPolicy(ExitPolicy):
    """Sells at the instant: opens and reads the account beside the claim, to save time.

    A sale that is late, has no login or is not covered is left to its run, which looks closely.
    """

    def __init__(
        self,
        intent: OrderIntent,
        brokers: Brokers,
        due: DueOrders,
        accounts: AccountSnapshots,
        log: OrderLog,
        clock: Clock,
        rules: ExecutionRules,
        resting: RestingSale | None = None,
    ) -> None:
        self._at_hand = LoginAtHand()
        super().__init__(intent, self._at_hand, accounts, log, clock, rules, resting)
        self._brokers = brokers
        self._due = due

    async def permit(self, attempts: Sequence[Attempt], missing: int, halt: asyncio.Event) -> Permit | None:
        """Return the permit at the time of the claim, with the account that is being opened beside it."""
        due_at = self.intent.due_at
        with self._due.waiting(due_at) as turn:
            await self._clock.sleep_until(due_at - WARM_AHEAD)
            opening = asyncio.ensure_future(self._covered(turn, missing))
            opening.add_done_callback(_seen)
            self._at_hand.opening = opening
            await self._due.until_claim(due_at, halt)
        return Permit(self.intent.terms.slice_of(missing), opening)

    async def _covered(self, turn: int, missing: int) -> Broker:
        """Return the account once it was found, just before the instant, to hold what is still to be sold.

        Raises `NotCovered` where it does not.
        """
        account = await self._brokers.of(self.intent.key.user_id, self.intent.terms.account)
        if self._clock.now() < self.intent.due_at:
            await account.warm()
            await self._clock.sleep_until(self.intent.due_at - ask_ahead(turn))
        await self._accounts.ensure_covered(replace(self.intent, wanted=missing), account)
        return account


def _was_asked(attempt: Attempt) -> bool:
    """Tell whether an open stop was asked to sell, or to be cancelled."""
    facts = attempt.resting
    if facts is None or attempt.status is not OrderStatus.OPEN:
        return False
    return facts.market_tries > 0 or facts.cancel_asked_at is not None


def _seen(task: "asyncio.Task[Broker]") -> None:
    """Take note of a failure that no caller waits for."""
    if not task.cancelled():
        task.exception()
