"""The rules of an entry: the checks before it is sent, how late it may be, and what an absent one means."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain.entry_price import NO_LIMIT, first_limit, may_move, next_price, rests_until
from domain.entry_size import sized, worst_price
from domain.failpoint import failpoint
from domain.instrument import is_option
from domain.leg import entry_is_absent, filled
from domain.listing import Listing
from domain.order import Attempt, BrokerOrder, Limit
from domain.ports import Broker, Clock, OrderLog
from domain.run import Entered, EnterOrder
from domain.strategy import Outcome
from domain.terms import Size
from execution.account_login import AccountLogin
from execution.entry_checks import Cleared, EntryChecks
from execution.execution_rules import ExecutionRules
from execution.order_intent import EntryRefused, OrderIntent
from execution.policy import Permit
from execution.price_chase import last_price, modify

CLOCKS_DIFFER = timedelta(seconds=2)
"""By how much the clock of another worker, which cancels what has rested long enough, may be ahead."""
ALL_BOUGHT = "its money is spent: what was bought before is all of it"


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
        self._fill_seconds = rules.entry_fill
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

    def wanted(self, attempts: Sequence[Attempt]) -> int:
        """Return how many shares are wanted in all.

        What a size comes to is known when it is sent: while all that was bought are full slices, one more.
        """
        most, bought = self.intent.terms.most, filled(attempts)
        if self._order.how.size is None or most is None or not bought or bought % most:
            return self.intent.wanted
        return bought + 1

    def fill_seconds(self, attempts: Sequence[Attempt]) -> float:
        """Return how long an open order may rest: as its entry says, counted from when it was sent."""
        sent_at = attempts[-1].sent_at
        if self._order.how.entry is None or sent_at is None:
            return self._fill_seconds
        until = rests_until(self._order.how.entry, sent_at, self._order.sell_at)
        return (until - self._clock.now()).total_seconds()

    def may_rest(self, attempts: Sequence[Attempt]) -> bool:
        """Tell whether the newest order may rest on: what is cancelled before that, others cancelled."""
        sent_at, entry = attempts[-1].sent_at, self._order.how.entry
        if sent_at is None:
            return False
        until = sent_at + timedelta(seconds=self._fill_seconds)
        if entry is not None:
            until = rests_until(entry, sent_at, self._order.sell_at)
        return self._clock.now() < until - CLOCKS_DIFFER

    async def permit(self, attempts: Sequence[Attempt], missing: int, halt: asyncio.Event) -> Permit | None:
        """Return the permit for all that is missing, with the checks' quote and account."""
        cleared = await self._check(halt)
        if cleared is None:
            return None
        limit = self._limit(cleared.price, attempts)
        price = cleared.price if limit is None else limit.ceiling
        size = self._order.how.size
        quantity = missing if size is None else self._sized(size, limit, cleared, filled(attempts))
        return Permit(self.intent.terms.slice_of(quantity), cleared.account, price, limit=limit)

    async def before_look(
        self, attempts: Sequence[Attempt], account: Broker, halt: asyncio.Event
    ) -> Sequence[Attempt]:
        """Leave open purchases as they are until they are seen."""
        return attempts

    async def resting(
        self, attempt: Attempt, book: Sequence[BrokerOrder], account: Broker, halt: asyncio.Event
    ) -> None:
        """Chase the price: ask for a higher limit where it has run away, each time written down before."""
        entry, row = self._order.how.entry, next((row for row in book if attempt.tag in row.tags), None)
        if entry is None or row is None or not may_move(entry, attempt, row, self._clock.now()):
            return
        last = await last_price(account, self._order.terms.instrument)
        price = None if last is None else next_price(entry, attempt, row, last, self._order.how.tick)
        if price is not None and await self._log.move(attempt, price):
            await failpoint("entry.moving")
            await modify(account, row.broker_order_id, price)
            await failpoint("entry.moved")

    async def not_in_book(
        self, unknown: Sequence[Attempt], attempts: Sequence[Attempt], book: Listing[BrokerOrder]
    ) -> None:
        """Give up what has passed its horizon: an entry is never sent again.

        Where other slices are filled, their stop and their sale must not wait for the one in doubt.
        """
        horizons = self._horizons
        if filled(attempts):
            horizons = replace(horizons, entry=min(horizons.entry, horizons.exit_resend))
        for attempt in unknown:
            if entry_is_absent(attempt, book, self.intent.terms, self._clock.now(), horizons):
                await self._log.give_up(attempt, "sent, never answered, and in no order book since")

    def _limit(self, last: Decimal, attempts: Sequence[Attempt]) -> Limit | None:
        """Return at what it is sent; never above what an earlier attempt of it might have come to."""
        if self._order.how.entry is None:
            return None
        limit = first_limit(self._order.how.entry, last, self._order.how.tick)
        if limit is None:
            raise EntryRefused(Entered(0, outcome=Outcome.SKIPPED, detail=f"nothing was bought: {NO_LIMIT}"))
        ceiling = min((limit.ceiling, *(one.limit.ceiling for one in attempts if one.limit is not None)))
        return Limit(min(limit.price, ceiling), ceiling)

    def _sized(self, size: Size, limit: Limit | None, cleared: Cleared, bought: int) -> int:
        """Return the shares that a size comes to, less those that are bought.

        Raises `EntryRefused` where that is not one lot, or all of it is bought.
        """
        terms, how = self._order.terms, self._order.how
        option = is_option(terms.exchange, terms.symbol)
        worst = worst_price(limit, cleared.price, is_option=option, tick=how.tick)
        found = sized(size, self._order.stop_loss, how, worst)
        if not found.shares:
            raise EntryRefused(
                Entered(0, outcome=Outcome.SKIPPED, detail=f"nothing was bought: {found.words}")
            )
        if found.shares <= bought:
            raise EntryRefused(Entered(0, outcome=Outcome.SKIPPED, detail=ALL_BOUGHT))
        return found.shares - bought

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
