"""Replaces every process while days begin and end: `python -m tests.operations.noon_deploy`.

Two workers, two listeners and two APIs of a version `one`, under a day a second. After a while of that
deploy/noon.sh is typed; when it has ended, nothing of `one` is left. Says how late the orders were before it
and during it, and whether one was lost.
"""

import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.operations.day_load import DayLoad, Sent
from tests.operations.hands import Hands
from tests.operations.site import KINDS, NUMBERS, ROOT, a_site

BEFORE = 40.0
"""Seconds of trading before the deploy, and again after it."""
MOST = 0.250
"""Seconds by which no order may be later than without it."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What became of the days, and how late each order was."""

    status: int
    said: str
    days: int
    lost: list[str]
    left: list[str]
    """Processes of the old version that still run."""
    began: float
    ended: float
    orders: list[Sent]
    unseen: list[str]
    """Symbols whose price fell below a stop while no listener had asked for it."""

    @property
    def late(self) -> list[Sent]:
        """Return the orders that were later by more than `MOST` than any of their kind before the deploy."""
        usual: dict[str, float] = defaultdict(float)
        for order in self.before:
            usual[order.leg] = max(usual[order.leg], order.late)
        return [order for order in self.during if order.late > usual[order.leg] + MOST]

    @property
    def during(self) -> list[Sent]:
        return [order for order in self.orders if self.began <= order.at <= self.ended]

    @property
    def before(self) -> list[Sent]:
        return [order for order in self.orders if order.at < self.began]


async def play(home: Path, old: Path = ROOT) -> Deployed:
    """Trade with the code in `old`, deploy ours, trade on; return what happened."""
    async with a_site(home) as site:
        await site.begin("one", old)
        load = DayLoad(site)
        await load.ready()
        trading = asyncio.create_task(load.run())
        await asyncio.sleep(BEFORE)
        site.describe(ROOT, ["two"])
        began = time.time()
        status = await site.roll("one", "two", home / "noon.log")
        ended = time.time()
        await asyncio.sleep(BEFORE / 2)
        await load.end()
        await trading
        return Deployed(
            status,
            (home / "noon.log").read_text(),
            len(load.begun),
            await load.lost(),
            left_of(site.hands, "one"),
            began,
            ended,
            await load.sent(),
            [symbol for symbol, tick_at in load.falls if tick_at is None],
        )


def left_of(hands: Hands, version: str) -> list[str]:
    """Return the processes of a version that run."""
    names = [f"{kind}-{version}-{number}" for kind in KINDS for number in NUMBERS]
    return [name for name in names if hands.alive(name)]


def figures(orders: Iterable[Sent]) -> str:
    """Return a line for each leg: how many, and how late in ms: the middle, one in a hundred, the latest."""
    late: dict[str, list[float]] = defaultdict(list)
    for order in orders:
        late[order.leg].append(order.late * 1000)
    lines = []
    for leg, found in sorted(late.items()):
        found.sort()
        middle, high = found[len(found) // 2], found[min(len(found) - 1, int(len(found) * 0.99))]
        lines.append(
            f"  {leg:<5} {len(found):>4}   p50 {middle:6.1f}   p99 {high:6.1f}   latest {found[-1]:6.1f}"
        )
    return "\n".join(lines)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="stopwatch-noon-", ignore_cleanup_errors=True) as home:
        deployed = asyncio.run(play(Path(home)))
    sys.stdout.write(
        f"{deployed.said}\n{deployed.days} days, {len(deployed.orders)} orders; the deploy took "
        f"{deployed.ended - deployed.began:.0f} s\nbefore it, ms late:\n{figures(deployed.before)}\n"
        f"during it, ms late:\n{figures(deployed.during)}\nlost: {deployed.lost or 'none'}\n"
        f"later than before by more than {MOST * 1000:.0f} ms: {deployed.late or 'none'}\n"
        f"falls that no listener had asked for: {deployed.unseen or 'none'}\n"
        f"left of the old version: {deployed.left or 'nothing'}\n"
    )
    return 1 if deployed.status or deployed.lost or deployed.late or deployed.left else 0


if __name__ == "__main__":
    sys.exit(main())
