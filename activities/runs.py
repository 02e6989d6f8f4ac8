"""The life-cycle activities: what the run writes down, in Postgres and in Redis."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failure_types import STOOD_DOWN
from activities.heartbeat import alive
from domain.errors import AnotherRun, CacheUnavailable, ForeignStart
from domain.failpoint import failpoint
from domain.operator_alerts import foreign_start_alarm, outcome_alarm, unknown_start_alarm
from domain.ports import Alerts, RunStore, RuntimeCache
from domain.run import ActivateRun, Activation, Alarm, FinishRun, PhaseChange, RunNote
from domain.strategy import Position, Status, Strategy


@contextmanager
def final() -> Iterator[None]:
    """Fail for good where trying again changes nothing: the strategy is gone, or another run owns it."""
    try:
        yield
    except (LookupError, AnotherRun, ForeignStart) as why:
        raise ApplicationError(str(why), type=STOOD_DOWN, non_retryable=True) from why


async def drop_keys(cache: RuntimeCache, strategy: Strategy) -> bool:
    """Delete a strategy's runtime keys; False where Redis is down and keys may be left."""
    try:
        await cache.drop(strategy)
    except CacheUnavailable:
        return False
    return True


class RunActivities:
    """Postgres first, Redis second: Redis is a cache of the run, and its absence stops nothing."""

    def __init__(self, store: RunStore, cache: RuntimeCache, alerts: Alerts) -> None:
        self._store = store
        self._cache = cache
        self._alerts = alerts

    @activity.defn
    async def activate(self, request: ActivateRun) -> Activation:
        """Mark the strategy running, load its Redis keys; the listener hears of it at the commit."""
        async with alive():
            return await self._activate(request)

    async def _activate(self, request: ActivateRun) -> Activation:
        await failpoint("activate.begun")
        with final():
            try:
                activation = await self._store.activate(request)
            except ForeignStart as why:
                await self._alerts.raise_(foreign_start_alarm(request, why))
                raise
        await failpoint("activate.written")
        position = Position.BOUGHT if activation.held else Position.NONE
        try:
            await self._cache.load(request.start.strategy, Status.RUNNING, position)
        except CacheUnavailable as down:
            await self._redis_is_down(request, down)
        await failpoint("activate.loaded")
        if not await self._store.owns(request.ref):
            # We stood still while others went on, and it has stopped: its keys are not brought back.
            await drop_keys(self._cache, request.start.strategy)
        return activation

    @activity.defn
    async def change_phase(self, change: PhaseChange) -> None:
        """Write the phase and its line in the timeline."""
        async with alive():
            with final():
                await self._store.change_phase(change)

    @activity.defn
    async def note(self, note: RunNote) -> None:
        """Write a line in the timeline."""
        async with alive():
            with final():
                await self._store.note(note.ref, note.kind, note.text, note.data, note.once)

    @activity.defn
    async def finish(self, request: FinishRun) -> bool:
        """Delete the Redis keys and mark the strategy stopped; False when Redis is down and keys may be left.

        Redis first: a reader of `stopped` finds no key left over. And once more after it: between the two the
        reconciler may have found the keys of a running strategy missing, and restored them.
        """
        async with alive():
            return await self._finish(request)

    async def _finish(self, request: FinishRun) -> bool:
        await failpoint("finish.begun")
        await drop_keys(self._cache, request.strategy)
        await failpoint("finish.dropped")
        with final():
            known = await self._store.finish(request)
        if not known:
            await self._alerts.raise_(unknown_start_alarm(request))
        await failpoint("finish.written")
        clean = await drop_keys(self._cache, request.strategy)
        alarm = outcome_alarm(request)
        if alarm is not None:
            await self._alerts.raise_(alarm)
        return clean

    @activity.defn
    async def clean_up(self, strategy: Strategy) -> None:
        """Delete the Redis keys; fails, and is repeated, until Redis is back."""
        async with alive():
            await self._cache.drop(strategy)

    @activity.defn
    async def alarm(self, alarm: Alarm) -> None:
        """Tell a person."""
        async with alive():
            await self._alerts.raise_(alarm)

    async def _redis_is_down(self, request: ActivateRun, down: CacheUnavailable) -> None:
        await self._alerts.raise_(
            Alarm(
                "redis_down",
                f"Redis did not answer when strategy {request.ref.strategy_id} was started ({down}); "
                "nothing is bought until it is back.",
                request.ref.user_id,
                request.ref.strategy_id,
            )
        )
