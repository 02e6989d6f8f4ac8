"""The checker: a process of its own that believes no state of ours, and says which invariant was violated.

It reads the exchange's ledger, Postgres, Redis and Temporal after everything has come to rest, and from the
runner only what was *asked*: when, of whom, at which prices. The invariants are in docs/reliability.md, their
rules in order_rules.py, day_rules.py, isolation.py, account_rules.py, series_rules.py and stop_rules.py.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from temporalio.worker import Replayer

from adapters.temporal.connection import DATA_CONVERTER
from tests.chaos.account_rules import ACCOUNT_INVARIANTS, hands_moved, window
from tests.chaos.case import Case, Violation
from tests.chaos.day_rules import agreement, moments, words
from tests.chaos.evidence import Evidence, arguments, gathered
from tests.chaos.isolation import as_planned, isolation, undisturbed
from tests.chaos.order_rules import OFF_BOOKS, intents, quantities
from tests.chaos.plan import GROUP
from tests.chaos.series_rules import series
from tests.chaos.stop_rules import STOP_INVARIANTS, protected
from workflows.sandbox import workflow_runner
from workflows.strategy_run import StrategyRun

LEAST_GROUP = GROUP[0]


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


INVARIANTS = (
    intents,
    quantities,
    moments,
    agreement,
    isolation,
    words,
    *ACCOUNT_INVARIANTS,
    series,
    *STOP_INVARIANTS,
)


def _groups(case: Case) -> int:
    """Count the days on which at least three strategies of one user were bought in one second."""
    return sum(
        max(Counter(_seconds_bought(case, record)).values(), default=0) >= LEAST_GROUP
        for record in case.seen.script["days"]
        if record["day"].get("group", 1) >= LEAST_GROUP
    )


def _again(case: Case) -> int:
    """Count the rounds that days bought after one of theirs was sold by its stop or its target."""
    bought = {
        (strategy_id, placed["round"])
        for strategy_id, record in case.played.items()
        if record["day"]["kind"] == "again"
        for placed in case.orders[strategy_id]
        if placed["leg"] == "entry" and placed["filled_quantity"]
    }
    return len(bought) - len({strategy_id for strategy_id, _ in bought})


def _seams(case: Case) -> int:
    return len(case.seen.starts) - len({start["series_id"] for start in case.seen.starts})


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
        "hands": hands_moved(case),
        "window": window(case),
        "protected": protected(case),
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
            "days with nothing in their way": sum(1 for _ in undisturbed(case)),
            "groups bought in one second": _groups(case),
            "rounds bought again": _again(case),
            "days that followed one of a series": _seams(case),
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
    status = asyncio.run(main())
    sys.stdout.flush()
    # Temporal's threads may abort a process that is taken down in order (PyGILState_Release, seen once).
    os._exit(status)
