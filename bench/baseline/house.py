"""Holds what the three processes share: addresses, and the keys in Redis."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

QUEUE = "queue:orders"
STARTED_SCHEDULER = "started:scheduler"
STARTED_LISTENER = "started:listener"
BLOCK_SECONDS = 2
"""Shorter than the client's own socket timeout of 5 s."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are; the processes get it through their environment."""

    database: str
    redis: str
    kite: str
    feed: str
    feed_api_key: str
    feed_access_token: str

    @classmethod
    def of_environment(cls) -> "Addresses":
        return cls(**json.loads(os.environ["BASELINE"]))

    def environment(self) -> dict[str, str]:
        return {"BASELINE": json.dumps(asdict(self))}


@dataclass(frozen=True, slots=True)
class Strategy:
    """One strategy as START loads it into Redis. `buy_at` and `sell_at`: epoch seconds."""

    strategy_id: str
    user_id: str
    symbol: str
    buy_at: float
    sell_at: float
    stop_loss: float
    quantity: int

    @property
    def key(self) -> str:
        return f"strategy:{self.strategy_id}"

    @classmethod
    def read(cls, found: dict[str, Any]) -> "Strategy":
        """Read the hash `strategy:{id}`."""
        return cls(
            found["strategy_id"],
            found["user_id"],
            found["symbol"],
            float(found["buy_at"]),
            float(found["sell_at"]),
            float(found["stop_loss"]),
            int(found["quantity"]),
        )


def say_ready() -> None:
    """Tell the process that started this one that it is at work."""
    if mark := os.environ.get("BASELINE_READY"):
        Path(mark).write_text("ready\n")


def event(strategy_id: str, kind: str) -> str:
    """Return what goes into the queue."""
    return json.dumps({"strategy_id": strategy_id, "event": kind})
