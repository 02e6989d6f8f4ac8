"""Writes a hit stop as an event of `queue:orders`, and reads it back where its signature holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from adapters.redis.keys import STOPLOSS
from domain.hit_stop import HitStop
from domain.money import price_of

SEPARATOR = "|"


class Signatures(Protocol):
    """Signs and checks texts; only listener and workers can."""

    def sign(self, message: str) -> str: ...

    def is_signed(self, message: str, signature: str) -> bool: ...


def event_of(stop: HitStop, signatures: Signatures) -> str:
    """Return id, event, price, time and signature as one text: five arguments would take as long to pack."""
    words = _joined(str(stop.strategy_id), STOPLOSS, str(stop.price), str(_milliseconds(stop.at)))
    return f"{words}{SEPARATOR}{signatures.sign(words)}"


def read_event(event: Mapping[str, str], signatures: Signatures) -> HitStop | None:
    """Return the hit stop of an entry, None where it is not signed or not one."""
    words = tuple(event.get(name, "") for name in ("strategy_id", "event", "price", "at"))
    if not signatures.is_signed(_joined(*words), event.get("mac", "")):
        return None
    strategy_id, kind, price, at = words
    found = price_of(price)
    if kind != STOPLOSS or found is None:
        return None
    try:
        return HitStop(UUID(strategy_id), found, datetime.fromtimestamp(int(at) / 1000, UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _joined(*words: str) -> str:
    return SEPARATOR.join(words)


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
