"""Invariant 5: days without a fault of their own go as planned; and how many days did."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.chaos.case import Case, Found, Violation
from tests.chaos.hand_plan import outcomes_of

TOO_MANY = 429
NOBODY_ELSES = {"terminate", "flush"}
"""Disturbances that no other day may feel: another's run that was ended, a flushed Redis."""


def isolation(case: Case) -> Found:
    """5: who had no fault of his own has his day as planned, unless a shared part failed in it."""
    for record in undisturbed(case):
        wanted = outcomes_of(record["day"])
        for strategy_id in record["strategies"]:
            outcome = case.seen.strategies[strategy_id]["outcome"]
            if outcome not in wanted:
                yield Violation(
                    "5", f"{record['day']['kind']} ended as {outcome}, with nothing in its way", strategy_id
                )
        yield from _overrun(case, record)


def _overrun(case: Case, record: dict[str, Any]) -> Found:
    """The broker refuses no question for being one too many: all processes together keep its pace."""
    for row in case.seen.refused:
        theirs = row["user_id"] == record["user"] and record["began"] <= row["received_at"] <= record["ended"]
        if theirs and row["status"] == TOO_MANY and row["path"] == "/quote":
            yield Violation("5", "a question for prices was one too many", record["strategies"][-1])


def undisturbed(case: Case) -> Iterator[dict[str, Any]]:
    spared = set(case.seen.script["fault_free_lanes"])
    disturbances = case.seen.script["disturbances"]
    shared = [(row["at"] - 1, row["until"] + 6) for row in disturbances if row["what"] not in NOBODY_ELSES]
    terminated = {row["hit"] for row in disturbances if row["what"] == "terminate"}
    for record in case.seen.script["days"]:
        if record["day"]["lane"] not in spared or "trouble" in record:
            continue
        if terminated & set(record["strategies"]) or not _started_in_time(record):
            continue
        if all(until < record["began"] or at > record["ended"] for at, until in shared):
            yield record


def _started_in_time(record: dict[str, Any]) -> bool:
    """Tell whether START was answered before buy_time: on a machine without a free core it may not be."""
    starts = [act for act in record["acts"] if act["what"] == "start"]
    return all(act["at"] < act["buy_at"] - 1 for act in starts)


def as_planned(case: Case) -> dict[str, str]:
    """Say how many days ended as their kind says, by what was in their way."""
    spared = set(case.seen.script["fault_free_lanes"])
    calm = {id(record) for record in undisturbed(case)}
    days: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for record in case.seen.script["days"]:
        own = record["day"]["lane"] not in spared
        way = "nothing" if id(record) in calm else "own faults" if own else "shared parts failing"
        outcomes = [case.seen.strategies[strategy_id]["outcome"] for strategy_id in record["strategies"]]
        days[way] += 1
        good[way] += set(outcomes) <= outcomes_of(record["day"])
    return {way: f"{good[way]} of {count}" for way, count in days.items()}
