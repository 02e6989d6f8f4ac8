"""Passwords as argon2id hashes, two at a time: a burst of logins must not take the machine."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pwdlib import PasswordHash

from services.errors import TryLater

AT_ONCE = 2
"""Each hash takes 64 MiB and a core."""
LONGEST_QUEUE = 500
"""Logins that may wait. The last of them waits about half a minute, which is as long as a phone does."""
BUSY_SECONDS = 10
NICENESS = 10
"""Of the threads that hash: the loop that answers other calls, and the worker, go first."""

_Made = TypeVar("_Made")


class Passwords:
    """Hashes and checks in threads of its own; callers wait their turn without blocking the loop.

    Every method raises `TryLater`, code `busy`, when too many wait already.
    """

    def __init__(self, longest_queue: int = LONGEST_QUEUE, hasher: PasswordHash | None = None) -> None:
        """Hash as `pwdlib` recommends, or as `hasher` does: tests of other things use a quick one."""
        self._hasher = hasher or PasswordHash.recommended()
        self._nobody = self._hasher.hash("nobody's password")
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2", initializer=_step_back)
        self._places = longest_queue + AT_ONCE

    async def hash(self, password: str) -> str:
        return await self._in_turn(lambda: self._hasher.hash(password))

    async def check(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Tell whether it is right, and give a new hash where the stored one is of older parameters.

        Without a stored hash (an unknown e-mail) the same work is done, and the answer is no.
        """
        known = stored or self._nobody
        right, renewed = await self._in_turn(lambda: self._hasher.verify_and_update(password, known))
        return right and stored is not None, renewed if stored is not None else None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_turn(self, work: Callable[[], _Made]) -> _Made:
        if self._places <= 0:
            raise TryLater(
                "Too many people are logging in just now. Try again in a moment.", "busy", BUSY_SECONDS
            )
        self._places -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._places += 1


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere a niceness is the whole process's
        thread = threading.get_native_id()
        # A process that was started with less priority than that may not get more (`nice make run`).
        lowest = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, lowest)
