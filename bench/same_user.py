"""Eight strategies of one user, due in one second, on several workers: the broker counts one account."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bench.alone import SYMBOLS
from bench.crowd import LENGTH, PRICE, SELL_TIME, STOP, after
from bench.figures import of_samples
from bench.outcome import OURS, Outcome, Scene
from bench.people import People, User
from bench.spread import Samples, missing, most
from bench.stage import Stage, stage
from tests.e2e.trader import soon

STRATEGIES = 8
ROUNDS = 4
WORKERS = (1, 2, 4)
OF_THE_FIGURE = 2
AHEAD = 12.0
APART = 3
"""Seconds between one user's second and the next one's."""
SENT_WITHIN = 8.0
TOO_MANY = 429


async def together(scene: Scene, found: Outcome) -> None:
    """Measure with one, two and four workers; the figure is of two."""
    for workers in WORKERS:
        home = scene.home / f"same-user-{workers}"
        async with (
            stage(home, "--workers", str(workers)) as here,
            People.on(here.endpoints["api"], here.endpoints["paper"]) as people,
        ):
            users = await people.move_in(ROUNDS, here.rows)
            await here.quiet()
            late = await _rounds(people, users)
            refused = await _refused(here)
        measured = {"max_ms": most(late), "never": missing(late), "refused_429": refused}
        scene.tell(f"with {workers}: {measured}")
        found.facts[f"same_user_{workers}_workers"] = measured
        if workers == OF_THE_FIGURE:
            figure = of_samples("same_user_lateness_p99_ms", late, 0.99, refused_429=refused)
            figure.holds = refused == 0
            found.figures.append(figure)
            found.curve("same_user", OURS, late)


async def _rounds(people: People, users: Sequence[User]) -> Samples:
    """Let one user after the other have all their strategies in one second; return each lateness in ms."""
    for symbol in SYMBOLS[:STRATEGIES]:
        await people.price(symbol, PRICE)
    first = await soon(AHEAD, LENGTH)
    dues = [first + timedelta(seconds=APART * number) for number in range(len(users))]
    await asyncio.gather(*(_start(people, user, due) for user, due in zip(users, dues, strict=True)))
    await asyncio.sleep(max(0, dues[-1].timestamp() + SENT_WITHIN - time.time()))
    ledger = await people.ledger()
    return [
        late
        for user, due in zip(users, dues, strict=True)
        for late in _lateness(ledger, user, due.timestamp())
    ]


async def _start(people: People, user: User, due: datetime) -> None:
    for symbol in SYMBOLS[:STRATEGIES]:
        made = await people.create(user, due, SELL_TIME, symbol=symbol, stop_loss=STOP)
        await people.start(user, made)


def _lateness(ledger: Sequence[dict[str, Any]], user: User, due: float) -> Samples:
    received = {
        row["tradingsymbol"]: row["received_at"]
        for row in ledger
        if row["user_id"] == user.broker_user_id and row["transaction_type"] == "BUY"
    }
    return [after(received.get(symbol), due) for symbol in SYMBOLS[:STRATEGIES]]


async def _refused(here: Stage) -> int:
    rows = await here.product.paper("/_paper/refused")
    return sum(row["status"] == TOO_MANY for row in rows)
