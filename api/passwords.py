"""Passwords: argon2id, two at once, and the same time spent on an e-mail that nobody has."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from pwdlib import PasswordHash

AT_ONCE = 2
"""Each hash takes 64 MiB and a core: a burst of logins must not take the machine."""


class Passwords:
    """Hashes and checks in threads of its own; callers wait their turn without blocking the loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHash.recommended()
        self._nobody = self._hasher.hash("nobody's password")
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")

    async def hash(self, password: str) -> str:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, password)

    async def check(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Tell whether it is right, and give a new hash where the stored one is of older parameters.

        Without a stored hash (nobody has that e-mail) the same work is done, and the answer is no.
        """
        loop = asyncio.get_running_loop()
        right, renewed = await loop.run_in_executor(
            self._threads, self._hasher.verify_and_update, password, stored or self._nobody
        )
        return right and stored is not None, renewed if stored is not None else None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
