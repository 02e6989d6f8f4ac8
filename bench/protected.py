"""Stops at the exchange: how soon one rests after its fill, and how late a sale is that is a change of it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bench.crowd import LENGTH, PRICE, STOP, SYMBOL, Crowd, Herd, after
from bench.figures import Figure, of_samples
from bench.outcome import OURS, Outcome, Scene
from bench.people import People, User
from bench.spread import Samples, percentile
from bench.stage import Stage, stage
from tests.e2e.trader import soon

WORKERS = "2"
HELD_FOR = 60.0
"""Seconds from the purchase of a thousand to their sale: by then each stop rests, and it is quiet."""
SOLD_WITHIN = 20.0
SINGLES = 15
APART = 2
AHEAD = 14.0
SINGLE_MS = 50
"""What the stop of one account may take, at the median."""
TERMS = {"protect": "exchange", "product": "MIS"}


async def protect(scene: Scene, found: Outcome) -> None:
    """Let single accounts buy, then a thousand in one second, which all sell in another one."""
    home = scene.home / "protected"
    async with (
        stage(home, "--workers", WORKERS) as here,
        People.on(here.endpoints["api"], here.endpoints["paper"]) as people,
    ):
        users = await people.move_in(scene.size.accounts, here.rows)
        await here.quiet()
        alone = await _singles(people, users[:SINGLES])
        scene.tell(f"one at a time: {alone}")
        crowd = Crowd(here, people, users, scene.pace, scene.tell, HELD_FOR, **TERMS)
        herd = await crowd.gather()
        entry = await crowd.enter(herd)
        sell_at = herd.due.timestamp() + HELD_FOR
        await asyncio.sleep(max(0, sell_at + SOLD_WITHIN - time.time()))
        ledger = await people.ledger()
        found.facts["protected_steps_ms"] = await _steps(here, ledger, herd)
        scene.tell(str(found.facts["protected_steps_ms"]))
    rested = _rested(ledger, herd)
    found.figures.append(_protected(rested, alone, entry))
    sold = [after(row["modified_at"], sell_at) for row in _stops(ledger, herd).values()]
    late = _short_of(sold, len(herd.strategies))
    found.figures.append(of_samples("exit_by_modification_lateness_p99_ms", late, 0.99))
    found.curve("protected", OURS, rested)
    found.curve("exit_by_modification", OURS, late)


def _protected(rested: Samples, alone: Samples, entry: Samples) -> Figure:
    """Return the figure of the thousand; it holds where the median of one account does as well."""
    single = percentile(alone, 0.5)
    figure = of_samples(
        "protected_p99_ms", rested, 0.99, single_p50_ms=single, entry_p99_ms=percentile(entry, 0.99)
    )
    if single is None or single > SINGLE_MS:
        figure.holds = False
    return figure


async def _steps(here: Stage, ledger: Sequence[dict[str, Any]], herd: Herd) -> dict[str, Any]:
    """Return the median and the p99 of when each step was done after the fill, in ms."""
    rows = await here.rows.fetch(
        "SELECT tag, leg, filled_at, sent_at, acknowledged_at FROM orders "
        "WHERE created_at > to_timestamp($1) AND leg IN ('entry', 'exit')",
        herd.due.timestamp() - 60,
    )
    by_tag = {row["tag"]: row for row in rows}
    steps: dict[str, list[float | None]] = {"seen": [], "claimed": [], "answered": []}
    stops = _stops(ledger, herd)
    for row in ledger:
        entry = by_tag.get(row["tag"])
        stop = by_tag.get(stops[row["user_id"]]["tag"]) if row["user_id"] in stops else None
        if row["transaction_type"] != "BUY" or entry is None or stop is None:
            continue
        steps["seen"].append(after(entry["filled_at"].timestamp(), row["updated_at"]))
        steps["claimed"].append(after(stop["sent_at"].timestamp(), row["updated_at"]))
        steps["answered"].append(after(stop["acknowledged_at"].timestamp(), row["updated_at"]))
    return {name: [percentile(times, 0.5), percentile(times, 0.99)] for name, times in steps.items()}


async def _singles(people: People, users: Sequence[User]) -> Samples:
    """Have users buy one after the other; return the ms from each fill to its stop."""
    await people.price(SYMBOL, PRICE)
    first = await soon(AHEAD, LENGTH)
    dues = [first + timedelta(seconds=APART * number) for number in range(len(users))]
    for user, due in zip(users, dues, strict=True):
        sells = f"{dues[-1] + timedelta(seconds=10):%H:%M:%S}"
        made = await people.create(user, due, sells, symbol=SYMBOL, stop_loss=STOP, **TERMS)
        await people.start(user, made)
    await asyncio.sleep(max(0, dues[-1].timestamp() + 8 - time.time()))
    ledger = await people.ledger()
    herd = Herd(first, {user.broker_user_id: "" for user in users}, 0)
    rested = _rested(ledger, herd)
    await asyncio.sleep(12)  # they sell, and are part of the thousand then
    return rested


def _rested(ledger: Sequence[dict[str, Any]], herd: Herd) -> Samples:
    """Return the ms from fill to stop of each account, None where none came."""
    stops = _stops(ledger, herd)
    bought = {
        row["user_id"]: row["updated_at"]
        for row in ledger
        if row["transaction_type"] == "BUY" and row["received_at"] >= herd.due.timestamp() - 1
    }
    return [
        after(stops[user]["received_at"] if user in stops else None, bought[user])
        for user in herd.strategies
        if user in bought
    ]


def _stops(ledger: Sequence[dict[str, Any]], herd: Herd) -> Mapping[str, dict[str, Any]]:
    """Return the first SELL of each account since the purchase."""
    found: dict[str, dict[str, Any]] = {}
    for row in ledger:
        mine = row["user_id"] in herd.strategies and row["transaction_type"] == "SELL"
        if mine and row["received_at"] >= herd.due.timestamp() - 1:
            found.setdefault(row["user_id"], row)
    return found


def _short_of(samples: Samples, count: int) -> Samples:
    return [*samples, *([None] * (count - len(samples)))]
