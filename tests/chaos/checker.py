"""The checker: a process of its own that believes no state of ours, and says which invariant was violated.

It reads the exchange's ledger, Postgres, Redis and Temporal after everything has come to rest, and from the
runner only what was *asked*: when, of whom, at which prices. The invariants are in docs/reliability.md.
"""

import asyncio
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.worker import Replayer

from adapters.temporal.connection import DATA_CONVERTER
from tests.chaos.evidence import Evidence, arguments, gathered
from tests.chaos.plan import GROUP, KINDS
from workflows.sandbox import workflow_runner
from workflows.strategy_run import StrategyRun

TOLERANCE = 0.1
"""Seconds by which two clocks of one machine are allowed to disagree."""
MISSED_AFTER = 5
LEAST_GROUP = GROUP[0]
FINAL = {"complete", "cancelled", "rejected", "not_placed", "absent"}
SAID = {"rejected": "order_rejected", "not_placed": "order_not_placed", "absent": "order_absent"}
TOO_MANY = 429
NAMES_POSITION = {"alert", "emergency", "adopted"}
NOBODY_ELSES = {"terminate", "flush"}
"""Disturbances that no other day may feel: another's run that was ended, a flushed Redis."""
OFF_BOOKS = 1000
"""Attempts whose number this divides were sent by the run alone while Postgres was away; rows came later."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and for whom."""

    invariant: str
    what: str
    strategy: str | None = None

    def row(self) -> dict[str, str | None]:
        return {"invariant": self.invariant, "strategy": self.strategy, "what": self.what}


Found = Iterator[Violation]


class Case:
    """The evidence, sorted by strategy."""

    def __init__(self, evidence: Evidence) -> None:
        self.seen = evidence
        self.by_tag = {order["tag"]: order for order in evidence.orders}
        self.users = {record["user"] for record in evidence.script["days"]}
        self.ledger = [row for row in evidence.ledger if row["user_id"] in self.users]
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.ledger:
            if (order := self.by_tag.get(row["tag"])) is not None:
                self.rows[str(order["strategy_id"])].append(row)
        self.orders: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for order in evidence.orders:
            self.orders[str(order["strategy_id"])].append(order)
        self.played = {
            strategy_id: record for record in evidence.script["days"] for strategy_id in record["strategies"]
        }

    def filled(self, strategy_id: str, row: dict[str, Any]) -> tuple[int, int]:
        """Return what the ledger says was bought and sold since the strategy last held nothing.

        A START that finds nothing held begins anew, and Postgres counts from there.
        """
        bought = sold = 0
        last = row["trading_day"], row["round"]
        for placed in self.rows[strategy_id]:
            order = self.by_tag[placed["tag"]]
            if bought == sold and (order["trading_day"], order["round"]) != last and order["leg"] == "entry":
                bought = sold = 0
            if placed["transaction_type"] == "BUY":
                bought += placed["filled_quantity"]
            else:
                sold += placed["filled_quantity"]
        begun_anew = not any(
            (order["trading_day"], order["round"]) == last and order["sent_at"]
            for order in self.orders[strategy_id]
        )
        return (0, 0) if begun_anew and bought == sold else (bought, sold)

    def story(self, strategy_id: str) -> dict[str, Any]:
        """Return all there is of one strategy, for whoever looks into a violation."""
        return {
            "row": self.seen.strategies[strategy_id],
            "timeline": [
                f"{event['at']:%H:%M:%S.%f} {event['kind']} {event['text']}"
                for event in self.seen.events.get(strategy_id, ())
            ],
            "orders": self.orders[strategy_id],
            "ledger": self.rows[strategy_id],
            "played": self.played.get(strategy_id),
        }

    def says(self, strategy_id: str, kinds: set[str]) -> bool:
        return any(event["kind"] in kinds for event in self.seen.events.get(strategy_id, ()))


