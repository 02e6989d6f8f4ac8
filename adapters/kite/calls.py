"""Calls of one account: off the event loop, under a hard deadline, on warm connections."""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from adapters.kite.client import Kite, Reply
from adapters.kite.wire import Call

THREADS = 64
"""Calls under way at once, all accounts together; each mostly waits for the broker."""
WARM_CLIENTS = 4
"""Idle clients an account keeps."""


def kite_threads(threads: int = THREADS) -> ThreadPoolExecutor:
    """Return the executor that the adapters of one process share."""
    return ThreadPoolExecutor(threads, "kite")


class KiteCalls:
    """Makes calls with the client of one login.

    `KiteConnect` is not thread-safe, and a lock would make an exit wait for a slow order book. So each call
    takes an idle client, or makes one, and puts it back: one thread at a time a client, the last used first,
    which keeps few connections and those warm.
    """

    def __init__(
        self,
        api_key: str,
        access_token: str | None,
        root: str,
        executor: ThreadPoolExecutor,
        tls: ssl.SSLContext,
        proxies: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._make: Callable[[], Kite] = lambda: Kite(api_key, access_token, root, tls, proxies, secrets)
        self._executor = executor
        self._idle: deque[Kite] = deque()
        self._closed = False

    async def call(
        self, work: Callable[[Kite], Any], deadline: float, leave_within: float | None = None
    ) -> Reply:
        """Do `work` with a client; a `Reply` comes within `deadline` seconds, whatever the wire does.

        The client's own timeout is per read, and one byte every quarter of a second never meets it. A request
        that has not left within `leave_within` seconds (waiting for a thread, for DNS, for a handshake) is
        held back for good.
        """
        call = Call(time.monotonic() + (deadline if leave_within is None else leave_within))
        reply: Reply | None = None
        try:
            future = self._executor.submit(self._perform, call, deadline, work)
            async with asyncio.timeout(deadline):
                reply = await asyncio.wrap_future(future)
        except TimeoutError:
            reply = Reply(call.give_up(), failure="Deadline")
        except RuntimeError:  # the process is shutting down and takes no more work
            reply = Reply(call.give_up(), failure="ShuttingDown")
        finally:
            if reply is None:
                call.give_up()  # cancelled: nobody would hear the answer
        return reply

    def close(self) -> None:
        """Close idle connections; calls under way end by themselves."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _perform(self, call: Call, timeout: float, work: Callable[[Kite], Any]) -> Reply:
        if not call.may_still_leave():
            return Reply(left=False, failure="HeldBack")
        client = self._take()
        reply = client.perform(call, timeout, work)
        if call.finish() and not self._closed and len(self._idle) < WARM_CLIENTS:
            self._idle.append(client)
        else:
            client.close()
        return reply

    def _take(self) -> Kite:
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()
