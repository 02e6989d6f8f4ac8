"""The gate an entry passes: not on a holiday, not before its instant, not at a crossed stop, not unpriced."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.errors import (
    AccountNotConnected,
    BrokerNotConnected,
    BrokerRefused,
    CacheUnavailable,
    LoginNeeded,
    StoreUnavailable,
    Unavailable,
)
from domain.failpoint import failpoint
from domain.money import price_text
from domain.ports import Brokers, Clock, RuntimeCache, TradingDays
from domain.quote import Quote, believable
from domain.run import Entered, EnterOrder
from domain.session import clock_text, exchange_time
from domain.strategy import Outcome
from domain.trigger import stop_at
from execution.entry_day import EntryDay

QUOTE_AHEAD = timedelta(seconds=0.4)
"""How long before buy_time the last price is asked for: fresh, and answered by the instant."""
QUOTE_TURN = timedelta(seconds=0.003)
QUOTE_EARLIEST = timedelta(seconds=3.4)
"""Of many that are due at one instant each asks a little before the last: a price may be 5 s old."""
CLAIM_AHEAD = timedelta(seconds=0.03)
CLAIM_TURN = timedelta(seconds=0.0006)
CLAIM_EARLIEST = timedelta(seconds=0.5)
"""How long before its instant an order is claimed: one takes 5 ms, a thousand half a second. What is claimed
by a worker that dies before the instant is in doubt, so not longer than it takes."""
RETRY_EVERY = 0.2
LOCK_SECONDS = 10.0
LOCK_WAIT = 0.5
"""A frozen Redis holds an exit up no longer than this."""


class EntryChecks:
    """Says whether an entry may be sent now, in the user's words where it may not."""

    def __init__(self, brokers: Brokers, cache: RuntimeCache, clock: Clock, days: TradingDays) -> None:
        self._brokers = brokers
        self._cache = cache
        self._clock = clock
        self._day = EntryDay(days, clock)
        self._due: Counter[datetime] = Counter()

    async def wait(
        self, order: EnterOrder, latest: datetime, halt: asyncio.Event, owner: str
    ) -> Entered | Decimal | None:
        """Return the last price when the entry may be claimed for `due_at`, else why it is not sent.

        None when it was halted.
        """
        await failpoint("entry.holding")
        with self.waiting(order.due_at) as turn:
            return await self._wait(order, latest, halt, owner, turn)

    async def _wait(
        self, order: EnterOrder, latest: datetime, halt: asyncio.Event, owner: str, turn: int
    ) -> Entered | Decimal | None:
        if (closed := await self._day.closed(order)) is not None:
            return closed  # before a login is waited for: on a holiday there may be none
        if not await wait_until(self._clock, order.due_at - ask_ahead(turn), halt):
            return None
        refusal, quote = await self._price(order, latest, halt)
        if quote is None:
            return refusal
        if stop_at(order.stop_loss).is_hit(quote.last_price):
            return _skipped(
                f"{order.terms.symbol} was at {price_text(quote.last_price)} at buy time, "
                f"at or below the stop {price_text(order.stop_loss)}"
            )
        if (refused := await self._day.refusal(order, latest, halt)) is not None:
            return None if halt.is_set() else refused
        if not await self._lock_until(order.key.strategy_id, latest, owner):
            return Entered(0, outcome=Outcome.MISSED, detail="Redis did not answer until it was too late")
        await self.until_claim(order.due_at, halt)
        return quote.last_price

    async def until_claim(self, due_at: datetime, halt: asyncio.Event) -> bool:
        """Wait until an order due then is to be claimed; False when halted first."""
        ahead = min(CLAIM_AHEAD + CLAIM_TURN * self._due[due_at], CLAIM_EARLIEST)
        return await wait_until(self._clock, due_at - ahead, halt)

    @contextmanager
    def waiting(self, due_at: datetime) -> Iterator[int]:
        """Count an order among those due at one instant, and give its turn: how many came before it."""
        turn = self._due[due_at]
        self._due[due_at] += 1
        try:
            yield turn
        finally:
            self._due[due_at] -= 1
            if not self._due[due_at]:
                del self._due[due_at]

    async def take_lock(self, strategy_id: UUID, owner: str) -> None:
        """Take the runtime lock for an exit, which goes on without it where Redis is down."""
        await self._lock_until(strategy_id, None, owner)

    async def leave(self, strategy_id: UUID, owner: str) -> None:
        """Release the runtime lock if it is ours."""
        try:
            await self._cache.unlock(strategy_id, owner)
        except CacheUnavailable:
            return  # it expires by itself

    async def _price(
        self, order: EnterOrder, latest: datetime, halt: asyncio.Event
    ) -> tuple[Entered | None, Quote | None]:
        """Ask until `latest` for a price that may act: a dead login or a silent broker may mend in time."""
        if self._clock.now() > latest:
            return _missed(order.due_at, self._clock.now(), latest), None
        refusal: Entered | None = _skipped(f"no price for {order.terms.symbol} at buy time")
        while not halt.is_set() and self._clock.now() <= latest:
            try:
                quote = await self._ask(order)
                if quote is not None:
                    return None, quote
            except AccountNotConnected as other:
                refusal = Entered(0, outcome=Outcome.MISSED, detail=f"nothing was bought: {other}")
            except (LoginNeeded, BrokerNotConnected):
                refusal = Entered(0, outcome=Outcome.MISSED, detail=_no_login(latest))
            except StoreUnavailable:
                raise  # nothing can be claimed either: the dealer waits for it
            except (Unavailable, BrokerRefused) as error:
                refusal = _skipped(f"no price for {order.terms.symbol} at buy time: {error}")
            await self._clock.sleep(RETRY_EVERY)
        return (None if halt.is_set() else refusal), None

    async def _ask(self, order: EnterOrder) -> Quote | None:
        broker = await self._brokers.of(order.key.user_id, order.terms.account)
        try:
            quote = (await broker.quotes([order.terms.instrument])).get(order.terms.instrument)
        except LoginNeeded:
            await self._brokers.login_died(order.key.user_id, broker)
            raise
        if quote and believable(quote.last_price, quote.lower_circuit, quote.upper_circuit):
            return quote
        return None

    async def _lock_until(self, strategy_id: UUID, latest: datetime | None, owner: str) -> bool:
        """Take the runtime lock; False when Redis was down until `latest`.

        The lock only spares needless work: whoever finds it taken goes on after a moment; the claim decides.
        """
        while True:
            try:
                async with asyncio.timeout(LOCK_WAIT):
                    mine = await self._cache.lock(strategy_id, owner, LOCK_SECONDS)
                if not mine:
                    await self._clock.sleep(RETRY_EVERY)
                return True
            except (CacheUnavailable, TimeoutError):
                if latest is None or self._clock.now() >= latest:
                    return False
                await self._clock.sleep(RETRY_EVERY)