def intents(case: Case) -> Found:
    """1: every order has an intent written before it, every intent that was sent has an end, sent once."""
    for row in case.ledger:
        order = case.by_tag.get(row["tag"])
        if order is None:
            yield Violation(
                "1", f"no intent for {row['transaction_type']} {row['order_id']} tag {row['tag']}"
            )
            continue
        strategy_id = str(order["strategy_id"])
        if order["side"] != row["transaction_type"]:
            yield Violation("1", f"{row['order_id']} is a {row['transaction_type']}", strategy_id)
        if order["leg"] == "exit" and order["attempt"] % OFF_BOOKS == 0 and _postgres_was_away(case, row):
            continue  # its intent is in the run's history
        for moment in ("created_at", "sent_at"):
            at = order[moment]
            if at is None or at.timestamp() > row["received_at"] + TOLERANCE:
                late = "never" if at is None else f"{at.timestamp() - row['received_at']:.2f} s after"
                yield Violation(
                    "1", f"{order['leg']} {order['attempt']}: {moment} {late} its order", strategy_id
                )
    for order in case.seen.orders:
        strategy_id = str(order["strategy_id"])
        if order["sent_at"] is not None and order["status"] not in FINAL:
            yield Violation("1", f"{order['leg']} {order['attempt']} is still {order['status']}", strategy_id)
        if order["status"] in ("absent", "not_placed") and not order["message"]:
            yield Violation(
                "1", f"{order['leg']} {order['attempt']} {order['status']}: no reason", strategy_id
            )
    yield from _sent_once(case)


def _postgres_was_away(case: Case, row: dict[str, Any]) -> bool:
    return any(
        one["target"] == "postgres" and one["at"] - 1 < row["received_at"] < one["until"] + 20
        for one in case.seen.script["disturbances"]
    )


def _sent_once(case: Case) -> Found:
    tags = Counter(row["tag"] for row in case.ledger)
    refused = Counter(row["tag"] for row in case.seen.refused if row["tag"] and row["method"] == "POST")
    for tag, times in (tags + refused).items():
        order = case.by_tag.get(tag)
        if times > 1 and order is not None:
            yield Violation(
                "1", f"{order['leg']} {order['attempt']} was sent {times} times", str(order["strategy_id"])
            )


def quantities(case: Case) -> Found:
    """2: one entry a round, never more sold than bought, and nothing left over in silence."""
    for strategy_id, row in case.seen.strategies.items():
        entries: Counter[tuple[Any, int]] = Counter()
        for placed in case.rows[strategy_id]:
            order = case.by_tag[placed["tag"]]
            if order["leg"] == "entry" and placed["status"] != "REJECTED":
                entries[order["trading_day"], order["round"]] += 1
        for (_, round_), count in entries.items():
            if count > 1:
                yield Violation("2", f"{count} entries in round {round_}", strategy_id)
        yield from _balance(case, strategy_id, row)
    yield from _accounts(case)


def _balance(case: Case, strategy_id: str, row: dict[str, Any]) -> Found:
    held = 0
    for placed in case.rows[strategy_id]:
        held += placed["filled_quantity"] * (1 if placed["transaction_type"] == "BUY" else -1)
        if held < 0:
            yield Violation("2", f"sold {-held} more than was bought", strategy_id)
            return
    if held > 0 and row["outcome"] != "kept" and not case.says(strategy_id, NAMES_POSITION):
        yield Violation("2", f"{held} shares are left ({row['outcome']}), and nobody was told", strategy_id)
    if held > 0 and row["outcome"] == "kept" and not _asked_to_keep(case, strategy_id):
        yield Violation("2", f"{held} shares were kept, and nobody asked for it", strategy_id)


def _asked_to_keep(case: Case, strategy_id: str) -> bool:
    record = case.played.get(strategy_id)
    return record is None or "keep" in record["day"]["kind"]


def _accounts(case: Case) -> Found:
    """What each account holds is what its strategies hold: no order of ours belongs to nobody."""
    held: Counter[str] = Counter()
    for row in case.ledger:
        held[row["user_id"]] += row["filled_quantity"] * (1 if row["transaction_type"] == "BUY" else -1)
    ours: Counter[str] = Counter()
    for strategy_id, row in case.seen.strategies.items():
        if strategy_id in case.played:
            ours[case.played[strategy_id]["user"]] += row["bought_quantity"] - row["sold_quantity"]
    for user in case.users:
        if held[user] != ours[user]:
            yield Violation("2", f"account {user} holds {held[user]}, its strategies {ours[user]}")


def moments(case: Case) -> Found:
    """3: nothing after the stop, no entry early, late, or at a crossed stop."""
    for strategy_id in case.seen.strategies:
        for placed in case.rows[strategy_id]:
            yield from _in_time(case, strategy_id, placed)
            yield from _not_after_the_stop(case, strategy_id, placed)
        record = case.played.get(strategy_id)
        if record and record["day"]["kind"] == "crossed" and case.rows[strategy_id]:
            yield Violation("3", "an entry though the price was at the stop", strategy_id)


