"""Operator commands on the order log: `python -m adapters.postgres.operator positions | resolve …`.

Reads the address of the database from STOPWATCH_DATABASE_URL alone; `stopwatch` finds it.
"""

import argparse
import asyncio
import getpass
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.named_database import ADDRESS, named_database
from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from adapters.postgres.order_resolution import NotResolved, Resolution, Resolving, Verdict
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from domain.errors import StoreUnavailable
from domain.held_stop import UNWATCHED_ADVICE, UNWATCHED_AFTER, HeldStop
from domain.operator_alerts import (
    BUY_BACK,
    SELL_LEFT_OVER,
    Differing,
    InDoubt,
    LeftOver,
    difference_advice,
    doubt_advice,
)
from domain.overdue import OverdueRun, overdue_words
from domain.session import exchange_time

PIPED_WIDTH = 160
_BROKER_ORDER_ID = re.compile(r"[A-Za-z0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of `stopwatch positions`: shares that are held, or that an order may have bought or sold."""

    kind: str
    strategy_id: UUID
    order_id: UUID | None
    user: str
    symbol: str
    quantity: int
    since: datetime
    why: str
    what_to_do: str


async def positions(store: Store) -> list[Listed]:
    """Return every position that needs a person, order in doubt and stalled run, oldest first."""
    attention = PostgresOperatorAlerts(store)
    left, doubts = await attention.left_over(), await attention.in_doubt()
    short = await attention.sold_twice()
    differing, overdue = await attention.differing(), await PostgresOverdueRuns(store).overdue()
    listed = [
        *map(_left_over, left),
        *map(_sold_twice, short),
        *map(_differing, differing),
        *map(_in_doubt, doubts),
        *map(_overdue, overdue),
        *map(_unwatched, await PostgresHeldStops(store).unwatched(UNWATCHED_AFTER)),
    ]
    return sorted(listed, key=lambda one: one.since)


def _left_over(left: LeftOver) -> Listed:
    why = f"Its strategy has stopped: {left.detail}"
    return _listed("held", left, why, SELL_LEFT_OVER)


def _sold_twice(short: LeftOver) -> Listed:
    why = "A sale that had been given up turned up at the broker: more was sold than bought"
    return _listed("sold_twice", short, why, BUY_BACK)


def _differing(one: Differing) -> Listed:
    return _listed(one.kind, one, one.detail, difference_advice(one.kind))


def _unwatched(stop: HeldStop) -> Listed:
    return Listed(
        kind="unwatched",
        strategy_id=stop.strategy_id,
        order_id=None,
        user=stop.email,
        symbol=f"{stop.exchange}:{stop.symbol}",
        quantity=stop.quantity,
        since=stop.watched_at,
        why="No listener has said since then that it watches its stop",
        what_to_do=UNWATCHED_ADVICE,
    )


def _listed(kind: str, left: LeftOver | Differing, why: str, what_to_do: str) -> Listed:
    return Listed(
        kind=kind,
        strategy_id=left.strategy_id,
        order_id=None,
        user=left.email,
        symbol=f"{left.exchange}:{left.symbol}",
        quantity=left.quantity,
        since=left.since,
        why=why,
        what_to_do=what_to_do,
    )


def _in_doubt(doubt: InDoubt) -> Listed:
    side = doubt.leg.side.lower()
    return Listed(
        kind="in_doubt",
        strategy_id=doubt.strategy_id,
        order_id=doubt.order_id,
        user=doubt.email,
        symbol=f"{doubt.exchange}:{doubt.symbol}",
        quantity=doubt.quantity,
        since=doubt.since,
        why=f"The order to {side} is {doubt.status.value}: {doubt.message or 'no answer yet'}",
        what_to_do=doubt_advice(doubt),
    )


def _overdue(run: OverdueRun) -> Listed:
    return Listed(
        kind="overdue",
        strategy_id=run.strategy_id,
        order_id=None,
        user=run.email,
        symbol=f"{run.exchange}:{run.symbol}",
        quantity=run.held,
        since=run.due_at,
        why=overdue_words(run),
        what_to_do=(
            f"Look at its run: temporal workflow describe -w {run.workflow_id}. Paused: unpause it. Pinned "
            "to a version without workers: start one of that version (STOPWATCH_BUILD_ID)."
        ),
    )


def table(listed: Sequence[Listed]) -> Table:
    """Format the list for a terminal; instants in exchange time."""
    shown = Table("Position", "Why", "What to do", show_lines=True)
    shown.columns[0].no_wrap = True
    for one in listed:
        lines = [
            f"{one.symbol} ×{one.quantity}, {one.kind.replace('_', ' ')}",
            f"{exchange_time(one.since):%Y-%m-%d %H:%M:%S}, {one.user}",
            "strategy and order:" if one.order_id else "strategy:",
            str(one.strategy_id),
            *([str(one.order_id)] if one.order_id else []),
        ]
        # Text, not markup: a broker's message may hold brackets and escapes.
        shown.add_row(Text("\n".join(lines)), Text(one.why), Text(one.what_to_do))
    return shown


def main(words: Sequence[str]) -> int:
    """Run one command; return its exit status: 1 when it was refused or the database does not answer."""
    asked = _parser().parse_args(words)
    address = named_database()
    if address is None:
        return 2
    try:
        return asyncio.run(_carry_out(asked, address))
    except NotResolved as refused:
        sys.stderr.write(f"{refused}\n")
    except StoreUnavailable as away:
        sys.stderr.write(f"{away}: check that it runs, and {ADDRESS}.\n")
    return 1


async def _carry_out(asked: argparse.Namespace, address: str) -> int:
    store = Store.open(address, pool_size=1, application="stopwatch operator")
    try:
        if asked.command == "positions":
            _show(await positions(store), as_json=asked.json)
        else:
            verdict, broker_order_id = asked.verdict
            resolution = Resolution(asked.order_id, verdict, broker_order_id, operator_name(), asked.reason)
            told = await Resolving(store).resolve(resolution)
            sys.stdout.write(f"Order {asked.order_id} is settled as {verdict.value}. {told}\n")
    finally:
        await store.close()
    return 0


def _show(listed: Sequence[Listed], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in listed], default=_plain, indent=2) + "\n")
    elif listed:
        Console(width=None if sys.stdout.isatty() else PIPED_WIDTH).print(table(listed))
    else:
        sys.stdout.write(
            "Every position is watched or kept on purpose, no order is in doubt, and no run is overdue.\n"
        )


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def operator_name() -> str:
    """Return the login name at the terminal, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return f"uid {os.getuid()}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stopwatch", description="What an operator sees and settles.")
    commands = parser.add_subparsers(dest="command", required=True)
    seen = commands.add_parser("positions", prog="stopwatch positions", help="positions nobody watches")
    seen.add_argument("--json", action="store_true", help="for scripts: one JSON array")
    settled = commands.add_parser("resolve", prog="stopwatch orders resolve", help="settle an order in doubt")
    settled.add_argument("order_id", type=_order_id, metavar="ORDER_ID")
    settled.add_argument(
        "--as",
        dest="verdict",
        type=_verdict,
        required=True,
        metavar="placed:BROKER_ORDER_ID|not-placed|absent",
        help="what the broker's order book shows for the order's tag",
    )
    settled.add_argument("--reason", type=reason_words, required=True, help="why, for the timeline")
    return parser


def _order_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one of our order ids; `stopwatch positions` shows them"
        ) from None


def _verdict(text: str) -> tuple[Verdict, str | None]:
    word, _, number = text.partition(":")
    if word == Verdict.PLACED:
        if not _BROKER_ORDER_ID.fullmatch(number):
            raise argparse.ArgumentTypeError("placed needs the broker's order number: placed:240601000123456")
        return Verdict.PLACED, number
    if number or word not in (Verdict.NOT_PLACED, Verdict.ABSENT):
        raise argparse.ArgumentTypeError(f"{text!r} is none of placed:BROKER_ORDER_ID, not-placed, absent")
    return Verdict(word), None


def reason_words(text: str) -> str:
    """Return a reason as stored. Raises for one that is empty or too long."""
    if not 1 <= len(text.strip()) <= 500:
        raise argparse.ArgumentTypeError("say why, in 1 to 500 characters")
    return text.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
