"""Planted in the adapters, where their suites hold them and their fakes to the same promises."""

from tests.planted.bug import Bug

BROKERS = "tests/contract/test_brokers.py"
OPEN_RUNS = "tests/contract/test_open_runs.py"
RECONCILIATION = "tests/contract/test_reconciliation.py"
SCHEDULED = "tests/contract/test_scheduled_order_log.py"
SIGNALS = "tests/contract/test_stop_signals.py"

PORT_BUGS: tuple[Bug, ...] = (
    Bug(
        "Temporal's outage counts as the end of a run",
        "A hit stop is dropped, and no other signal follows it.",
        "workflows/client.py",
        "            if not _gone(error):\n"
        '                raise TemporalAway(f"the signal {name} could not be delivered") from error\n',
        '            name += f" {error}"\n',
        (SIGNALS,),
    ),
    Bug(
        "a list of runs that cannot be read is an empty one",
        "Every strategy counts as one without a run.",
        "workflows/client.py",
        '            raise TemporalAway("the list of runs could not be read") from error\n',
        '            return [] if error else [""]\n',
        (OPEN_RUNS,),
    ),
    Bug(
        "a late word of an old login's death ends the new one",
        "A sale waits for a login that its user has made already.",
        "adapters/kite/brokers.py",
        "        if account.broker is broker:\n",
        "        if account.broker is not None:\n",
        (BROKERS,),
    ),
    Bug(
        "a run that sells already is told that all is sold",
        "It ends while its own sale is on the way.",
        "adapters/postgres/reconciliation.py",
        "        StrategyRow.phase.in_([Phase.ENTERING.value, Phase.HOLDING.value]),\n",
        "        StrategyRow.phase != Phase.DONE.value,\n",
        (RECONCILIATION,),
    ),
    Bug(
        "a late sale is sent by whoever finds it",
        "While Postgres is away its run sells as well: shares are sold twice.",
        "adapters/postgres/scheduled_orders.py",
        "(OrderRow.leg == Leg.EXIT.value) & (OrderRow.due_at > now - EXIT_SENT_WITHIN),",
        "(OrderRow.leg == Leg.EXIT.value) & (OrderRow.due_at > now - UNMISSED),",
        (SCHEDULED,),
    ),
)
