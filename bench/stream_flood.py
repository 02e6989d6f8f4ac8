"""Opens event streams as fast as the API takes them, in a process of its own, and holds those that it gets.

`python -m bench.stream_flood` writes `ready`, reads one JSON object from standard input: `api`, `streams` as
`[[token, path], …]` and `at_once`. It writes `{"opened": …, "refused": …}` when each was tried, and ends when
its input does.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from adapters.process.open_files import allow_open_files

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEAD_SECONDS = 60.0


class Flood:
    """The attacker: so many attempts at one time."""

    def __init__(self, api: str) -> None:
        address = urlsplit(api)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self.held: list[Connection] = []
        self.statuses: Counter[int] = Counter()

    async def work(self, tries: Iterator[tuple[str, str]]) -> None:
        """Try one after the other."""
        for token, path in tries:
            try:
                async with asyncio.timeout(HEAD_SECONDS):
                    await self._try(token, path)
            except (OSError, TimeoutError, IndexError, ValueError):
                self.statuses[0] += 1

    async def _try(self, token: str, path: str) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        head = f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(head.encode())
        status = int((await reader.readline()).split()[1])
        self.statuses[status] += 1
        if status == 200:
            self.held.append((reader, writer))
        else:
            writer.close()


async def main() -> None:
    print("ready", flush=True)
    asked: dict[str, Any] = json.loads(await asyncio.to_thread(sys.stdin.readline))
    allow_open_files()
    flood = Flood(asked["api"])
    tries = iter([(token, path) for token, path in asked["streams"]])
    await asyncio.gather(*(flood.work(tries) for _ in range(asked["at_once"])))
    opened = flood.statuses.pop(200, 0)
    print(json.dumps({"opened": opened, "refused": dict(flood.statuses)}), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
