"""Postgres as the schema's owner, read by the harness and by the checker."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import asyncpg

from domain.session import exchange_time

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""How a connection fails whose server was killed."""


async def connected(url: str, seconds: float = 60) -> "asyncpg.Connection[asyncpg.Record]":
    """Connect, waiting out a restart of the server."""
    for _ in range(int(seconds * 2)):
        try:
            found = await asyncpg.connect(url, timeout=3)
            await found.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        except AWAY:
            await asyncio.sleep(0.5)
            continue
        return found
    raise TimeoutError(f"Postgres did not answer in {seconds:g} s")


class States:
    """What Postgres says of strategies, asked again and again through its restarts."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def of(self, strategy_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return `{strategy_id: row}`; empty while Postgres is away."""
        query = (
            "SELECT strategy_id, status, phase, position, outcome, trading_day FROM strategies "
            "WHERE strategy_id = ANY($1)"
        )
        try:
            if self._connection is None:
                self._connection = await connected(self._url, 5)
            rows = await self._connection.fetch(query, list(strategy_ids), timeout=3)
        except AWAY:
            self._drop()
            return {}
        return {str(row["strategy_id"]): dict(row) for row in rows}

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


def next_day_waits(row: Mapping[str, Any]) -> bool:
    """Tell whether a strategy that repeats waits for a day that has not begun."""
    waits = row["status"] == "running" and row["phase"] == "waiting"
    return waits and bool(row["trading_day"] > exchange_today())


def exchange_today() -> date:
    """Return the date in India."""
    return exchange_time(datetime.now(UTC)).date()
