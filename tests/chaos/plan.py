"""What a chaos run does, all of it decided by its seed: which day gets what, and what breaks when."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from domain.failpoint import STEPS

STOP_LOSS = 950
CALM_PRICE = 1000
CROSSED_PRICE = 940
TARGET_PRICE = 1200
RISEN_PRICE, FALLEN_PRICE = 1100, 1030
"""Between them lies where a stop that follows the peak has risen to."""

# Kind of day → outcomes it has when nothing is in its way, and its share of all days.
KINDS: dict[str, tuple[frozenset[str], int]] = {
    "sell": (frozenset({"sold"}), 30),
    "stop_loss": (frozenset({"stop_loss"}), 20),
    "stop_exit": (frozenset({"stopped"}), 10),
    "stop_keep": (frozenset({"kept"}), 5),
    "keep_then_sell": (frozenset({"stopped"}), 4),
    "two_stops": (frozenset({"stopped"}), 5),
    "stop_waiting": (frozenset({"stopped"}), 4),
    "stop_entering": (frozenset({"stopped"}), 5),
    "restart": (frozenset({"sold"}), 4),
    "cancel_exit": (frozenset({"cancelled"}), 5),
    "cancel_keep": (frozenset({"kept"}), 3),
    "crossed": (frozenset({"skipped"}), 5),
}
BY_TURNS: dict[str, frozenset[str]] = {
    "target": frozenset({"target"}),
    "again": frozenset({"sold"}),
    "trail": frozenset({"stop_loss"}),
    "kill_exit": frozenset({"stopped"}),
    "kill_keep": frozenset({"sold"}),
}
"""Kinds that others become, by turns or where their stop is to lie at the exchange: a seed's plan without
such days is what it was."""
# Faults of the paper exchange at a placement: (count, delay). Delays stay inside the horizons of the run
# (entry 20 s, exit 6 s), but for two that the books hide longer: an exit for up to 10 s, which must
# not be sent again, and now and then an entry for up to 30 s, which the reconciler must adopt.
ANSWERS: dict[str, tuple[tuple[int, int], tuple[float, float]]] = {
    "accept_then_hang": ((1, 2), (0, 0)),
    "accept_then_reset": ((1, 2), (0, 0)),
    "hang_without_accept": ((1, 1), (0, 0)),
    "timeout_400_then_place": ((1, 1), (0.5, 4)),
    "http_503": ((1, 3), (0, 0)),
    "http_503_but_placed": ((1, 2), (0, 0)),
    "html_502": ((1, 2), (0, 0)),
    "rate_limit_429": ((1, 4), (0, 0)),
    "reject_400": ((1, 1), (0, 0)),
    "slow": ((1, 2), (0.5, 6)),
}
BOOKS = {"late_visibility": {"BUY": (0.5, 6.0), "SELL": (0.5, 10.0)}, "stuck_open_pending": {}}
WEATHER = 330
STORM_SHARE = 0.7
"""Of so many days, this share sees parts killed, frozen and cut off; the rest has its own faults only."""
HERDS, HERD = 100, 20
"""Of so many days in a row, so many first ones are a herd."""
HERD_STOPPED = 6.0
GROUPED = ("sell", "stop_exit", "stop_keep", "two_stops", "cancel_exit")
"""Kinds of days that may be a group's: none of them ends by a price, which others in its symbols share."""
GROUP = (3, 5)
GROUP_SHARE = 0.25
HIDDEN_LONG = (22.0, 30.0)
HIDDEN_LONG_SHARE = 0.15
ADOPTED_IN = 40
"""Seconds within which what a terminated run or a flushed Redis left must be in order again."""
REFUSED = 1000
"""Sales that are refused one after the other: as long as the fault lasts."""
FILLS = ("reject_async", "partial_fill", "partial_then_cancel")
READS = ("/orders", "/portfolio", "/quote")
FEED = ("ws_drop", "ws_silent", "ws_garbage", "ws_out_of_order", "ws_duplicate")
KILLED = ("worker", "listener", "api", "redis", "temporal", "postgres")
REPEATS_EVERY = 4
"""Every so many days its strategies repeat, where nothing else is said."""
LINKS = ("kite", "redis", "temporal", "postgres")
TROUBLES = ("latency", "black_hole", "drop_answer", "reset", "refuse")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the paper exchange that waits for one of the day's requests."""

    kind: str
    side: str | None = None
    path: str | None = None
    count: int = 1
    delay: float = 0
    fraction: float = 0.5


@dataclass(frozen=True, slots=True)
class Login:
    """The token dies `at` seconds after buy_time and is renewed `after` more."""

    at: float
    after: float


