"""What a run left behind, read from the outside: the exchange's ledger, Postgres, Redis, Temporal."""

import argparse
import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis
from temporalio.client import Client, WorkflowHistory

from adapters.temporal.connection import DATA_CONVERTER
from tests.chaos.rows import connected

REST_WITHIN = 90
"""Seconds in which everything must have come to rest after the last day."""
OPEN = "WorkflowType = 'StrategyRun' AND ExecutionStatus = 'Running'"
REPLAYED = 150


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the invariants are judged by."""

    script: dict[str, Any]
    ledger: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    strategies: dict[str, dict[str, Any]]
    orders: list[dict[str, Any]]
    events: dict[str, list[dict[str, Any]]]
    redis_keys: list[str]
    open_runs: list[str]
    views: dict[str, Any] = field(default_factory=dict)
    histories: list[WorkflowHistory] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)
    starts: list[dict[str, Any]] = field(default_factory=list)
    """The STARTs that became days of series, oldest first."""


async def gathered(asked: argparse.Namespace) -> Evidence:
    """Wait until everything is at rest (or should be), and read it all."""
    endpoints = json.loads(asked.endpoints.read_text())
    script = json.loads(asked.script.read_text())
    temporal = await Client.connect(endpoints["temporal"], data_converter=DATA_CONVERTER)
    open_runs = await _at_rest(temporal)
    await asyncio.sleep(2)  # a row is written right after its run's last word
    ledger, refused = await _paper(endpoints["paper"])
    strategies, orders, events = await _postgres(endpoints["postgres"])
    series, starts, rounds = await _series(endpoints["postgres"])
    strategies |= first_days(strategies, starts, rounds)
    runs = [run async for run in temporal.list_workflows("WorkflowType = 'StrategyRun'")]
    return Evidence(
        script,
        ledger,
        refused,
        strategies,
        orders,
        events,
        await _redis(endpoints["redis"]),
        open_runs,
        await _views(temporal, strategies),
        await _histories(temporal, [(run.id, run.run_id) for run in runs]),
        series,
        starts,
    )


async def _at_rest(temporal: Client) -> list[str]:
    until = time.monotonic() + REST_WITHIN
    while True:
        found = [run.id async for run in temporal.list_workflows(OPEN)]
        if not found or time.monotonic() > until:
            return found
        await asyncio.sleep(1)


async def _paper(url: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        ledger = (await client.get("/_paper/ledger?history=1")).json()
        refused = (await client.get("/_paper/refused")).json()
    return ledger, refused


async def _postgres(
    url: str,
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    connection = await connected(url)
    try:
        strategies = {
            str(row["strategy_id"]): dict(row) for row in await connection.fetch("SELECT * FROM strategies")
        }
        orders = [
            dict(row)
            for row in await connection.fetch(
                "SELECT * FROM orders ORDER BY strategy_id, trading_day, round, leg, attempt"
            )
        ]
        events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in await connection.fetch("SELECT * FROM events ORDER BY event_id"):
            events[str(row["strategy_id"])].append(dict(row))
    finally:
        await connection.close()
    return strategies, orders, events


async def _series(
    url: str,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    connection = await connected(url)
    try:
        series = await connection.fetch("SELECT * FROM series")
        starts = await connection.fetch(
            "SELECT start_id, strategy_id, series_id, (plan->>'trading_day')::date AS trading_day "
            "FROM starts WHERE series_id IS NOT NULL AND EXISTS (SELECT FROM events "
            "WHERE events.strategy_id = starts.strategy_id AND once = start_id::text || ':started') "
            "ORDER BY written_at"
        )
        rounds = await connection.fetch("SELECT * FROM strategy_days ORDER BY trading_day, round")
    finally:
        await connection.close()
    return [dict(row) for row in series], [dict(row) for row in starts], [dict(row) for row in rounds]


def first_days(
    strategies: dict[str, dict[str, Any]], starts: list[dict[str, Any]], rounds: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the rows of strategies whose next day was begun as they stood at the end of the day before.

    Their user ended the series while that next day waited: what was traded is in the books alone.
    """
    newest = {str(start["strategy_id"]): start for start in starts}
    return {
        strategy_id: row | _as_it_ended(of_day[-1])
        for strategy_id, row in strategies.items()
        if (start := newest.get(strategy_id)) is not None and row["trading_day"] == start["trading_day"]
        for of_day in [_rounds_before(rounds, strategy_id, start["trading_day"])]
        if of_day
    }


def _rounds_before(rounds: list[dict[str, Any]], strategy_id: str, day: date) -> list[dict[str, Any]]:
    return [one for one in rounds if str(one["strategy_id"]) == strategy_id and one["trading_day"] < day]


def _as_it_ended(last: dict[str, Any]) -> dict[str, Any]:
    bought, sold, outside = last["quantity"], last["sold"], last["outside"]
    left = bought - sold - outside
    return {
        "trading_day": last["trading_day"],
        "round": last["round"],
        "outcome": last["outcome"],
        "outcome_detail": last["outcome_detail"],
        "bought_quantity": bought,
        "sold_quantity": sold,
        "outside_quantity": outside,
        "position": "none" if not bought else "bought" if left > 0 else "sold",
        "workflow_id": f"strategy-{last['strategy_id']}-{last['trading_day']}",
        "run_id": None,
    }


async def _redis(url: str) -> list[str]:
    async with Redis.from_url(url, decode_responses=True) as redis:
        return [key async for key in redis.scan_iter("*", count=1000)]


async def _views(temporal: Client, strategies: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what the last run of each strategy answered; a cancelled run has no answer."""
    limit = asyncio.Semaphore(16)

    async def view(strategy_id: str, workflow_id: str, run_id: str | None) -> tuple[str, Any]:
        async with limit:
            handle = temporal.get_workflow_handle(workflow_id, run_id=run_id)
            if (await handle.describe()).status is None:
                return strategy_id, None
            try:
                async with asyncio.timeout(5):
                    return strategy_id, await handle.result(follow_runs=False)
            except Exception as none:  # cancelled, or still open: judged elsewhere
                return strategy_id, {"status": type(none).__name__}

    rows = [
        (strategy_id, row["workflow_id"], row["run_id"])
        for strategy_id, row in strategies.items()
        if row["workflow_id"] and row["started_at"]
    ]
    return dict(await asyncio.gather(*(view(*row) for row in rows)))


async def _histories(temporal: Client, runs: Sequence[tuple[str, str]]) -> list[WorkflowHistory]:
    step = max(1, len(runs) // REPLAYED)
    return [
        await temporal.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        for workflow_id, run_id in list(runs)[::step]
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.checker")
    parser.add_argument("--endpoints", type=Path, required=True, help="endpoints.json of the product")
    parser.add_argument("--script", type=Path, required=True, help="what the runner did")
    parser.add_argument("--out", type=Path, required=True, help="where the verdict is written")
    return parser.parse_args()