def _in_time(case: Case, strategy_id: str, placed: dict[str, Any]) -> Found:
    order = case.by_tag[placed["tag"]]
    if order["leg"] != "entry":
        return
    first = next(
        other
        for other in case.orders[strategy_id]
        if other["leg"] == "entry"
        and other["round"] == order["round"]
        and other["trading_day"] == order["trading_day"]
    )
    # What the exchange took late because it said "timed out" first was sent in time.
    sent = (
        min(placed["received_at"], order["sent_at"].timestamp())
        if order["sent_at"]
        else placed["received_at"]
    )
    late = sent - first["due_at"].timestamp()
    if late > MISSED_AFTER + TOLERANCE:
        yield Violation("3", f"bought {late:.2f} s after buy_time", strategy_id)
    if late < -TOLERANCE:
        yield Violation("3", f"bought {-late:.2f} s before buy_time", strategy_id)


def _not_after_the_stop(case: Case, strategy_id: str, placed: dict[str, Any]) -> Found:
    running: datetime | None = None
    stopped: datetime | None = None
    for event in case.seen.events.get(strategy_id, ()):
        if event["at"].timestamp() > placed["received_at"]:
            break
        if event["kind"] == "started":
            running, stopped = event["at"], None
        elif event["kind"] == "stopped":
            stopped = event["at"]
    if stopped is None or running is None:
        return
    late = placed["received_at"] - stopped.timestamp()
    if late > TOLERANCE and not case.says(strategy_id, {"adopted"}):
        yield Violation("3", f"{placed['transaction_type']} {late:.2f} s after the stop", strategy_id)


def agreement(case: Case) -> Found:
    """4: Postgres, the ledger, the runs and Redis say the same; nothing is left running or lying about."""
    for strategy_id, row in case.seen.strategies.items():
        if row["status"] != "stopped" and row["started_at"] is not None:
            yield Violation("4", f"is still {row['status']}, phase {row['phase']}", strategy_id)
        bought, sold = case.filled(strategy_id, row)
        if (row["bought_quantity"], row["sold_quantity"]) != (bought, sold):
            yield Violation(
                "4",
                f"Postgres: bought {row['bought_quantity']}, sold {row['sold_quantity']}; "
                f"the ledger: {bought}, {sold}",
                strategy_id,
            )
        position = "none" if not bought else "bought" if bought > sold else "sold"
        if row["position"] != position:
            yield Violation("4", f"position {row['position']}, the ledger says {position}", strategy_id)
        yield from _run_agrees(case, strategy_id, row)
    for placed in case.ledger:
        order = case.by_tag.get(placed["tag"])
        if order is None:
            continue
        ours = order["broker_order_id"], order["filled_quantity"]
        theirs = placed["order_id"], placed["filled_quantity"]
        if ours != theirs:
            what = f"{order['leg']} {order['attempt']} ({order['status']}): order and filled {ours}"
            yield Violation("4", f"{what}, the ledger {theirs}", str(order["strategy_id"]))
    for key in case.seen.redis_keys:
        if key.startswith(("strategy:", "runtime:", "symbol:")):
            yield Violation("4", f"the Redis key {key} is left over", key.split(":")[1])
    for run in case.seen.open_runs:
        yield Violation("4", f"the run {run} is still open", run.removeprefix("strategy-")[:36])


def _run_agrees(case: Case, strategy_id: str, row: dict[str, Any]) -> Found:
    view = case.seen.views.get(strategy_id)
    if not isinstance(view, dict) or "bought" not in view:
        return
    said = (view["outcome"], view["position"], view["bought"], view["sold"])
    written = (row["outcome"], row["position"], row["bought_quantity"], row["sold_quantity"])
    if said != written:
        yield Violation("4", f"the run says {said}, Postgres {written}", strategy_id)


def isolation(case: Case) -> Found:
    """5: who had no fault of his own has his day as planned, unless a shared part failed in it."""
    for record in _undisturbed(case):
        wanted = KINDS[record["day"]["kind"]][0]
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


