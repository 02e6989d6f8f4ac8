"""Judges the days of accounts by their limits, each second; one worker at a time.

Rules are in `domain.account_day`. What it finds it writes down before it acts: another worker goes on where
it stopped. It tells the runs to sell once; the reconciler tells them again, and workers sell for those that
do not hear (`stops_due`), until all is flat. It reads prices and never asks for one, and it sends no order.
"""

import asyncio
import logging
from collections.abc import Sequence

from domain.account_day import AccountDay, WrittenBreach, judge
from domain.account_day_alerts import breach_alarm, breach_text, gap_alarm
from domain.errors import StoreUnavailable, Unavailable
from domain.limits import LimitName, ToSell
from domain.ports import AccountDays, Alerts, Clock, OpenRuns
from domain.session import exchange_time
from execution.look_loop import look_on

LOOK_EVERY = 1.0
TELL_TOGETHER = 100
"""Runs that are told to sell at the same time."""

log = logging.getLogger("limits")


class AccountDayWatch:
    """Looks at all days while it has the lead. One for a worker process, named `worker`."""

    def __init__(self, days: AccountDays, runs: OpenRuns, alerts: Alerts, clock: Clock, worker: str) -> None:
        self._days = days
        self._runs = runs
        self._alerts = alerts
        self._clock = clock
        self._worker = worker

    async def run(self) -> None:
        """Look until cancelled."""
        await look_on(self.look, self._clock, LOOK_EVERY, log)

    async def look(self) -> None:
        """Judge every day that has a limit, and carry out what is written. Raises `StoreUnavailable`."""
        if not await self._days.lead(self._worker):
            return
        for day in await self._days.days(exchange_time(self._clock.now()).date()):
            try:
                await self._judge(day)
            except StoreUnavailable:
                raise
            except Exception:  # a fault of one account must not keep the others from being judged
                log.exception("judging the day of an account failed")
        for written in await self._days.untold():
            await self._carry_out(written)

    async def _judge(self, day: AccountDay) -> None:
        verdict = judge(day)
        if verdict.breach is not None:
            await self._days.breach(day.user_id, day.day, verdict.breach)
        if verdict.gap_opens and await self._days.open_gap(day.user_id):
            await self._alerts.raise_(gap_alarm(day.user_id, verdict.judged.missing))
        if verdict.gap_ends:
            await self._days.end_gap(day.user_id)

    async def _carry_out(self, written: WrittenBreach) -> None:
        """Sell, tell the user, then note it: what is not noted is told again, never not at all."""
        if written.breach.sells:
            await self._sell(written.runs, written.breach.limit)
        await self._days.tell(written, breach_text(written))
        await self._alerts.raise_(breach_alarm(written))
        await self._days.told(written)

    async def _sell(self, runs: Sequence[ToSell], limit: LimitName) -> None:
        at_once = asyncio.Semaphore(TELL_TOGETHER)

        async def told(one: ToSell) -> None:
            async with at_once:
                try:
                    await self._runs.sell(one.workflow_id, one.run_id, limit)
                except Unavailable as away:
                    log.warning("a run was not told to sell, and is told again: %s", away)

        await asyncio.gather(*map(told, runs))
