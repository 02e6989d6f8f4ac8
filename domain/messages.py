"""Decodes signals and updates to a run. A malformed message never raises in the run.

A signal whose handler raises leaves the run's workflow task failing for ever, with no sale at sell_time; one
that does not fit its type is dropped by the worker while the sender sees success. So these take anything.
"""

from collections.abc import Mapping
from datetime import datetime

from domain.limits import LimitName
from domain.money import price_of
from domain.run import PriceHit
from domain.strategy import OnStop


def read_hit(message: object) -> PriceHit | None:
    """Return the hit in `{price, tick_at, seen_at, peak}`, None where there is no valid trade price."""
    if not isinstance(message, Mapping):
        return None
    price = price_of(message.get("price"))
    if price is None:
        return None
    peak = price_of(message.get("peak"))
    return PriceHit(price, _instant(message.get("tick_at")), _instant(message.get("seen_at")), peak)


def read_stop(message: object) -> OnStop | None:
    """Return the on_stop in `{on_stop}`, None where it leaves the choice to the strategy."""
    word = message.get("on_stop") if isinstance(message, Mapping) else message
    try:
        return OnStop(str(word)) if word is not None else None
    except ValueError:
        return None


def read_limit(message: object) -> LimitName | None:
    """Return the limit of the account in `{limit}` that stops a run, None where a person does."""
    word = message.get("limit") if isinstance(message, Mapping) else None
    try:
        return LimitName(str(word)) if word is not None else None
    except ValueError:
        return None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None
