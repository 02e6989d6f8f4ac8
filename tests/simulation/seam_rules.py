"""The judge of a series: it trusts the exchange's ledger and the row, nothing in between."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date

from domain.series import SeriesEnd
from tests.simulation.day_terms import BUY, WANTED
from tests.simulation.seam import BETWEEN, DAY, DAYS, EDITED, Series

HEARD_WITHIN = {"STOP": 1.0, "KILL SWITCH": 1.0, "CANCEL": 1.0, "TERMINATE": 10.0}
"""Seconds after which nothing is bought any more. A worker may hold the order of a run that is terminated: it
is sent, and sold by the run that takes over."""
ENDS = {
    "STOP": {SeriesEnd.STOPPED},
    "KILL SWITCH": {SeriesEnd.KILL_SWITCH},
    "CANCEL": {SeriesEnd.STOPPED, SeriesEnd.TERMINATED},
    "TERMINATE": {SeriesEnd.TERMINATED},
}
IN_TIME = 60.0
"""Seconds before a purchase: an edit until then is in it, and what strikes until then is mended by then."""


def judge(series: Series) -> list[str]:
    """Return what is wrong with a series, in words; an empty list is a good one."""
    return [f"{rule.__name__}: {words}" for rule in RULES for words in rule(series)]


def never_two_runs(series: Series) -> Iterator[str]:
    """Two runs are open only while one hands over to the next."""
    yield from series.together[:1]


def no_day_twice(series: Series) -> Iterator[str]:
    for day, times in Counter(day for _, day in _days(series)).items():
        if times > 1:
            yield f"{times} purchases on {day}"
    if len(series.days) != len(set(series.days)):
        yield f"a day was ended twice: {series.days}"


def no_day_lost(series: Series) -> Iterator[str]:
    """Each day is bought, or at least ended, up to the end of the series."""
    end = _end(series)
    for number, day in enumerate(DAYS):
        due = number * DAY + BUY
        if day == DAYS[1] and any(name == "SKIP" for _, name in series.events):
            continue
        if end is not None and end[0] < due:
            return
        if day not in series.days:
            yield f"{day} is lost"
        elif day not in {of for _, of in _days(series)} and not _late(series, due):
            yield f"nothing was bought on {day}"


def none_after_its_end(series: Series) -> Iterator[str]:
    end = _end(series)
    if end is not None:
        at, name = end
        for bought, day in _days(series):
            if bought > at + HEARD_WITHIN[name]:
                yield f"{name} at {at:.2f}, and {day} was bought at {bought:.2f}"
    if any(day > DAYS[-1] for _, day in _days(series)):
        yield "bought after its last day"


def none_that_is_left_out(series: Series) -> Iterator[str]:
    left_out = any(name == "SKIP" and at < DAY + BUY - IN_TIME for at, name in series.events)
    if left_out and DAYS[1] in {day for _, day in _days(series)}:
        yield f"{DAYS[1]} was left out, and bought"


def by_the_terms_of_then(series: Series) -> Iterator[str]:
    """A purchase is of the quantity that was edited before, and of no other."""
    edits = [at for at, name in series.events if name == "EDIT"]
    for at, day, quantity in series.bought:
        wanted = EDITED if any(edit < at - IN_TIME for edit in edits) else WANTED
        if quantity != wanted and not any(at - IN_TIME <= edit < at for edit in edits):
            yield f"{quantity} were bought on {day}, {wanted} is what its terms say"


def what_is_bought_is_sold(series: Series) -> Iterator[str]:
    bought, sold = Counter(day for _, day in _days(series)), Counter(series.sold)
    if bought != sold:
        yield f"bought on {dict(bought)}, sold on {dict(sold)}"


def it_ends(series: Series) -> Iterator[str]:
    """The series has ended for the reason that came first; nothing of it is left."""
    if series.broken:
        yield series.broken
    if series.running or series.ended_by is None:
        yield "it never ended"
    if series.open_runs:
        yield f"{series.open_runs} runs are open"
    if series.keys_left:
        yield "Redis keys were left behind"
    end = _end(series)
    expected = {SeriesEnd.COMPLETED} if end is None else ENDS[end[1]]
    if end is not None and end[1] == "CANCEL":
        # It may be passed on to the run of the next day; another word may be written down meanwhile.
        expected = expected.union(*(ENDS.get(words, ()) for _, words in series.events))
    if end is not None and DAYS[-1] in series.days:
        expected = expected | {SeriesEnd.COMPLETED}  # the word came when the last day was being written down
    if series.ended_by is not None and series.ended_by not in expected:
        yield f"it says {series.ended_by}, it is {sorted(expected)}"


def _days(series: Series) -> list[tuple[float, date]]:
    return [(at, day) for at, day, _ in series.bought]


def _end(series: Series) -> tuple[float, str] | None:
    """Return which word ended the series, and when.

    A run that is terminated between two days may be that of the day that is over, which nobody hears of. One
    that is cancelled passes it on, unless it is terminated before it can.
    """
    heard = series.ended_by in ENDS["CANCEL"]
    terminated = any(words.startswith("TERMINATE") for _, words in series.events)
    for at, words in series.events:
        name = words.removesuffix(BETWEEN)
        passed_on = name == "CANCEL" and not terminated
        if name in ENDS and (name == words or passed_on or heard):
            return at, name
    return None


def _late(series: Series, due: float) -> bool:
    """Tell whether something struck so shortly before a purchase that it may have been missed."""
    return any(due - IN_TIME <= at <= due + 5 for at in series.struck)


RULES: tuple[Callable[[Series], Iterator[str]], ...] = (
    never_two_runs,
    no_day_twice,
    no_day_lost,
    none_after_its_end,
    none_that_is_left_out,
    by_the_terms_of_then,
    what_is_bought_is_sold,
    it_ends,
)
