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

LONGEST_ECHO = 60
"""Characters of a refused message that its refusal repeats."""


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


def stop_fault(message: object) -> str | None:
    """Return why a stop must not be carried out, in words; None where it says clearly what is wanted.

    Clear are nothing at all, which leaves the shares to the strategy's own on_stop, and `{on_stop, limit}` of
    known words, of which each may be left out. What is misspelt would sell what its sender wants to keep.
    """
    if message is None:
        return None
    if not isinstance(message, Mapping):
        return _stop_refused(f"{_shortened(message)} is none of these")
    odd = [str(field) for field in message if field not in ("on_stop", "limit")]
    if odd:
        return _stop_refused(f"it has no field {_shortened(odd[0])}")
    word, limit = message.get("on_stop"), message.get("limit")
    if word is not None and word not in tuple(OnStop):
        return _stop_refused(f"on_stop cannot be {_shortened(word)}")
    if limit is not None and limit not in tuple(LimitName):
        return _stop_refused(f"limit cannot be {_shortened(limit)}")
    return None


def _stop_refused(why: str) -> str:
    return (
        'not stopped: the update "stop" takes {"on_stop": "exit"}, which sells what is held, '
        '{"on_stop": "keep"}, which keeps it, or no input, which does what the strategy\'s own on_stop says; '
        f"{why}"
    )


def _shortened(value: object) -> str:
    words = repr(value)
    return words if len(words) <= LONGEST_ECHO else f"{words[:LONGEST_ECHO]}…"


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
