"""`python -m tests.operations.restore_drill`: how old is what comes back, and how long does it take?

A Postgres of its own takes orders without a pause; its base backup is from before them, and the WAL archive
runs as in production. Then the drill, as an operator types it, while orders go on.
"""

import asyncio
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from adapters.postgres.engine import Store
from tests.operations.backup_place import BackupPlace, a_server
from tests.store_rows import Desk

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Drilled:
    """What one drill said, and what it took."""

    status: int
    said: str
    seconds: float
    orders: int
    """Orders that the live database had when the drill began."""

    @property
    def age_seconds(self) -> int:
        """How much of the newest past did not come back. Raises where the drill did not say."""
        found = re.search(r"(\d+) s before its files were taken", self.said)
        assert found, self.said
        return int(found[1])

    @property
    def orders_back(self) -> int:
        found = re.search(r"ok    (\d+) orders", self.said)
        assert found, self.said
        return int(found[1])


async def play(directory: Path, seconds: float) -> Drilled:
    """Trade for so many seconds after the base backup, then drill."""
    async with a_server() as server:
        place = BackupPlace(await server.new_database(), directory)
        store = Store.open(place.url)
        trading: asyncio.Task[None] | None = None
        try:
            async with place.archive(EVERY="10"):
                status, said = await place.script("base-backup.sh")
                assert status == 0, said
                trading = asyncio.create_task(_trade(store))
                await asyncio.sleep(seconds)
                orders, began = await _orders(store), time.monotonic()
                status, said = await place.drill()
                return Drilled(status, said, time.monotonic() - began, orders)
        finally:
            if trading is not None:
                trading.cancel()
                await asyncio.gather(trading, return_exceptions=True)
            await store.close()


async def _trade(store: Store) -> None:
    while True:
        desk = await Desk.started(store)
        await desk.bought()
        await asyncio.sleep(0.05)


async def _orders(store: Store) -> int:
    async with store.read() as session:
        asked = await (await session.connection()).exec_driver_sql("SELECT count(*) FROM orders")
        return int(asked.scalar_one())


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="stopwatch-backups-") as directory:
        drilled = asyncio.run(play(Path(directory), SECONDS))
    sys.stdout.write(
        f"{drilled.said}\nThe live database had {drilled.orders} orders when the drill began, and "
        f"{drilled.orders_back} came back; it took {drilled.seconds:.1f} s.\n"
    )
    return drilled.status


if __name__ == "__main__":
    sys.exit(main())
