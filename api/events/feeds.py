"""Keeps the feeds of all users who have a stream open in this process, by one reader for all of them.

| when | what is read |
|---|---|
| a stream begins | its user's strategies, and the lines after its Last-Event-ID, a page at a time |
| Postgres announces a line | that user's new lines, and the strategies that have changed |
| every `PRICES_EVERY` seconds | the last prices of all running strategies, `TOGETHER` at a time |
| every `ROUND_EVERY` seconds | each user in turn, with pauses: edits are not announced, news may be lost |
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID

from adapters.postgres.account_events import AccountEvents, read_stamps
from adapters.postgres.strategies import StrategyRecord
from api.auth.stream_end import has_ended
from api.dependencies import Dependencies
from api.events.cursor import SETTLED, Place
from api.events.feed import Feed, Follower, Line
from api.events.schemas import price_out
from api.http.stream_response import BEGINS_ANEW, event_text
from api.http.user_looks import UserLooks
from api.strategies.answer import strategy_out
from api.strategies.live_timelines import OPENING
from domain.errors import CacheUnavailable, StoreUnavailable
from domain.strategy import Status
from services.auth.tokens import Caller
from services.errors import NotFound
from services.strategies.lookup import find_strategy

PAGE = 200
READ_AGAIN = 1.0
PRICES_EVERY, ROUND_EVERY = 1.0, 5.0
SPREAD, SLOTS = 0.8, 50
"""Over so many seconds of each, in so many slots, all prices are spread: other calls come between."""
TOGETHER = 10
"""Prices that are asked for, and given, at one moment."""


class Feeds:
    """The feeds of a process; it reads while there is one."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._of: dict[UUID, Feed] = {}
        self._owner: dict[UUID, UUID] = {}
        self._looks = UserLooks(
            deps,
            self._look,
            lambda: self._of,
            self._owner.get,
            lambda: ROUND_EVERY,
            (self._follow_prices,),
        )
        self._turns = asyncio.Semaphore(OPENING)

    @property
    def open(self) -> bool:
        """Tell whether any stream is open."""
        return bool(self._of)

    @contextmanager
    def follow(self, caller: Caller, place: Place, wake: Callable[[], None]) -> Iterator[Follower]:
        """Give a place in the caller's feed, which is read while the context lasts.

        `wake` is called when something waits for the stream.
        """
        feed = self._of.setdefault(caller.user_id, Feed(caller.user_id))
        follower = Follower(caller, place, wake, states=dict(feed.states), prices=dict(feed.prices))
        feed.followers.add(follower)
        self._looks.begin()
        self.touch(caller.user_id)
        try:
            yield follower
        finally:
            feed.followers.discard(follower)
            if not feed.followers:
                self._leave(feed)

    def touch(self, user_id: UUID) -> None:
        """Have a user's strategies be looked at, where a stream follows them."""
        if user_id in self._of:
            self._looks.touch(user_id)

    async def ended(self, caller: Caller) -> bool:
        """Tell whether the caller's token has expired or their login has ended."""
        return await has_ended(self._deps, caller)

    async def place_of_now(self, caller: Caller) -> Place:
        """Return the place of a client that wants no line of before. Raises `StoreUnavailable`."""
        async with self._turns, self._deps.store.read(caller.user_id) as session:
            return Place(await AccountEvents(session, caller.user_id).last_given())

    async def next_chunk(self, follower: Follower) -> bytes | None:
        """Return what a stream is to send now; None at its end."""
        if follower.lost or await self.ended(follower.caller):
            return None
        if not follower.behind:
            return follower.take()
        try:
            lines = await self._catch_up(follower)
        except StoreUnavailable:
            follower.behind = True
            await self._deps.clock.sleep(READ_AGAIN)
            follower.wake()
            return follower.take()
        return lines if follower.behind else lines + follower.take()

    async def _catch_up(self, follower: Follower) -> bytes:
        """Return the next page of the lines that a stream has to read itself."""
        follower.behind = False
        lines = await self._page(follower)
        if not (lines or follower.is_reading) and await self._is_set_back(follower):
            follower.place, follower.behind = Place(), True
            return BEGINS_ANEW
        follower.is_reading = len(lines) == PAGE
        follower.behind |= follower.is_reading
        return b"".join(follower.sent(line) for line in lines)

    async def _page(self, follower: Follower) -> list[Line]:
        place, user_id = follower.place, follower.caller.user_id
        async with self._turns, self._deps.store.read(user_id) as session:
            found = await AccountEvents(session, user_id).after(place.floor, place.sent, PAGE)
        return [Line.of(event) for event in found]

    async def _is_set_back(self, follower: Follower) -> bool:
        """Tell whether the database is older than the client's place."""
        user_id = follower.caller.user_id
        async with self._turns, self._deps.store.read(user_id) as session:
            return await AccountEvents(session, user_id).last_given() < follower.place.floor

    def _leave(self, feed: Feed) -> None:
        del self._of[feed.user_id]
        for strategy_id in feed.stamps:
            self._owner.pop(strategy_id, None)
        if not self._of:
            self._looks.end()

    async def _end_followers(self, feed: Feed) -> None:
        """Wake the streams that are to end."""
        for follower in list(feed.followers):
            if await self.ended(follower.caller):
                follower.wake()

    async def _look(self, user_id: UUID) -> None:
        feed = self._of.get(user_id)
        if feed is None:
            return
        async with feed.reading:
            with suppress(StoreUnavailable):
                await self._read(feed)
        await self._end_followers(feed)

    async def _read(self, feed: Feed) -> None:
        stamps = await read_stamps(self._deps.store, feed.user_id)
        if feed.floor is not None and feed.floor > stamps.last_given:
            self._begin_anew(feed)
            return
        changed = [one for one, stamp in stamps.of.items() if feed.stamps.get(one) != stamp]
        if changed or feed.floor is None:
            await self._read_lines(feed)
        for strategy_id in feed.stamps.keys() - stamps.of.keys():
            del feed.stamps[strategy_id]
            feed.gone(strategy_id)
            self._owner.pop(strategy_id, None)
        self._owner.update(dict.fromkeys(changed, feed.user_id))
        for strategy_id in changed:
            await self._show(feed, strategy_id)
            feed.stamps[strategy_id] = stamps.of[strategy_id]

    async def _read_lines(self, feed: Feed) -> None:
        async with self._deps.store.read(feed.user_id) as session:
            reader = AccountEvents(session, feed.user_id)
            if feed.floor is None:
                feed.floor = await reader.settled(SETTLED)
            more = True
            while more:
                events = await reader.after(feed.floor, feed.recent, PAGE)
                feed.add(events)
                more = len(events) == PAGE

    def _begin_anew(self, feed: Feed) -> None:
        """End the streams of a user: the database was set back behind what they have."""
        feed.floor, feed.recent = None, {}
        for follower in feed.followers:
            follower.lost = True
            follower.wake()

    async def _show(self, feed: Feed, strategy_id: UUID) -> None:
        try:
            stands = await find_strategy(self._deps.store, feed.user_id, strategy_id)
        except NotFound:
            return  # deleted since; the next look finds it gone
        shown = await strategy_out(self._deps, stands)
        feed.changed(strategy_id, stands.record, event_text("strategy", shown))

    async def _follow_prices(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            with suppress(CacheUnavailable):
                await self._price_all()
            await asyncio.sleep(max(0.0, began + PRICES_EVERY - loop.time()))

    async def _price_all(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for slot, running in self._running():
            await asyncio.sleep(max(0.0, began + SPREAD * slot / SLOTS - loop.time()))
            for first in range(0, len(running), TOGETHER):
                await self._price(running[first : first + TOGETHER])

    def _running(self) -> list[tuple[int, list[tuple[Feed, StrategyRecord]]]]:
        """Return the running strategies by slot; each keeps its own, so its prices are a second apart."""
        slots: dict[int, list[tuple[Feed, StrategyRecord]]] = {}
        for feed in self._of.values():
            for strategy_id, record in feed.records.items():
                if record.status is Status.RUNNING:
                    slots.setdefault(strategy_id.int % SLOTS, []).append((feed, record))
        return sorted(slots.items())

    async def _price(self, running: Sequence[tuple[Feed, StrategyRecord]]) -> None:
        ids = [record.strategy.strategy_id for _, record in running]
        found = await self._deps.prices.last_prices(ids)
        for strategy_id, (feed, record) in zip(ids, running, strict=True):
            last = found.get(strategy_id)
            if last is not None and feed.last.get(strategy_id) != last and strategy_id in feed.records:
                feed.priced(strategy_id, last, event_text("price", price_out(record, last)))
                self._look_at_peak(feed, record)

    def _look_at_peak(self, feed: Feed, record: StrategyRecord) -> None:
        """Have a stop that moves be looked at with its price."""
        if record.strategy.terms.moves:
            self.touch(feed.user_id)
