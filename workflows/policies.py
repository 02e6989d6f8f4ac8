"""Timeouts, retries and lead times of the run: each number once, with its reason."""

from datetime import datetime, timedelta
from uuid import UUID

from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ContinueAsNewVersioningBehavior

WAKE_AHEAD = timedelta(seconds=8)
WAKE_SPREAD = timedelta(seconds=30)
"""A run wakes 8 to 38 s before its instant, spread by its id, and has a worker hold its order for then.

Fired by their timers alone, 1,000 runs due in one second are 7 s late on two cores (10 ms of server a step).
"""
LOOK_AFTER = timedelta(seconds=0.2)
LOOK_TURN = timedelta(seconds=0.012)
"""A run looks after its held order a moment after the instant, one after the other where many are due: the
order is sent and written down without it, and a thousand that look at once keep the server busy for 15 s."""
FRESH_QUOTE = timedelta(seconds=1.5)
"""What is bought again at once is bought so much later: quotes are up to a second old, and one of before the
sale must not pass for the price at which it is bought."""
ARM_TIMEOUT = timedelta(seconds=2)
ARM_WITHIN = timedelta(seconds=5)
ARM_RETRY = RetryPolicy(initial_interval=timedelta(seconds=0.2), backoff_coefficient=1)
"""What cannot be armed is carried out by the run itself, at its instant."""
HEARTBEAT = timedelta(seconds=2)
"""A worker killed while it holds, sends or writes is noticed after 2 s (measured: 3 s until another acts)."""
TASK_TIMEOUT = timedelta(seconds=3)
"""A worker killed with a step of a run in its hands is noticed then; Temporal's default is 10 s."""
ORDER_ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(seconds=0.5), backoff_coefficient=2, maximum_attempts=3
)
"""The card's three attempts. An entry's five seconds hold all three."""
ONCE = RetryPolicy(maximum_attempts=1)
EXITS_FIRST = Priority(priority_key=1)
"""Where tasks wait for workers, sales leave the queue before anything else; the default is 3."""
LONGEST_DAY = timedelta(hours=26)
"""No order activity outlives its day; what bounds it is its heartbeat."""
AT_ONCE = timedelta(seconds=2)
"""A write within a step of the run; the step itself is given to another worker after `TASK_TIMEOUT`."""
WRITE_TIMEOUT = timedelta(seconds=10)
WRITE_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=0.2), backoff_coefficient=2, maximum_interval=timedelta(seconds=5)
)
"""Writing what happened is repeated until the store is back: nothing is lost."""
SETTLE_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=5))
KEEP_WITHIN = timedelta(seconds=20)
"""The same where the user keeps the shares: `keep` is answered, whatever the broker says."""
LOOK_BEFORE_KEEP = timedelta(seconds=18)
"""How long `keep` waits for a look at the account that does not show the shares: longer than it takes to be
sure (`domain.sellable.STEADY`), less than a STOP waits for its answer. One that shows them is read once."""
CLOSING = timedelta(seconds=60)
"""How long after the close a sale may still learn what it came to; then it ends, and a person is told."""
LOOK_AT_ACCOUNT = timedelta(seconds=40)
"""A look at the account gives up by itself after 25 s; a lost worker is replaced once."""
UNHEARD_SALE = timedelta(seconds=20)
"""How long a run that was told of a sale looks for it, before it goes on holding: it is told again."""
SQUARE_WITHIN = timedelta(minutes=10)
"""How long a day that is over looks for what its sales came to; then it ends with an alert instead."""
EMERGENCY_PAUSES = (2, 5, 10, 20, 30)
"""Seconds between an emergency exit's rounds of attempts; the last one repeats until the market closes."""
EMERGENCY_ALERT_EVERY = 20
"""Rounds between two alerts of one emergency exit: about ten minutes, so that a person is not drowned."""
RECONCILE_EVERY = 5
"""Seconds between two rounds: a terminated run is adopted, a flushed Redis restored, well within 30 s."""
RECONCILER_ROUNDS = 400
NEWEST_VERSION = ContinueAsNewVersioningBehavior.AUTO_UPGRADE
"""Where workers name their versions, a run that never ends goes over to the newest with each new history."""
RECONCILE_TIMEOUT = timedelta(seconds=60)
RECONCILE_HEARTBEAT = timedelta(seconds=5)
"""A round that is lost with its worker is given up then, and not after its minute."""
RECONCILE_RETRY = RetryPolicy(maximum_attempts=1)
"""A round that failed is simply followed by the next."""
NOTICE_TIMEOUT = timedelta(seconds=90)
"""A round takes 50 s, and what is on its way at its end a little more."""
NOTICE_HEARTBEAT = timedelta(seconds=5)
"""A dead sender of notifications is replaced after five seconds, not a minute."""
NOTICE_RETRY = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=5))
NOTICE_ROUNDS = 40
REFUSED_STOPS = "stopwatch_stop_signals_refused"
"""Counts STOPLOSS signals that sold nothing, among the numbers of Temporal's SDK: anybody may send them."""
LOGIN_TIMEOUT = timedelta(seconds=15)
LOGIN_RETRY = RetryPolicy(maximum_attempts=2)
"""A request token is good once: what was refused is not asked again, a lost worker is replaced once."""


CHECK_TIMEOUT = timedelta(seconds=4)
"""A reading before a START ends by itself after 2 s; where no worker takes it, its caller is told so."""
CHECKS_LAST = 5
"""Where tasks wait for workers, a reading before a START leaves the queue after everything else."""


def fair_to(user_id: UUID) -> Priority:
    """Return the place of a user's run in the task queue: users take turns, whatever one of them has waiting.

    Activities inherit it. Servers without priority or fairness ignore it (docs/temporal.md).
    """
    return Priority(fairness_key=str(user_id))


def wake_at(instant: datetime, strategy_id: UUID) -> datetime:
    """Return when a run wakes for `instant`: fixed for one strategy, spread over all of them."""
    share = (strategy_id.int % 1000) / 1000
    return instant - WAKE_AHEAD - WAKE_SPREAD * share


def look_at(instant: datetime, slot: int) -> datetime:
    """Return when a run checks an order that is scheduled for `instant`, with `slot` others before it."""
    return instant + LOOK_AFTER + LOOK_TURN * slot


def emergency_pause(round_: int) -> timedelta:
    """Return the wait before the emergency exit's round `round_`, counted from 0."""
    return timedelta(seconds=EMERGENCY_PAUSES[min(round_, len(EMERGENCY_PAUSES) - 1)])
