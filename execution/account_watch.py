"""Reads the accounts in which strategies hold shares, and tells of what differs.

One for a worker process; the turns of `domain.ports.AccountReads` keep two from reading one account at once.
What is compared and when is in `domain.account_watch`. The accounts it opens are not those that orders use:
an answer to a reading is no proof that the login of an order is still the connected one.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from domain.account_alerts import difference_alarm, unread_alarm
from domain.account_state import AccountState, Claim, Finding, Reading, Shown
from domain.account_watch import (
    AFTER_FAILURE,
    AGAIN,
    EVERY,
    UNREAD_AFTER,
    baseline,
    findings,
    is_news,
    judge,
    shares_to_look_up,
    unread,
)
from domain.errors import StopwatchError, StoreUnavailable
from domain.ports import AccountReads, Alerts, Broker, Brokers, Clock, Isins, ReadTurn
from execution.isin_notes import IsinNotes
from execution.order_book import noting_a_dead_login
from execution.task_end import ended

LOOK_EVERY = 0.5
"""Seconds between two looks for accounts that are due."""
LOOK_WHEN_BUSY = 0.1
"""The same while as many are read as may be: more are due, probably."""
HOLDERS_EVERY = 5.0
"""Seconds between two looks for new holders: each reads every running strategy."""
AT_ONCE = 24
"""Accounts that one process reads at the same time."""
READ_WITHIN = 18.0
"""Seconds a reading may take, all its questions together; a turn lasts longer."""

log = logging.getLogger("account")


class AccountWatch:
    """Takes turns to read accounts, one reading a turn."""

    def __init__(
        self, reads: AccountReads, brokers: Brokers, alerts: Alerts, isins: Isins, clock: Clock
    ) -> None:
        self._reads = reads
        self._isins = IsinNotes(isins, clock)
        self._brokers = brokers
        self._alerts = alerts
        self._clock = clock
        self._reading: set[asyncio.Task[None]] = set()
        self._holders_at = float("-inf")

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                await self.look()
                await self._clock.sleep(LOOK_EVERY if len(self._reading) < AT_ONCE else LOOK_WHEN_BUSY)
        finally:
            await ended(self._reading)

    async def look(self) -> None:
        """Begin to read the accounts that are due. A slow one holds up none of the others."""
        try:
            now = self._clock.monotonic()
            if now - self._holders_at >= HOLDERS_EVERY:
                await self._reads.note_holders()
                self._holders_at = now
            await self._reads.note_entries()
            free = AT_ONCE - len(self._reading)
            for turn in await self._reads.take(free) if free else ():
                task = asyncio.ensure_future(self._read(turn))
                self._reading.add(task)
                task.add_done_callback(self._reading.discard)
        except StoreUnavailable:
            return  # the dependency watch tells; the next look tries again
        except Exception:  # of any kind: accounts are watched on
            log.exception("the accounts that are due could not be found; looking again")

    async def _read(self, turn: ReadTurn) -> None:
        try:
            await self._carry_out(turn)
        except StoreUnavailable as away:
            log.info("the turn to read an account ends by itself: %s", away)
        except Exception:  # a fault of one account must not end the watch
            log.exception("reading an account failed in an unexpected way")

    async def _carry_out(self, turn: ReadTurn) -> None:
        state = await self._reads.state(turn)
        if not state.is_watched:
            await self._reads.leave(turn)
            return
        try:
            async with asyncio.timeout(READ_WITHIN):
                reading = await self._ask(turn, state)
        except StoreUnavailable:
            raise
        except (StopwatchError, TimeoutError) as away:
            why = str(away) or "the broker did not answer"
            await self._failed(turn, state, why, turn.shown)
        else:
            await self._conclude(turn, state, reading)
            await self._isins.note(reading.isins)

    async def _conclude(self, turn: ReadTurn, state: AccountState, reading: Reading) -> None:
        pending = await self._store_baselines(turn, state, reading)
        verdict = judge(state, reading, turn.shown, turn.at)
        for claim, finding in verdict.settled:
            await self._tell(claim, finding)
        if lacking := unread(state, reading):
            why = f"rows of {', '.join(sorted(lacking))} could not be read"
            await self._failed(turn, state, why, verdict.unsettled)
        else:
            again = AGAIN if verdict.unsettled or pending else EVERY
            await self._reads.was_read(turn, verdict.unsettled, again)

    async def _tell(self, claim: Claim, finding: Finding) -> None:
        """Raise the alert, then write it down: what was not written is told once more, never not at all."""
        alarm = difference_alarm(claim, finding)
        if alarm is not None:
            await self._alerts.raise_(alarm)
        await self._reads.note(claim, finding)

    async def _ask(self, turn: ReadTurn, state: AccountState) -> Reading:
        """Read the position book; holdings and the order book only where they decide anything."""
        broker = await self._brokers.of(turn.user_id, turn.account)
        async with noting_a_dead_login(self._brokers, turn.user_id, broker):
            reading = Reading(await broker.positions())
            shares = shares_to_look_up(state, reading.positions)
            if shares:
                held = await broker.holdings_of(shares)
                reading = replace(reading, holdings=held.sellable, isins=held.isins)
            return await self._with_orders(state, reading, broker)

    @staticmethod
    async def _with_orders(state: AccountState, reading: Reading, broker: Broker) -> Reading:
        found = findings(state, reading)
        news = (found.get(claim.strategy_id) for claim in state.claims)
        if any(is_news(claim, one) for claim, one in zip(state.claims, news, strict=True) if one is not None):
            return replace(reading, orders=await broker.orders())
        return reading

    async def _store_baselines(self, turn: ReadTurn, state: AccountState, reading: Reading) -> bool:
        """Store how many shares are the user's own, for the entries that wait; tell whether any is left."""
        if not state.entries:
            return False
        # A purchase of another strategy in between would make the two readings disagree.
        now = await self._reads.state(turn)
        unchanged = _held(now) == _held(state)
        left = False
        for entry in now.entries:
            found = baseline(entry, now, reading) if unchanged and entry in state.entries else None
            if found is None:
                left = True
            else:
                await self._reads.note_baseline(entry, *found)
        return left

    async def _failed(
        self, turn: ReadTurn, state: AccountState, why: str, unsettled: Mapping[UUID, Shown]
    ) -> None:
        failing = turn.failing if turn.failing is not None else timedelta()
        tell = state.holds and not turn.told and failing >= UNREAD_AFTER
        if tell:
            await self._alerts.raise_(unread_alarm(turn.user_id, turn.account, failing, why))
        await self._reads.failed(turn, why, unsettled, AFTER_FAILURE, told=turn.told or tell)
        if tell:
            await self._reads.note_unread(turn)


def _held(state: AccountState) -> list[tuple[UUID, int]]:
    return [(claim.strategy_id, claim.held) for claim in state.claims]
