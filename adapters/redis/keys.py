"""Names every key in Redis, each once.

The keys of strategies and the queue are public: contract section 4.
"""

from functools import lru_cache
from uuid import UUID

QUEUE = "queue:orders"
"""The stream of hit triggers: each entry has `strategy_id`, `event`, which is `STOPLOSS` or `TARGET`, the
`price`, when the listener said so (`at`, epoch milliseconds), the `peak` that a stop follows ("-" for none),
and its signature over them (`mac`)."""
STOPLOSS = "STOPLOSS"
TARGET = "TARGET"
WORKERS = "workers"
"""The group of the queue's readers."""
WHOLE = "stopwatch:whole"
"""The mark of a filled cache."""
THROTTLE = "throttle"
"""What the keys of counted allowances begin with."""


def strategy_key(strategy_id: UUID) -> str:
    return f"strategy:{strategy_id}"


def runtime_key(strategy_id: UUID) -> str:
    return f"runtime:{strategy_id}"


def minutes_key(strategy_id: UUID) -> str:
    """Return a key of the id's digits alone: keys that spell a strategy's id end with its stop (contract)."""
    return f"minutes:{strategy_id.hex}"


@lru_cache(maxsize=50_000)
def cached_runtime_key(strategy_id: UUID) -> str:
    """Return the strategy's key, cached: formatting an id costs more than remembering it."""
    return runtime_key(strategy_id)


def symbol_key(exchange: str, symbol: str) -> str:
    """Return `symbol:TCS:strategies`, or `symbol:BSE:TCS:strategies` off NSE."""
    name = symbol if exchange == "NSE" else f"{exchange}:{symbol}"
    return f"symbol:{name}:strategies"
