"""What the three processes share: where everything is, the keys in Redis, the tables in Postgres."""

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

SCHEMA = """
CREATE TABLE broker_keys (user_id text PRIMARY KEY, api_key text NOT NULL, access_token text NOT NULL);
CREATE TABLE strategies (
    strategy_id text PRIMARY KEY, user_id text NOT NULL REFERENCES broker_keys, symbol text NOT NULL,
    buy_at double precision NOT NULL, sell_at double precision NOT NULL, stop_loss numeric NOT NULL,
    quantity integer NOT NULL, status text NOT NULL
);
CREATE TABLE order_log (
    order_log_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, strategy_id text NOT NULL,
    user_id text NOT NULL, event text NOT NULL, order_id text, error text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX order_log_strategy ON order_log (strategy_id);
"""


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
    """Tell whoever started this process that it is at work."""
    if mark := os.environ.get("BASELINE_READY"):
        Path(mark).write_text("ready\n")


def event(strategy_id: str, kind: str) -> str:
    """Return what goes into the queue."""
    return json.dumps({"strategy_id": strategy_id, "event": kind})
