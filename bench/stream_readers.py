"""Holds event streams and reads them, in a process of its own.

`python -m bench.stream_readers` reads one JSON object from standard input: `api`, `at_once` and `streams` as
`[[token, path], …]`. It writes `{"opened": …}` when each was tried, then for each line of its input how many
prices have come since the one before, and ends when its input does.
"""

import asyncio
import json
import sys
from typing import Any

from adapters.process.open_files import allow_open_files
from bench.stream_flood import Flood

PRICE = b"event: price"
CHUNK = 65_536


class Readers:
    """Reads all streams; a name that is cut in two by a chunk is not counted."""

    def __init__(self) -> None:
        self.prices = 0
        self.ended = 0

    async def read(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(CHUNK):
            self.prices += chunk.count(PRICE)
        self.ended += 1


async def main() -> None:
    asked: dict[str, Any] = json.loads(await asyncio.to_thread(sys.stdin.readline))
    allow_open_files()
    flood, readers = Flood(asked["api"]), Readers()
    tries = iter([(token, path) for token, path in asked["streams"]])
    await asyncio.gather(*(flood.work(tries) for _ in range(asked["at_once"])))
    reading = [asyncio.ensure_future(readers.read(stream)) for stream, _ in flood.held]
    print(json.dumps({"opened": len(flood.held)}), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps({"prices": readers.prices, "ended": readers.ended}), flush=True)
        readers.prices = 0
    for one in reading:
        one.cancel()


if __name__ == "__main__":
    asyncio.run(main())
