"""Keeps stops at the exchange: places them at the fill, moves them, and has them sell at the second.

One for a worker process. Each holding has one living worker that keeps it; the worker that sees a fill places
the first stop at once, also where another one keeps it after that.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from structlog.contextvars import bind_contextvars

from domain.errors import StopwatchError, StoreUnavailable
from domain.kept_stop import KeptStop
from domain.order import LegKey, Reason
from domain.protected_exit import Bar
from domain.run import ExitOrder
from execution.exits import Exits
from execution.kept_holding import AWAY, KeeperPorts, KeptHolding
from execution.order_intent import ClosedOutside
from execution.task_end import ended

LOOK_EVERY = 0.5
"""Seconds between two questions to the store for what there is to keep."""
AGAIN = 1.0
"""Seconds after which the broker is asked again."""
READY_AHEAD = timedelta(seconds=2)
"""How long before its second a sale is prepared: its connection, and what the account shows."""
UNHEARD_EVERY = 1.0
"""Seconds between two looks at an account whose orders no feed tells of: two of the ten questions a second
that Kite takes besides orders."""
UNHEARD_A_SECOND = 60
"""Such looks of one process at the most."""
KICKED_FOR = 3.0
"""Seconds for which a worker keeps what it saw filled, until the one whose turn it is has taken it."""

log = logging.getLogger("stops")


class _Kept:
    """A holding in this worker, with its tasks."""

    def __init__(self, holding: KeptHolding, kicked_at: float | None) -> None:
        self.holding = holding
        self.kicked_at = kicked_at
        self.task: asyncio.Task[None] | None = None
        self.sale: asyncio.Task[None] | None = None


class StopKeeper:
    """Finds the holdings that this worker, named `worker`, keeps, and keeps them."""

    def __init__(self, ports: KeeperPorts, exits: Exits, worker: str) -> None:
        self._ports = ports
        self._exits = exits
        self._worker = worker
        self._kept: dict[UUID, _Kept] = {}
        self._kicks: set[asyncio.Task[None]] = set()
        ports.books.on_fill = self.filled

    def __len__(self) -> int:
        return len(self._kept)

    def filled(self, key: LegKey) -> None:
        """Take note of a fill that this process has just written down: its stop is placed at once."""
        kick = asyncio.ensure_future(self._kick(key.strategy_id))
        self._kicks.add(kick)
        kick.add_done_callback(self._kicks.discard)

    def _every(self) -> float:
        return max(UNHEARD_EVERY, len(self._kept) / UNHEARD_A_SECOND)

    async def run(self) -> None:
        """Keep stops until cancelled."""
        try:
            while True:
                await self._look()
                await self._ports.clock.sleep(LOOK_EVERY)
        finally:
            tasks = [task for one in self._kept.values() for task in (one.task, one.sale) if task is not None]
            await ended([*tasks, *self._kicks])

    async def _look(self) -> None:
        try:
            found = {one.key.strategy_id: one for one in await self._ports.stops.kept_by(self._worker)}
        except StoreUnavailable:
            return  # what rests lies at the exchange all the same; the next look tries again
        except Exception:
            log.exception("the stops to keep could not be read; looking again")
            return
        for held in found.values():
            self._take(held)
        for strategy_id in self._kept.keys() - found.keys():
            self._leave(strategy_id)

    async def _kick(self, strategy_id: UUID) -> None:
        with suppress(StoreUnavailable):
            held = await self._ports.stops.kept(strategy_id)
            if held is not None:
                self._take(held, kicked_at=self._ports.clock.monotonic())

    def _take(self, held: KeptStop, kicked_at: float | None = None) -> None:
        known = self._kept.get(held.key.strategy_id)
        if known is not None and known.holding.held.key == held.key:
            self._take_news(known, held)
            return
        if known is not None:
            self._end(known)
        kept = self._kept[held.key.strategy_id] = _Kept(
            KeptHolding(held, self._ports, self._every), kicked_at
        )
        kept.task = asyncio.ensure_future(self._keep(kept.holding))
        kept.sale = asyncio.ensure_future(self._sell(kept.holding))

    def _take_news(self, known: _Kept, held: KeptStop) -> None:
        before = known.holding.held.sell_at
        known.holding.take(held)
        if held.sell_at != before and known.sale is not None and self._ports.clock.now() < before:
            known.sale.cancel()
            known.sale = asyncio.ensure_future(self._sell(known.holding))

    def _leave(self, strategy_id: UUID) -> None:
        kept = self._kept[strategy_id]
        if kept.kicked_at is not None and self._ports.clock.monotonic() - kept.kicked_at < KICKED_FOR:
            return
        del self._kept[strategy_id]
        self._end(kept)

    def _end(self, kept: _Kept) -> None:
        """End what is done for a holding; a sale that has begun is followed on."""
        if kept.task is not None:
            kept.task.cancel()
        if kept.sale is not None and self._ports.clock.now() < kept.holding.held.sell_at:
            kept.sale.cancel()

    async def _keep(self, holding: KeptHolding) -> None:
        key = holding.held.key
        bind_contextvars(user_id=str(key.user_id), strategy_id=str(key.strategy_id))
        while True:
            try:
                await holding.keep()
            except StoreUnavailable:
                await self._ports.clock.sleep(LOOK_EVERY)
            except AWAY as away:
                log.info("the broker cannot be asked about a stop: %s", away)
                with suppress(StopwatchError):
                    await holding.alone(Bar.BROKER)
                await self._ports.clock.sleep(AGAIN)
            except Exception:
                log.exception("a stop at the exchange could not be kept; the server's own stands")
                await self._ports.clock.sleep(AGAIN)

    async def _sell(self, holding: KeptHolding) -> None:
        """Have what rests sell at the second, ahead of its run; the run does what is not done here."""
        ports, held = self._ports, holding.held
        try:
            await ports.clock.sleep_until(held.sell_at - READY_AHEAD)
            with suppress(*AWAY):
                await (await ports.brokers.of(held.key.user_id, held.terms.account)).warm()
            held = holding.held
            order = ExitOrder(held.key, held.terms, held.bought, Reason.SELL, held.sell_at)
            await self._exits.sell_resting(order)
        except (StopwatchError, ClosedOutside) as left:
            log.info("the sale of what rests is left to its run: %s", left)
        except Exception:
            log.exception("the sale of what rests failed in an unexpected way; its run sells")
