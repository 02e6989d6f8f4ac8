"""The turns of one user's entries that are due together: first START first, as fast as the broker takes them.

The entries are in a line by their instant, and those of one instant by their START. The rate is
`domain.budget.ENTRIES.a_second`; each second, from the instant on, takes so many of the line:

| in the line | due | turn |
|---|---|---|
| 1st to 8th | 09:30:00 | 09:30:00 |
| 9th to 16th | 09:30:00 | 09:30:01 |
| … | 09:30:00 | … |
| 33rd to 40th | 09:30:00 | 09:30:04 |
| 41st | 09:30:00 | 09:30:05, which is too late for an entry that may be five seconds late |
| 17th | 09:30:01 | 09:30:02, since the second before is full |

The turn of the i-th (from 0) is `max(due[j] * rate + i - j for j <= i) / rate`, rounded down to a second. Of
one second only the first `IN_TIME` count, and of all earlier ones at most `BACKLOG`: the rest has its turn
too late, is missed, and takes none from another. The claim computes the same in Postgres
(`adapters.postgres.claims`), from what is running at that moment; START foresees it, to warn.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from domain.budget import ENTRIES, EXITS
from domain.session import clock_text, exchange_time

MISSED_AFTER = timedelta(seconds=5)
"""How late an entry may be sent, unless the settings say otherwise."""
LOOKED_BACK = timedelta(seconds=10)
"""Entries that were due longer ago than this take no turn from another: none is sent so late."""
IN_TIME = int(MISSED_AFTER.total_seconds()) * ENTRIES.a_second
"""Entries of one instant that have their turn before they are too late."""
BACKLOG = IN_TIME - ENTRIES.a_second
"""Entries of earlier seconds that may still be in the line."""
A_MINUTE = timedelta(minutes=1)


def turns(dues: Sequence[datetime]) -> list[datetime]:
    """Return when each entry of a line may be sent; `dues` are in the order of the line."""
    rate, furthest, counted, found = ENTRIES.a_second, 0, -1, []
    before: Counter[datetime] = Counter()
    for due in dues:
        second, of_second = int(due.timestamp()) * rate, before[due]
        before[due] += 1
        counted += of_second < IN_TIME
        furthest = max(furthest, second - counted)
        place = max(min(furthest + counted, second + BACKLOG + of_second), second + of_second)
        found.append(max(due, datetime.fromtimestamp(place // rate, UTC)))
    return found


def crowd_warning(before: Sequence[datetime], due_at: datetime, missed_after: timedelta) -> str | None:
    """Return what a START should be told whose entry would have its turn too late; None where it is in time.

    `before` are the instants of the user's entries that are in the line before it, of a minute.
    """
    line = [*sorted(due for due in before if due_at - LOOKED_BACK < due <= due_at), due_at]
    if turns(line)[-1] - due_at >= missed_after:
        return (
            f"{_due_together(line.count(due_at), due_at)}: an entry is sent at most "
            f"{missed_after.total_seconds():g} s late, and this one's turn would come later, because it was "
            "started last. It will probably not be bought: choose another second."
        )
    in_minute = sum(min(number, IN_TIME) for number in Counter(before).values()) + 1
    if in_minute > ENTRIES.a_minute:
        return (
            f"{in_minute} of your orders are due within a minute; the broker takes {EXITS.a_minute} a minute "
            f"from one account, and {ENTRIES.a_minute} of them may be purchases. This one will probably not "
            "be bought: choose another minute."
        )
    return None


def crowded_text(due_together: int, due_at: datetime) -> str:
    """Say why an entry had no turn in time, in the words of its user."""
    return f"{_due_together(due_together, due_at)}: its turn came too late"


def _due_together(number: int, due_at: datetime) -> str:
    second = clock_text(exchange_time(due_at).timetz())
    return (
        f"{number} of your orders are due at {second}; the broker takes {EXITS.a_second} orders a second "
        f"from one account, and {ENTRIES.a_second} of them may be purchases, first START first"
    )