def _undisturbed(case: Case) -> Iterator[dict[str, Any]]:
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
    calm = {id(record) for record in _undisturbed(case)}
    days: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for record in case.seen.script["days"]:
        own = record["day"]["lane"] not in spared
        way = "nothing" if id(record) in calm else "own faults" if own else "shared parts failing"
        outcomes = [case.seen.strategies[strategy_id]["outcome"] for strategy_id in record["strategies"]]
        days[way] += 1
        good[way] += set(outcomes) <= KINDS[record["day"]["kind"]][0]
    return {way: f"{good[way]} of {count}" for way, count in days.items()}


def words(case: Case) -> Found:
    """6: what did not go as planned is in the timeline, with its reason."""
    for order in case.seen.orders:
        kind = SAID.get(order["status"])
        strategy_id = str(order["strategy_id"])
        if kind is None:
            continue
        lines = [
            event
            for event in case.seen.events.get(strategy_id, ())
            if event["kind"] == kind and event["data"].get("order_id") == str(order["order_id"])
        ]
        if not lines and order["sent_at"] is not None:
            yield Violation(
                "6", f"no line for {order['leg']} {order['attempt']}, {order['status']}", strategy_id
            )
    for strategy_id, row in case.seen.strategies.items():
        if row["status"] != "stopped":
            continue
        if not row["outcome_detail"]:
            yield Violation("6", f"{row['outcome']} without a reason", strategy_id)
        if not case.says(strategy_id, {"stopped"}):
            yield Violation("6", "no line says that it stopped", strategy_id)
    for record in case.seen.script["days"]:
        if "trouble" in record:
            last = record["strategies"][-1] if record["strategies"] else None
            yield Violation(
                "0", f"day {record['day']['number']} could not be played: {record['trouble']}", last
            )


async def replays(case: Case) -> list[Violation]:
    """7: what was recorded replays on today's code."""
    replayer = Replayer(
        workflows=[StrategyRun], data_converter=DATA_CONVERTER, workflow_runner=workflow_runner()
    )
    found = []
    for history in case.seen.histories:
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        if result.replay_failure is not None:
            what = f"{history.workflow_id} does not replay: {result.replay_failure}"
            found.append(Violation("7", what, history.workflow_id.removeprefix("strategy-")[:36]))
    return found


INVARIANTS = (intents, quantities, moments, agreement, isolation, words)


def _groups(case: Case) -> int:
    """Count the days on which at least three strategies of one user were bought in one second."""
    return sum(
        max(Counter(_seconds_bought(case, record)).values(), default=0) >= LEAST_GROUP
        for record in case.seen.script["days"]
        if record["day"].get("group", 1) >= LEAST_GROUP
    )


def _seconds_bought(case: Case, record: dict[str, Any]) -> Iterator[int]:
    for strategy_id in record["strategies"]:
        for placed in case.rows[strategy_id]:
            if placed["transaction_type"] == "BUY":
                yield int(placed["received_at"])


async def judged(evidence: Evidence) -> dict[str, Any]:
    """Return the verdict: every violation, and what it was judged from."""
    case = Case(evidence)
    found = [violation for invariant in INVARIANTS for violation in invariant(case)]
    found += await replays(case)
    return {
        "violations": [violation.row() for violation in found],
        "stories": {
            violation.strategy: case.story(violation.strategy)
            for violation in found
            if violation.strategy in evidence.strategies
        },
        "as_planned": as_planned(case),
        "outcomes": dict(Counter(str(row["outcome"]) for row in evidence.strategies.values())),
        "checked": {
            "strategies": len(evidence.strategies),
            "orders": len(case.ledger),
            "sold while Postgres was away": sum(
                order["attempt"] % OFF_BOOKS == 0 and order["status"] == "complete"
                for order in evidence.orders
            ),
            "requests refused": len(evidence.refused),
            "intents": len(evidence.orders),
            "timeline lines": sum(len(lines) for lines in evidence.events.values()),
            "days with nothing in their way": sum(1 for _ in _undisturbed(case)),
            "groups bought in one second": _groups(case),
            "histories replayed": len(evidence.histories),
        },
    }


async def main() -> int:
    """Judge; 1 when an invariant does not hold."""
    asked = arguments()
    verdict = await judged(await gathered(asked))
    asked.out.write_text(json.dumps(verdict, indent=1, default=str))
    return 1 if verdict["violations"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
