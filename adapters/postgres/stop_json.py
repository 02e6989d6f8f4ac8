"""Converts what is known of an order that rests between its row and the domain.

`orders.stop` holds `{kind, trigger, limit, used_up, cancel_asked_at, ended, ended_at}`, prices as text and
instants in ISO 8601; changes are among its `modifications`, `{price, reason, due_at, sent_at, confirmed_at,
refused}`, where a price of null is a change to the market. `strategies.protection` holds `{where, since,
order_id, trigger, why}`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.kept_stop import Protection
from domain.resting_facts import Change, Ended, RestingFacts
from domain.stop_prices import StopPrices
from domain.terms import Protect


def stop_json(prices: StopPrices) -> dict[str, Any]:
    """Return the prices of a stop as they are written."""
    limit = None if prices.limit is None else str(prices.limit)
    return {"kind": prices.kind.value, "trigger": str(prices.trigger), "limit": limit}


def resting_facts(
    stop: Mapping[str, Any] | None, modifications: Sequence[Mapping[str, Any]]
) -> RestingFacts | None:
    """Return what is known of an order; None of one that was sent at the market."""
    if stop is None:
        return None
    moved = [Decimal(change["price"]) for change in modifications if change["price"] is not None]
    return RestingFacts(
        (Decimal(stop["trigger"]), *moved),
        _last_change(modifications),
        len(modifications) - len(moved),
        bool(stop.get("used_up")),
        _instant(stop.get("cancel_asked_at")),
        None if stop.get("ended") is None else Ended(stop["ended"]),
        _instant(stop.get("ended_at")),
    )


def protection_json(shown: Protection) -> dict[str, Any]:
    """Return where a stop lies as it is written."""
    return {
        "where": shown.where.value,
        "since": shown.since.isoformat(),
        "order_id": shown.order_id,
        "trigger": None if shown.trigger is None else str(shown.trigger),
        "why": shown.why,
    }


def read_protection(written: Mapping[str, Any] | None) -> Protection | None:
    """Return where a stop lies as it was written; None where nothing was."""
    if written is None:
        return None
    return Protection(
        Protect(written["where"]),
        datetime.fromisoformat(written["since"]),
        written["order_id"],
        None if written["trigger"] is None else Decimal(written["trigger"]),
        written["why"],
    )


def _last_change(modifications: Sequence[Mapping[str, Any]]) -> Change | None:
    if not modifications:
        return None
    last = modifications[-1]
    trigger = None if last["price"] is None else Decimal(last["price"])
    sent_at = datetime.fromisoformat(last["sent_at"])
    shown = last["confirmed_at"] is not None
    return Change(len(modifications), trigger, sent_at, bool(last.get("refused")), shown)


def _instant(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)
