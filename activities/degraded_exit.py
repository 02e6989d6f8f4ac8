"""The exit activities of a day without Postgres."""

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failure_types import IN_DOUBT, NOT_PLACED, held_up
from activities.heartbeat import alive, beating
from domain.run import Exited, OffBooksExit, OffBooksRecord
from execution.degraded_exit import DegradedExit
from execution.order_intent import HeldUp, InDoubt, NotPlaced


class DegradedExitActivities:
    """Sells without the store, and writes down afterwards what was sent."""

    def __init__(self, degraded_exit: DegradedExit) -> None:
        self._degraded_exit = degraded_exit

    @activity.defn
    async def exit_without_store(self, request: OffBooksExit) -> Exited:
        """Sell what both of the broker's books prove is still held, at most once under this number."""
        return await beating(lambda halt: self._exit(request, halt))

    @activity.defn
    async def record_off_books(self, record: OffBooksRecord) -> None:
        """Write rows for what was sent without the store: each counts as sent, and is looked up then."""
        async with alive():
            try:
                await self._degraded_exit.record(record)
            except NotPlaced as behind:
                raise ApplicationError(str(behind), type=NOT_PLACED) from behind

    async def _exit(self, request: OffBooksExit, halt: asyncio.Event) -> Exited:
        try:
            return await self._degraded_exit.exit(request, halt, lambda: activity.heartbeat("sending"))
        except NotPlaced as refused:
            raise ApplicationError(str(refused), type=NOT_PLACED) from refused
        except HeldUp as held:
            raise held_up(held) from held
        except InDoubt as doubt:
            raise ApplicationError(str(doubt), type=IN_DOUBT) from doubt
