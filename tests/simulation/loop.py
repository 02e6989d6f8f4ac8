"""An event loop whose time is virtual: when nothing is left to do now, it jumps to the next timer.

Written for speed: a day is a few hundred callbacks, and tens of thousands of days are played.
"""

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any


class Stuck(Exception):
    """Nothing is ready and no timer is left: whoever is awaited will never come."""


class _Handle:
    """A callback that waits for its turn."""

    __slots__ = ("args", "callback", "cancelled_", "context", "when_")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: Any, when: float = 0.0
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.cancelled_ = False
        self.when_ = when

    def cancel(self) -> None:
        self.cancelled_ = True

    def cancelled(self) -> bool:
        return self.cancelled_

    def when(self) -> float:
        return self.when_


_Loop: Any = asyncio.AbstractEventLoop  # as a type it demands sockets and processes, which a day has not


class VirtualLoop(_Loop):  # type: ignore[misc]
    """Runs a day in milliseconds, the same way every time. `settle` is asked whenever all is quiet."""

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._made = 0
        self.settle: Callable[[], bool] = lambda: False

    def run_until_complete(self, future: Any) -> Any:
        """Run until `future` is done; what is left then stays where it is."""
        outer = events._get_running_loop()
        events._set_running_loop(self)
        try:
            task = asyncio.ensure_future(future, loop=self)
            while True:
                self._do_what_is_ready()
                if task.done():
                    return task.result()
                if not self.settle():
                    self._jump()
        finally:
            events._set_running_loop(outer)

    def _do_what_is_ready(self) -> None:
        ready = self._ready
        while ready:
            handle = ready.popleft()
            if not handle.cancelled_:
                handle.context.run(handle.callback, *handle.args)

    def _jump(self) -> None:
        timers = self._timers
        while timers and timers[0][2].cancelled_:
            heapq.heappop(timers)
        if not timers:
            raise Stuck
        self._now = now = timers[0][0]
        while timers and timers[0][0] == now:
            self._ready.append(heapq.heappop(timers)[2])

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = _Handle(callback, args, context or contextvars.copy_context())
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        when = max(when, self._now)
        handle = _Handle(callback, args, context or contextvars.copy_context(), when)
        self._made += 1
        heapq.heappush(self._timers, (when, self._made, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, **options)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A killed worker's tasks die unheard."""
