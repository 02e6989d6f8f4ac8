"""Sends users' notifications: one activity at a time does it for all users, for most of a minute."""

import asyncio
from contextlib import suppress

from temporalio import activity

from domain.errors import StoreUnavailable
from domain.notification import Notification
from domain.ports import AccountMails, Clock, Courier, Outbox

ROUND = 50.0
"""Seconds; then Temporal hands the work out anew, perhaps to another worker."""
LOOK_EVERY = 0.4
LINES = 16
"""Notifications on their way at one time: their work is done beside the orders'."""
MAILS_EVERY = 1.0
"""Seconds between two looks for mails about accounts."""
TOGETHER = LINES // 2
"""So many are claimed in one step; fewer wait for the next look, so that none waits long for slow ones."""
_WRITE_TRIES = 5


class NotificationActivities:
    """Gathers, claims, sends and settles. Trading neither waits for it nor writes for it."""

    def __init__(
        self, outbox: Outbox, courier: Courier, clock: Clock, mails: AccountMails | None = None
    ) -> None:
        self._outbox = outbox
        self._courier = courier
        self._clock = clock
        self._mails = mails

    @activity.defn
    async def deliver_notices(self) -> None:
        """Send what happens for `ROUND` seconds; what is on its way at the end is waited for."""
        under_way: set[asyncio.Task[None]] = set()
        ends, looks, idle = self._clock.monotonic() + ROUND, 0.0, False
        over = asyncio.Event()
        mailing = asyncio.create_task(self._mail_until(over))
        try:
            with suppress(StoreUnavailable):
                await self._outbox.forget()
            while (now := self._clock.monotonic()) < ends and not activity.is_worker_shutdown():
                activity.heartbeat()
                free = LINES - len(under_way)
                if looked := now >= looks:
                    looks = now + LOOK_EVERY
                    idle = await self._gather()
                if (under_way or not idle) and (looked or free >= TOGETHER):
                    under_way |= await self._sending(free)
                under_way = await self._some_done(under_way, looks - self._clock.monotonic())
        finally:
            over.set()
            await asyncio.wait({*under_way, mailing})

    async def _mail_until(self, over: asyncio.Event) -> None:
        """Send mails about accounts beside the notifications, which wait for no mail server."""
        if self._mails is None:
            return
        with suppress(StoreUnavailable):
            await self._mails.begin()
        while not over.is_set() and not activity.is_worker_shutdown():
            with suppress(StoreUnavailable):
                await self._mails.send_due()
            await self._clock.sleep(MAILS_EVERY)

    async def _gather(self) -> bool:
        """Make notifications of what has happened; tell whether there is nothing to do at all."""
        with suppress(StoreUnavailable):
            if await self._outbox.is_idle():
                return True
            await self._outbox.gather()
        return False

    async def _sending(self, free: int) -> set[asyncio.Task[None]]:
        if not free:
            return set()
        try:
            claimed = await self._outbox.claim(free)
        except StoreUnavailable:
            return set()
        return {asyncio.create_task(self._send(notice)) for notice in claimed}

    async def _some_done(self, under_way: set[asyncio.Task[None]], seconds: float) -> set[asyncio.Task[None]]:
        if not under_way:
            await self._clock.sleep(max(0.0, seconds))
            return under_way
        _, pending = await asyncio.wait(
            under_way, timeout=max(0.02, seconds), return_when=asyncio.FIRST_COMPLETED
        )
        return pending

    async def _send(self, notice: Notification) -> None:
        """Send it once; that it was, and how, is written down as often as it takes."""
        delivery = await self._courier.bring(notice)
        for attempt in range(_WRITE_TRIES):
            try:
                await self._outbox.settle(notice, delivery)
                break
            except StoreUnavailable:
                # Left as it is in the end, it is called unknown: it is not sent again.
                await self._clock.sleep(0.5 * 2**attempt)
