"""Batches concurrent writes into one statement.

While one batch is being written, new calls gather into the next: a single call is written at once, and a
thousand in one second need a few dozen transactions.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import Generic, TypeVar

from domain.errors import StoreUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Later(Enum):
    """The item's row is locked by another transaction: it waits alone, without delaying its batch."""

    LATER = auto()


WriteGroup = Callable[[Sequence[Item], bool], Awaitable[Sequence[Result | Exception | Later]]]
"""Writes a group and answers in its order; may say `LATER` only when told not to wait for locks."""


class Batcher(Generic[Item, Result]):
    """Batches the calls made while earlier ones are written; each caller gets its own answer or error."""

    def __init__(
        self, write: WriteGroup[Item, Result], *, most: int = 100, lanes: int = 2, gather: float = 0
    ) -> None:
        """`gather`: seconds for which a batch waits for more items; 0 for urgent writes."""
        self._write = write
        self._gather = gather
        self._most = most
        self._lanes = lanes
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0
        # Items that wait for another transaction's lock hold a connection each: a few at a time.
        self._alone = asyncio.Semaphore(lanes)

    async def add(self, item: Item) -> Result:
        """Write one item, batched with all that wait. A cancelled caller's item may still be written."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._busy < self._lanes:
            self._busy += 1
            self._spawn(self._lane())
        return await answer

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _lane(self) -> None:
        try:
            await self._gathered()
            while group := self._next_group():
                await self._write_group(group)
                await self._gathered()
        finally:
            self._busy -= 1

    async def _gathered(self) -> None:
        if self._gather and self._waiting:
            await asyncio.sleep(self._gather)

    def _next_group(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        group: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(group) < self._most:
            item, answer = self._waiting.popleft()
            if not answer.done():
                group.append((item, answer))
        return group

    async def _write_group(self, group: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in group], False)
        except StoreUnavailable as error:
            for _, answer in group:
                _fail(answer, StoreUnavailable(*error.args))
        except Exception as error:
            if len(group) == 1:
                _fail(group[0][1], error)
                return
            # One of them is not acceptable to Postgres; the others must not suffer for it.
            for item, answer in group:
                await self._write_alone(item, answer)
        else:
            for (item, answer), result in zip(group, results, strict=True):
                if result is Later.LATER:
                    self._spawn(self._write_later(item, answer))
                else:
                    _settle(answer, result)

    async def _write_later(self, item: Item, answer: asyncio.Future[Result]) -> None:
        async with self._alone:
            if not answer.done():
                await self._write_alone(item, answer)

    async def _write_alone(self, item: Item, answer: asyncio.Future[Result]) -> None:
        try:
            (result,) = await self._write([item], True)
        except Exception as error:
            _fail(answer, error)
        else:
            _settle(answer, result)


def _settle(answer: asyncio.Future[Result], result: Result | Exception | Later) -> None:
    if isinstance(result, Exception):
        _fail(answer, result)
    elif not answer.done() and not isinstance(result, Later):
        answer.set_result(result)


def _fail(answer: asyncio.Future[Result], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
