"""Invariant 12: a series has no day twice, loses none, and has none after its end."""

from collections import Counter
from typing import Any

from tests.chaos.case import Case, Found, Violation

GOES_ON = {"sold", "stop_loss", "target", "skipped", "missed", "closed_outside"}
"""Outcomes after which the next day waits, unless its user or an operator ended the series."""
IN_DOUBT = {"sent", "absent", "open"}


def series(case: Case) -> Found:
    """12: each series has ended, with one START a day, and no order of a day that was called off."""
    days = Counter((str(start["series_id"]), start["trading_day"]) for start in case.seen.starts)
    of_series = {str(row["series_id"]): row for row in case.seen.series}
    for (series_id, day), count in days.items():
        if count > 1:
            yield Violation("12", f"{count} STARTs for {day}", _strategy(of_series[series_id]))
    for series_id, row in of_series.items():
        if row["ended_at"] is None:
            yield Violation("12", "its series was never ended", _strategy(row))
        yield from _seam(case, row, sorted(day for (of, day) in days if of == series_id))


def _seam(case: Case, row: dict[str, Any], days: list[Any]) -> Found:
    strategy_id = _strategy(row)
    after_first = [order for order in case.orders[strategy_id] if days and order["trading_day"] > days[0]]
    if any(order["sent_at"] for order in after_first):
        yield Violation("12", "a day traded that its user had called off", strategy_id)
    if len(days) == 1 and _should_go_on(case, row):
        outcome = case.seen.strategies[strategy_id]["outcome"]
        yield Violation("12", f"no day follows one that ended as {outcome}: {row['ended_by']}", strategy_id)


def _should_go_on(case: Case, row: dict[str, Any]) -> bool:
    """Tell whether the day ended by itself, with nothing left, in a series that was open."""
    strategy_id = _strategy(row)
    ended = case.seen.strategies[strategy_id]
    left = ended["bought_quantity"] - ended["sold_quantity"] - ended.get("outside_quantity", 0)
    in_doubt = any(order["status"] in IN_DOUBT for order in case.orders[strategy_id])
    in_doubt = in_doubt or (row["ended_by"] == "in_doubt" and _was_in_doubt(case, strategy_id))
    return ended["outcome"] in GOES_ON and not left and not in_doubt and not _was_ended(case, row)


def _was_in_doubt(case: Case, strategy_id: str) -> bool:
    """Tell whether an order was given up as absent, though it has turned up since."""
    return any(line["kind"] == "order_absent" for line in case.seen.events.get(strategy_id, ()))


def _was_ended(case: Case, row: dict[str, Any]) -> bool:
    strategy_id = _strategy(row)
    terminated = {one["hit"] for one in case.seen.script["disturbances"] if one["what"] == "terminate"}
    record = case.played.get(strategy_id)
    acts = record["acts"] if record is not None else ()
    asked = any(
        act["what"] in ("stop", "cancel", "kill") and act["strategy_id"] == strategy_id for act in acts
    )
    return asked or strategy_id in terminated


def _strategy(row: dict[str, Any]) -> str:
    return str(row["strategy_id"])
