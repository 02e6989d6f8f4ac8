"""Every single fault at every point, and every pair: deterministic, seedless, and complete by construction.

A day is played and the points it passed are read. At each point, everything that may happen there is tried;
that day is read again, and from where its fault struck, everything that may happen later is tried on top. A
pair whose second fault could never strike is not played, and none that could is left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.simulation.account_rules import inside_the_window
from tests.simulation.checker import judge
from tests.simulation.faults import Fault, actions_at, chosen_at, everything_at, hands_at
from tests.simulation.play import play
from tests.simulation.played import Played

ENDINGS: dict[str, tuple[Fault, ...]] = {
    "sell time": (),
    "stop-loss": (Fault("time.holding", 1, "FALL"),),
    "target": (Fault("time.holding", 1, "RISE"),),
    "stop": (Fault("time.holding", 1, "STOP"),),
    "keep": (Fault("time.holding", 1, "STOP keep"),),
    "cancel": (Fault("time.holding", 1, "CANCEL"),),
    "chase": (Fault("before.day", 1, "CHASE"),),
    "limit": (Fault("before.day", 1, "LIMIT"),),
    "slices": (Fault("before.day", 1, "SLICES"),),
    "slices, stop-loss": (Fault("before.day", 1, "SLICES"), Fault("time.holding", 1, "FALL")),
    "again": (Fault("before.day", 1, "AGAIN"), Fault("time.holding", 1, "DIP")),
}


@dataclass
class Explored:
    """What an exploration saw."""

    days: int = 0
    points: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    hands: Counter[str] = field(default_factory=Counter)
    """Days on which others moved, by the first words of what they did."""
    inside: int = 0
    """Days on which one moved after the last reading of the account that an order went by."""

    def look(self, ending: Sequence[Fault], faults: Sequence[Fault]) -> Played:
        played = play((*ending, *faults))
        self.days += 1
        self.points.update(point for point, _ in played.trace)
        self.hands.update({words.rstrip("0123456789 ") for _, words in played.events if _is_a_hand(words)})
        self.inside += inside_the_window(played)
        wrong = judge(played)
        if wrong:
            self.failures.append(f"{_words((*ending, *faults))}\n    " + "\n    ".join(wrong))
        return played

    def add(self, other: "Explored") -> None:
        """Count what another exploration saw, too."""
        self.days += other.days
        self.points |= other.points
        self.failures += other.failures
        self.hands += other.hands
        self.inside += other.inside


@dataclass(frozen=True, slots=True)
class Reach:
    """How far to look: `nth` passes of each point, with these actions."""

    actions: Callable[[str], tuple[str, ...]] = actions_at
    nth: int = 2

    def faults(self, played: Played, after: int, ending: Sequence[Fault]) -> Iterator[Fault]:
        """Yield what may strike at the points passed after position `after` of the trace."""
        taken = {(fault.point, fault.nth) for fault in ending}
        for point, nth in played.trace[after + 1 :]:
            if nth <= self.nth and (point, nth) not in taken:
                for action in self.actions(point):
                    yield Fault(point, nth, action)


USUAL = Reach()
HANDS = Reach(hands_at)
FIRST_HANDS = Reach(hands_at, 1)
FIRST_USUAL = Reach(actions_at, 1)
FIRST_OF_ALL = Reach(everything_at, 1)
CHOSEN = Reach(chosen_at, 1)


def singles(ending: Sequence[Fault], reach: Reach = USUAL) -> Explored:
    """Play every single fault on the way to an ending."""
    explored = Explored()
    for fault in reach.faults(explored.look(ending, ()), -1, ending):
        explored.look(ending, (fault,))
    return explored


def pairs(
    ending: Sequence[Fault],
    first: Reach = CHOSEN,
    second: Reach = CHOSEN,
    part: int = 0,
    parts: int = 1,
    *,
    whole: bool = False,
) -> Explored:
    """Play every pair of faults, the second after the first; `part` of `parts` of the first ones.

    Up to where its ending begins, a day is like the one without: unless `whole`, first faults begin there.
    """
    explored = Explored()
    plain = explored.look(ending, ())
    begun = -1 if whole else max((_where(plain, fault) for fault in ending), default=-1)
    firsts = list(first.faults(plain, begun, ending))
    for fault in firsts[part::parts]:
        played = explored.look(ending, (fault,))
        if fault not in played.faults or not played.triggered:
            continue
        struck = _where(played, fault)
        for another in second.faults(played, struck, (*ending, fault)):
            explored.look(ending, (fault, another))
    return explored


def _is_a_hand(words: str) -> bool:
    return words.startswith(("HAND", "BROKER"))


def _where(played: Played, fault: Fault) -> int:
    return list(played.trace).index((fault.point, fault.nth))


def _words(faults: Sequence[Fault]) -> str:
    return " ".join(f"'{fault}'" for fault in faults) or "(no fault)"