@dataclass(frozen=True, slots=True)
class Hand:
    """Another hand on the day's account, `at` seconds after buy_time: `tests.chaos.hand_plan` chooses it.

    `share` is the part of the day's shares that it moves; `after`: seconds until its user logs in again.
    """

    action: str
    at: float
    share: float = 1.0
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault on what rests at the exchange, armed `at` seconds after buy_time, `count` times."""

    kind: str
    at: float = 0.0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Day:
    """One strategy day. Times are seconds: `act_at` after buy_time (before it, where negative).

    `twins`: so many strategies of the same user in the same symbol at the same time. `group`: so many of the
    same user, each in another symbol, all due in one second.
    """

    number: int
    lane: int
    kind: str
    lead: float
    hold: float
    act_at: float
    quantity: int
    starts: int
    twins: int = 1
    group: int = 1
    herd: bool = False
    """With others in one symbol, bought in one second and stopped out by one tick."""
    faults: tuple[Fault, ...] = ()
    login: Login | None = None
    hands: tuple[Hand, ...] = ()
    product: str = "CNC"
    repeats: bool = False
    """Its strategies trade every day: what ends a day by itself begins the next, until its user says STOP."""
    protect: bool = False
    """Its stop is to rest at the exchange: `tests.chaos.protect_plan` chooses such days."""
    strikes: tuple[Strike, ...] = ()
    afterwards: str = ""
    """What its user does when it is over: `switch` accounts, or delete and `recreate` under the same key."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that breaks for everybody, `wait` seconds after day `after_day` has begun.

    `what`: kill, freeze, failpoint, net, feed, rows, flush, terminate, paper; `target`: a part, step, link,
    kind or list.
    """

    after_day: int
    wait: float
    what: str
    target: str
    seconds: float = 0
    trouble: str = ""
    amount: float = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the runner is going to do."""

    seed: int
    lanes: int
    days: tuple[Day, ...]
    disturbances: tuple[Disturbance, ...]

    @classmethod
    def made(
        cls,
        seed: int,
        days: int,
        lanes: int,
        extras: Iterable[str] = (),
        repeats_every: int = REPEATS_EVERY,
    ) -> "Plan":
        """Return the plan of a seed; `extras`: disturbances that are optional (paper)."""
        dice = random.Random(seed)  # noqa: S311 - a plan that comes back with its seed is the point
        lanes = min(lanes, days)
        spared = frozenset(dice.sample(range(lanes), max(1, lanes // 4)))
        kinds = _kinds(dice, days)
        made = tuple(
            _day(dice, number, number % lanes, kind, number % lanes in spared)
            for number, kind in enumerate(kinds)
        )
        made = _with_groups(dice, made)
        if days >= HERDS:
            made = tuple(_in_herd(day) if day.number % HERDS < HERD else day for day in made)
        made = tuple(_by_turns(day) for day in made)
        made = tuple(replace(day, repeats=not day.herd and not day.number % repeats_every) for day in made)
        return cls(seed, lanes, made, _disturbances(dice, days, tuple(extras)))


def planned_outcomes(kind: str) -> frozenset[str]:
    """Return the outcomes that a kind of day has when nothing is in its way."""
    return BY_TURNS[kind] if kind in BY_TURNS else KINDS[kind][0]


def fault_free(plan: Plan) -> frozenset[int]:
    """Return the lanes whose own account never has a fault."""
    faulty = {day.lane for day in plan.days if day.faults or day.login}
    return frozenset(range(plan.lanes)) - faulty


def is_calm(day: int, days: int) -> bool:
    """Tell whether nothing breaks for everybody when that day begins; a short run has no calm."""
    return days >= WEATHER and day % WEATHER >= WEATHER * STORM_SHARE


def _kinds(dice: random.Random, days: int) -> list[str]:
    names = list(KINDS)
    kinds = names[: min(days, len(names))]  # even a short run has one of each
    kinds += dice.choices(names, [share for _, share in KINDS.values()], k=days - len(kinds))
    dice.shuffle(kinds)
    return kinds


def _day(dice: random.Random, number: int, lane: int, kind: str, spared: bool) -> Day:
    hold = dice.uniform(6, 20)
    act_at = {
        "stop_waiting": -1.0,
        "stop_entering": dice.uniform(-0.5, 0.7),
        "restart": -6.0,
        "crossed": 0.0,
    }.get(kind, dice.uniform(1, 8))
    if kind not in ("sell", "restart"):
        hold = max(hold, act_at + 40)  # what ends the day is what its kind says
    if kind == "crossed":
        hold = 8.0
    faults = () if spared else _faults(dice, kind)
    login = Login(dice.uniform(-3, 10), dice.uniform(1, 7)) if not spared and dice.random() < 0.05 else None
    return Day(
        number,
        lane,
        kind,
        lead=16.0 if kind == "restart" else dice.uniform(4, 9),
        hold=hold,
        act_at=act_at,
        quantity=dice.choice((1, 2, 3, 10, 25)),
        starts=dice.choice((1, 1, 1, 2, 3)),
        twins=2 if dice.random() < 0.1 else 1,
        faults=faults,
        login=login,
    )


def _with_groups(dice: random.Random, days: tuple[Day, ...]) -> tuple[Day, ...]:
    """Make some days a group's; even a short run has one that nothing of its own is in the way of."""
    may = [day.number for day in days if day.kind in GROUPED]
    chosen = {number for number in may if dice.random() < GROUP_SHARE}
    calm = next((number for number in may if not days[number].faults and days[number].login is None), None)
    grouped = chosen if calm is None else {*chosen, calm}
    return tuple(
        replace(day, group=dice.randint(*GROUP), twins=1) if day.number in grouped else day for day in days
    )


def _by_turns(day: Day) -> Day:
    """Have every other day that is stopped out sell at a target instead; every third of both buys again."""
    if day.kind != "stop_loss" or day.herd:
        return day
    if day.number % 3 == 0:
        return replace(day, kind="again")
    return replace(day, kind="target") if day.number % 2 else day


def _in_herd(day: Day) -> Day:
    return replace(day, kind="stop_loss", herd=True, group=1, act_at=HERD_STOPPED, hold=HERD_STOPPED + 40)


def _faults(dice: random.Random, kind: str) -> tuple[Fault, ...]:
    made: list[Fault] = []
    for side in ("BUY", "SELL"):
        if dice.random() < 0.45:
            made.append(_answer(dice, side))
        if dice.random() < 0.15:
            made.append(_book(dice, side))
        if dice.random() < 0.2:
            made.append(Fault(dice.choice(FILLS), side, fraction=dice.choice((0.1, 0.5, 0.9))))
    if dice.random() < 0.15:
        kind = dice.choice(("http_503", "html_502", "slow", "rate_limit_429", "accept_then_reset"))
        made.append(
            Fault(kind, path=dice.choice(READS), count=dice.randint(1, 6), delay=dice.uniform(0.2, 3))
        )
    return tuple(made)


def _answer(dice: random.Random, side: str) -> Fault:
    kind = dice.choice(sorted(ANSWERS))
    (least, most), (soonest, latest) = ANSWERS[kind]
    return Fault(kind, side, count=dice.randint(least, most), delay=round(dice.uniform(soonest, latest), 2))


def _book(dice: random.Random, side: str) -> Fault:
    kind = dice.choice(("late_visibility", "late_visibility", "stuck_open_pending"))
    delay = dice.uniform(*BOOKS[kind][side]) if kind == "late_visibility" else 0
    if delay and side == "BUY" and dice.random() < HIDDEN_LONG_SHARE:
        delay = dice.uniform(*HIDDEN_LONG)
    return Fault(kind, side, delay=round(delay, 2))


def _disturbances(dice: random.Random, days: int, extras: tuple[str, ...]) -> tuple[Disturbance, ...]:
    made = []
    for what, least, per_day in (
        # Each kind over 20 times in 1,000 days; what was not there to be hit is not counted.
        ("kill", len(KILLED), 0.132),
        ("freeze", 1, 0.022),
        ("failpoint", 3, 0.05),
        ("net", 3, 0.11),
        ("feed", 2, 0.11),
        ("terminate", 1, 0.03),
        ("flush", 1, 0.022),
        *((extra, 1, 0.01) for extra in extras),
    ):
        for number in range(max(least, round(days * per_day))):
            made.append(_disturbance(dice, what, number, days))
    return tuple(sorted(made, key=lambda one: (one.after_day, one.wait)))


def _stormy_day(dice: random.Random, days: int) -> int:
    """Storm and calm alternate: in the calm, what one tenant suffers must not be felt by another."""
    while True:
        day = dice.randrange(days)
        if not is_calm(day, days):
            return day


def _disturbance(dice: random.Random, what: str, number: int, days: int) -> Disturbance:
    when = _stormy_day(dice, days), round(dice.uniform(0, 12), 2)
    if what == "kill":
        return Disturbance(*when, what, KILLED[::-1][number % len(KILLED)])
    if what == "freeze":
        return Disturbance(*when, what, "worker", seconds=round(dice.uniform(1.5, 8), 1))
    if what == "failpoint":
        # A prime stride: a short run meets steps of every kind, a long one meets each.
        return Disturbance(*when, what, STEPS[number * 7 % len(STEPS)])
    if what == "net":
        trouble = TROUBLES[number % len(TROUBLES)]
        amount = {"latency": dice.uniform(0.05, 1.5), "drop_answer": dice.choice((0, 20, 200, 1000))}
        return Disturbance(
            *when,
            what,
            LINKS[dice.randrange(len(LINKS))],
            seconds=round(dice.uniform(1, 8), 1),
            trouble=trouble,
            amount=round(amount.get(trouble, 0), 2),
        )
    if what == "feed":
        return Disturbance(*when, what, FEED[number % len(FEED)], seconds=round(dice.uniform(2, 8), 1))
    return Disturbance(*when, what, {"paper": "paper", "flush": "redis"}.get(what, "run"), seconds=ADOPTED_IN)
