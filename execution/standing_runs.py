"""Tells of runs that have not taken a step in time, and sells what they hold without them.

Rules are in `domain.overdue`. Each worker does it for all runs, of whatever version, and needs nothing for
it but Postgres and the broker.
"""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from structlog.contextvars import bind_contextvars

from domain.errors import StopwatchError, StoreUnavailable
from domain.overdue import OverdueRun, StandingRun, overdue_alarm
from domain.ports import Alerts, Clock, OverdueRuns
from execution.entries import Entries
from execution.exits import Exits
from execution.order_intent import NotPlaced
from execution.task_end import ended

LOOK_EVERY = 1.0
"""Seconds between two looks: what a kill switch sells is to be sold within five."""
PAUSES = (15.0, 60.0, 300.0, 900.0)
"""Seconds until a sale that did not succeed is tried again; the last repeats until the market closes."""

log = logging.getLogger("standing")


@dataclass(slots=True)
class _Sale:
    """One run's sale in this worker: under way, or tried again at `again_at` (monotonic)."""

    task: "asyncio.Task[None] | None" = None
    tries: int = 0
    again_at: float = 0.0


class StandingRuns:
    """Looks after stalled runs. One for a worker process, named `worker`."""

    def __init__(
        self,
        runs: OverdueRuns,
        entries: Entries,
        exits: Exits,
        alerts: Alerts,
        clock: Clock,
        worker: str,
    ) -> None:
        self._runs = runs
        self._entries = entries
        self._exits = exits
        self._alerts = alerts
        self._clock = clock
        self._worker = worker
        self._told: set[str] = set()
        self._sales: dict[UUID, _Sale] = {}

    async def run(self) -> None:
        """Look until cancelled; what is being sent then writes its answer."""
        try:
            while True:
                await self._attempt(self.look())
                await self._clock.sleep(LOOK_EVERY)
        finally:
            await self._let_go()

    async def look(self) -> None:
        """Sell what it is this worker's turn to sell; tell of what is overdue. Raises `StoreUnavailable`."""
        for found in await self._runs.standing(self._worker):
            self._take(found)
        await self._leave_what_has_stopped()
        for run in await self._runs.overdue():
            await self._tell(run)

    async def _attempt(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StoreUnavailable:
            return  # the dependency watch tells; here the next second tries again
        except Exception:
            log.exception("looking for overdue runs failed; retrying")

    async def _tell(self, run: OverdueRun) -> None:
        """Alarm once for each step, whichever worker is first."""
        if run.once in self._told:
            return
        alarm = overdue_alarm(run)
        try:
            first = await self._runs.tell(run, alarm.text)
        except LookupError:
            return  # it was deleted since
        self._told.add(run.once)
        if first:
            await self._alerts.raise_(alarm)

    def _take(self, found: StandingRun) -> None:
        sale = self._sales.setdefault(found.strategy_id, _Sale())
        if sale.task is None and self._clock.monotonic() >= sale.again_at:
            sale.task = asyncio.ensure_future(self._carry(found, sale))

    async def _carry(self, found: StandingRun, sale: _Sale) -> None:
        # A task of its own: what is bound here ends with it.
        bind_contextvars(strategy_id=str(found.strategy_id))
        try:
            await self._do(found)
        except (StopwatchError, NotPlaced, LookupError) as left:
            log.warning("a stalled run was not sold: %s", left)
        except Exception:
            log.exception("a stalled run was not sold, for an unexpected reason")
        finally:
            looks_again = found.at_once or (found.entry is not None and not sale.tries)
            pause = 0.0 if looks_again else PAUSES[min(sale.tries, len(PAUSES) - 1)]
            sale.again_at = self._clock.monotonic() + pause
            sale.tries += not found.at_once
            sale.task = None

    async def _do(self, found: StandingRun) -> None:
        """Bring the entry to its end (what it holds is in a later look); else sell what is held."""
        if found.entry is not None:
            await self._entries.settle(found.entry)
        elif found.sale is not None:
            log.warning("selling %s %s without its run", found.sale.bought, found.sale.terms.symbol)
            if found.at_once:
                await self._exits.sell_at_once(found.sale)
            else:
                await self._exits.exit(found.sale, asyncio.Event(), self._worker, careful=True)

    async def _leave_what_has_stopped(self) -> None:
        """Give up what has ended, or was sold by its run: a task may wait for a login."""
        if not self._sales:
            return
        running = await self._runs.running(list(self._sales))
        for strategy_id in self._sales.keys() - running:
            sale = self._sales.pop(strategy_id)
            if sale.task is not None:
                sale.task.cancel()

    async def _let_go(self) -> None:
        with suppress(asyncio.CancelledError):
            await ended(sale.task for sale in self._sales.values() if sale.task is not None)
