"""Words the alerts and timeline lines about the limits of an account's day."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from domain.account_day import WrittenBreach
from domain.day_round import DayRound
from domain.limits import LimitName, OnBreach, limit_name
from domain.money import price_text
from domain.quote import FRESH
from domain.run import Alarm

MOST_SYMBOLS = 10
"""Symbols that one alert names."""


def breach_text(written: WrittenBreach) -> str:
    """Say which limit was reached by what, and what follows."""
    breach = written.breach
    if breach.limit is LimitName.TRADES_A_DAY:
        return f"Your limit of {int(breach.value)} trades a day is used up. {_BLOCKED}"
    kind = "loss" if breach.limit is LimitName.DAILY_LOSS else "profit"
    come = "" if breach.net is None else f": the day has come to {_signed(breach.net)}, after charges"
    then = _SOLD if breach.on_breach is OnBreach.EXIT else _KEPT
    return f"Your limit for a day's {kind}, {price_text(breach.value)}, is reached{come}. {_BLOCKED} {then}"


def bar_warnings(written: WrittenBreach | None, day: date) -> list[str]:
    """Return the warning that a limit, reached before, bars a purchase of a day; none where it does not."""
    if written is None or written.day != day:
        return []
    name = limit_name(written.breach.limit)
    return [f"Your limit for {name} was reached on {day}: nothing is bought on that day any more."]


def breach_alarm(written: WrittenBreach) -> Alarm:
    """Return the alert for a limit that was reached."""
    breach = written.breach
    data = {
        "limit": breach.limit.value,
        "value": str(breach.value),
        "on_breach": breach.on_breach.value,
        "trading_day": written.day.isoformat(),
    }
    if breach.net is not None:
        data["net"] = str(breach.net)
    return Alarm("limit_reached", breach_text(written), written.user_id, data=data)


def gap_alarm(user_id: UUID, missing: Sequence[DayRound]) -> Alarm:
    """Return the alert for held shares whose price is missing; `missing` has at least one."""
    names = sorted({f"{one.exchange}:{one.symbol}" for one in missing})
    more = f" and {len(names) - MOST_SYMBOLS} more" if len(names) > MOST_SYMBOLS else ""
    return Alarm(
        "limits_unpriced",
        f"No price of the last {FRESH.total_seconds():.0f} s is known of "
        f"{', '.join(names[:MOST_SYMBOLS])}{more}, which the account holds, so whether its limit for a day's "
        "loss or profit is reached is not known. Nothing is bought until the price is back, and nothing is "
        "sold for that. Stops are watched on their own. See that a listener runs and its feed is connected.",
        user_id,
        data={"strategies": " ".join(str(one.strategy_id) for one in missing[:MOST_SYMBOLS])},
    )


_BLOCKED = "Nothing more is bought until the next trading day, whatever the limits are changed to."
_SOLD = "What is held is sold now, and strategies that wait are stopped."
_KEPT = "What is held is watched and sold by its own stop and times."


def _signed(net: Decimal) -> str:
    return f"{'-' if net < 0 else ''}{price_text(abs(net).quantize(Decimal('0.01')))}"