def ask_ahead(turn: int) -> timedelta:
    """Return how long before its instant an order's last question is asked, with `turn` others before it."""
    return min(QUOTE_AHEAD + QUOTE_TURN * turn, QUOTE_EARLIEST)


async def wait_until(clock: Clock, instant: datetime, halt: asyncio.Event) -> bool:
    """Wait for `instant`; False when halted first."""
    if halt.is_set():
        return False
    sleep = asyncio.ensure_future(clock.sleep_until(instant))
    stopped = asyncio.ensure_future(halt.wait())
    await asyncio.wait({sleep, stopped}, return_when=asyncio.FIRST_COMPLETED)
    arrived = sleep.done()
    for task in (sleep, stopped):
        task.cancel()
    return arrived


def _skipped(detail: str) -> Entered:
    return Entered(0, outcome=Outcome.SKIPPED, detail=detail)


def _missed(due_at: datetime, now: datetime, latest: datetime) -> Entered:
    """Say that nobody got to it in time: whoever had it was gone, and the next came too late."""
    late, allowed = (now - due_at).total_seconds(), (latest - due_at).total_seconds()
    detail = f"missed execution: {late:.1f} s after {clock_text(exchange_time(due_at).timetz())}"
    return Entered(0, outcome=Outcome.MISSED, detail=f"{detail}; an entry is sent at most {allowed:g} s late")


def _no_login(latest: datetime) -> str:
    until = clock_text(exchange_time(latest).timetz())
    return f"the broker login had expired, and there was no new one by {until}: log in before buy time"
