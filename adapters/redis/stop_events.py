"""Writes a hit stop as an event of `queue:orders`, and reads it back where its signature holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from adapters.redis.keys import STOPLOSS, TARGET
from domain.hit_stop import HitStop
from domain.money import price_of
from domain.trigger import TriggerKind

SEPARATOR = "|"
WITHOUT_PEAK = "-"
_EVENTS = {TriggerKind.STOP: STOPLOSS, TriggerKind.TARGET: TARGET}
_KINDS = {name: kind for kind, name in _EVENTS.items()}


class Signatures(Protocol):
    """Signs and checks texts; only listener and workers can."""

    def sign(self, message: str) -> str: ...

    def is_signed(self, message: str, signature: str) -> bool: ...


def event_of(stop: HitStop, signatures: Signatures) -> str:
    """Return id, event, price, time, peak and signature as one text: more arguments take longer to pack."""
    words = (str(stop.strategy_id), _EVENTS[stop.kind], str(stop.price), str(_milliseconds(stop.at)))
    peak = WITHOUT_PEAK if stop.peak is None else str(stop.peak)
    return _joined(*words, peak, signatures.sign(_signed(words, peak)))


def read_event(event: Mapping[str, str], signatures: Signatures) -> HitStop | None:
    """Return the hit stop of an entry, None where it is not signed or not one."""
    words = tuple(event.get(name, "") for name in ("strategy_id", "event", "price", "at"))
    peak = event.get("peak", WITHOUT_PEAK)
    if not signatures.is_signed(_signed(words, peak), event.get("mac", "")):
        return None
    strategy_id, name, price, at = words
    kind, found = _KINDS.get(name), price_of(price)
    if kind is None or found is None:
        return None
    try:
        when = datetime.fromtimestamp(int(at) / 1000, UTC)
        return HitStop(UUID(strategy_id), found, when, kind, price_of(peak))
    except (ValueError, OverflowError, OSError):
        return None


def _signed(words: tuple[str, ...], peak: str) -> str:
    """Return what is signed. A peak is named only where there is one: an older build signs four words."""
    return _joined(*words) if peak == WITHOUT_PEAK else _joined(*words, peak)


def _joined(*words: str) -> str:
    return SEPARATOR.join(words)


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
