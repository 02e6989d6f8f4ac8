"""Runs the paper exchange: `python -m paper`."""

import argparse
import asyncio
import contextlib
import gc
import logging
import resource
import sys
from pathlib import Path

from paper.app import Options, PortInUse, serve
from paper.bars import BarsUnreadable
from paper.journal import JournalInUse

MISUSED = 2
FILES = 65536


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal; 0 after a clean end, 2 with one sentence when it cannot start."""
    options = _parse(arguments)
    _allow_connections()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    # Orders, rows and history only grow and hold no cycles: the collector would walk them again and again.
    gc.set_threshold(100_000, 50, 100)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(options))
    except (PortInUse, BarsUnreadable, JournalInUse) as exc:
        print(exc, file=sys.stderr)  # noqa: T201
        return MISUSED
    return 0


def _allow_connections() -> None:
    """Raise the limit of open files: a thousand accounts need as many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if 0 <= soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _parse(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser("paper", description="Kite Connect v3 on paper: REST and WebSocket.")
    parser.add_argument("--port", type=int, required=True, help="REST and WebSocket")
    parser.add_argument("--ws-port", type=int, help="a second port that serves the same")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=int, default=1, help="of the prices' random walks")
    parser.add_argument("--bars", type=Path, help="datetime,symbol,open,high,low,close,volume")
    parser.add_argument("--speed", type=float, default=1.0, help="of the exchange's clock")
    parser.add_argument("--calendar", choices=("always-open", "XNSE"), default="always-open")
    parser.add_argument("--lenient", action="store_true", help="market orders without market_protection")
    parser.add_argument("--data-dir", type=Path, help="keeps accounts, orders and positions")
    return Options(**vars(parser.parse_args(arguments)))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


if __name__ == "__main__":
    sys.exit(main())
