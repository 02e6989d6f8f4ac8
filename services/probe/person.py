"""Speaks with the person at the terminal: says lines, asks questions, and hears an interruption."""

import asyncio
import sys
import threading
from contextlib import suppress
from typing import Protocol, TextIO

YES = frozenset({"y", "yes"})
NO = frozenset({"n", "no"})


class Person(Protocol):
    """The person whose word the probe asks for."""

    def say(self, words: str) -> None:
        """Print a line."""
        ...

    async def agrees(self, question: str) -> bool:
        """Ask; only y or yes agrees. The end of the input is a no."""
        ...


class TerminalPerson:
    """The person at standard input and output."""

    def __init__(self, source: TextIO = sys.stdin, target: TextIO = sys.stdout) -> None:
        """Begin to read, on a thread of its own: a question can be given up, a blocked read cannot."""
        self._target = target
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def read() -> None:
            for line in source:
                loop.call_soon_threadsafe(self._lines.put_nowait, line)
            loop.call_soon_threadsafe(self._lines.put_nowait, "")

        threading.Thread(target=read, name="terminal", daemon=True).start()

    def say(self, words: str) -> None:
        self._write(f"{words}\n")

    async def agrees(self, question: str) -> bool:
        while True:
            self._write(f"{question} [y/n] ")
            line = await self._lines.get()
            if line == "":
                self._lines.put_nowait("")  # the input has ended: so is every later question
                self.say("(no answer)")
                return False
            word = line.strip().lower()
            if word in YES | NO:
                return word in YES
            self.say("Please answer y or n.")

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # the terminal is gone: its questions get no answer either
            self._target.write(text)
            self._target.flush()
