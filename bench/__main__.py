"""`make bench`: every figure on real parts, one table, `bench/results.json`.

`python -m bench` runs what is about orders, `python -m bench NAME …` some, by their own name or a figure's;
`neighbours`, `noisy_tenant`, `streams`, `telling`, `paint`, `next_day` want to be named. Smaller loads
(`--accounts`, `--sleepers`) write to another directory, so that they never pass for the real figures.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import apart, documents, report, results
from bench.benches import BENCHES, Bench, chosen, compare
from bench.environment import environment
from bench.outcome import Outcome, Scene, Size

HERE = Path("bench")
REDUCED = Path(".bench")
STILL_EVERY = 20.0
BUSY = 0.7
PLAIN_WIDTH = 150


class Runner:
    """Runs benches one after the other; one that fails does not end the others."""

    def __init__(self, home: Path, size: Size, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._name = ""
        self._scene = Scene(home, size, self._tell)
        self.outcome = Outcome()
        self.seconds: dict[str, float] = {}
        self.failed: dict[str, str] = {}

    async def run(self, benches: Sequence[Bench]) -> None:
        for bench in benches:
            self._name = bench.name
            if not apart.is_there(bench.module):
                self._tell(f"not measured: this checkout has no {bench.module}")
                continue
            await self._run(bench)

    async def _run(self, bench: Bench) -> None:
        began = time.monotonic()
        still = asyncio.create_task(self._still())
        self._tell("begins")
        try:
            async with asyncio.timeout(bench.at_most_seconds):
                await bench.run(self._scene, self.outcome)
        except Exception as failure:
            self.failed[bench.name] = _words(failure)
            self._tell(f"failed: {self.failed[bench.name]}")
        else:
            self.seconds[bench.name] = time.monotonic() - began
            self._tell(f"done in {self.seconds[bench.name]:.0f} s")
        finally:
            still.cancel()

    async def _still(self) -> None:
        while True:
            await asyncio.sleep(STILL_EVERY)
            self._tell("…")

    def _tell(self, text: str) -> None:
        seconds = time.monotonic() - self._began
        line = f"{seconds:5.0f} s  {self._name:<10} {text}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _words(failure: BaseException) -> str:
    """Return what went wrong: of many at once, the first."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return f"{type(failure).__name__}: {failure}"


def measure(asked: argparse.Namespace, console: Console) -> int:
    """Run the benches and write what they found; 1 when one failed."""
    size, where = Size(asked.accounts, asked.singles, asked.sleepers), environment()
    out = asked.out or (HERE if size.is_full else REDUCED)
    if where["load_before"] > BUSY:
        busy = f"The machine is busy (load {where['load_before']:g}): figures will be worse than it can do."
        console.print(busy, style="yellow")
    home = Path(tempfile.mkdtemp(prefix="stopwatch-bench-"))
    runner = Runner(home, size, console)
    asyncio.run(runner.run(chosen(asked.names)))
    found = _written(out, runner, where, size)
    report.show(found, console)
    console.print(
        f"Written to {out / results.RESULTS} after {sum(runner.seconds.values()):.0f} s of benches."
    )
    if runner.failed:
        console.print(f"Failed: {', '.join(runner.failed)}. Everything is kept in {home}", style="red")
        return 1
    shutil.rmtree(home, ignore_errors=True)
    return 0


def _written(out: Path, runner: Runner, where: dict[str, Any], size: Size) -> results.Results:
    before, old_samples = results.read(out, results.RESULTS), results.read(out, results.SAMPLES)
    together = Outcome(samples=old_samples)
    together.add(runner.outcome)
    compare(together)
    found = results.merged(before, together, where, size, runner.seconds)
    results.write(out, found, together.samples)
    return found


def arguments() -> argparse.Namespace:
    full = Size()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(one.name for one in BENCHES)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {names}, or a figure's name")
    parser.add_argument("--accounts", type=int, default=full.accounts, help="that want the same second")
    parser.add_argument("--singles", type=int, default=full.singles, help="orders one at a time, at most 20")
    parser.add_argument("--sleepers", type=int, default=full.sleepers, help="strategies that wait")
    parser.add_argument("--out", type=Path, help="where the results go; bench/ for the full size")
    parser.add_argument("--write-docs", action="store_true", help="only write tables and charts from results")
    return parser.parse_args()


def main() -> int:
    asked, console = arguments(), Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    if asked.write_docs:
        documents.write(Path(), asked.out or HERE)
        return 0
    try:
        chosen(asked.names)
    except ValueError as wrong:
        console.print(str(wrong), style="red")
        return 2
    return measure(asked, console)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Temporal's library may crash the interpreter's own end (sdk-python #300); all work is done.
    os._exit(status)
