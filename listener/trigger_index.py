"""Finds the triggers that a price hits without looking at the others."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal
from operator import itemgetter
from uuid import UUID

from domain.trigger import PriceTrigger
from domain.watched_strategy import WatchedStrategy
from listener.crossing import Crossing
from listener.seen_price import SeenPrice

_level = itemgetter(0)
_Levels = list[tuple[Decimal, UUID, PriceTrigger]]


class TriggerIndex:
    """Triggers of armed strategies by instrument, each instrument's sorted by level.

    A trigger that fired is set aside: it still counts as armed and crossed, but ticks have nothing more to
    say about it. So a share that trades below a thousand stops costs a tick no more than a quiet one.

    Every kind so far is hit by a falling price. One that a rising price hits needs sorted levels of its own.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Levels] = {}
        self._fired: dict[str, _Levels] = {}
        self._armed: dict[UUID, WatchedStrategy] = {}
        self._moved: set[str] = set()

    def __len__(self) -> int:
        return len(self._armed)

    def __contains__(self, strategy_id: UUID) -> bool:
        return strategy_id in self._armed

    def arm(self, watched: WatchedStrategy) -> None:
        """Watch a strategy's triggers; what was watched at another level is moved."""
        before = self._armed.get(watched.strategy_id)
        if before is None or _place(before) != _place(watched):
            self.disarm(watched.strategy_id)
            waiting = self._waiting.setdefault(watched.instrument, [])
            for entry in _entries(watched):
                insort(waiting, entry)
            self._moved.add(watched.instrument)
        self._armed[watched.strategy_id] = watched

    def disarm(self, strategy_id: UUID) -> None:
        """Stop watching; nothing happens when it was not watched."""
        watched = self._armed.pop(strategy_id, None)
        if watched is None:
            return
        for entry in _entries(watched):
            for side in (self._waiting, self._fired):
                _remove(side, watched.instrument, entry)
        self._moved.add(watched.instrument)

    def armed(self, instrument: str) -> bool:
        """Tell whether any trigger of this instrument is watched."""
        return instrument in self._waiting or instrument in self._fired

    def fired(self, instrument: str) -> bool:
        """Tell whether a trigger of this instrument has fired and is still armed."""
        return instrument in self._fired

    def highest(self, instrument: str) -> Decimal | None:
        """Return the highest level that has not fired: no price above it has anything to fire."""
        waiting = self._waiting.get(instrument)
        return waiting[-1][0] if waiting else None

    def moved(self) -> set[str]:
        """Return, once, the instruments whose highest level may have changed."""
        moved, self._moved = self._moved, set()
        return moved

    def crossed(self, prices: Iterable[tuple[str, SeenPrice]]) -> list[Crossing]:
        """Return every armed trigger that these prices hit, whether it has fired before or not."""
        crossings = []
        for instrument, seen in prices:
            for side in (self._fired, self._waiting):
                crossings += self._crossings(_from(side.get(instrument, []), seen.price), seen)
        return crossings

    def fire(self, prices: Iterable[tuple[str, SeenPrice]]) -> list[Crossing]:
        """Return the triggers that these prices hit, each once until it is armed again."""
        crossings = []
        for instrument, seen in prices:
            hit = _from(self._waiting.get(instrument, []), seen.price)
            if hit:
                self._set_aside(instrument, hit)
                crossings += self._crossings(hit, seen)
        return crossings

    def _set_aside(self, instrument: str, hit: _Levels) -> None:
        self._fired[instrument] = sorted(self._fired.get(instrument, []) + hit)
        waiting = self._waiting[instrument]
        del waiting[-len(hit) :]
        if not waiting:
            del self._waiting[instrument]
        self._moved.add(instrument)

    def _crossings(self, hit: _Levels, seen: SeenPrice) -> list[Crossing]:
        return [
            Crossing(self._armed[strategy_id], trigger, seen.price, seen.tick_at, seen.seen_at)
            for _, strategy_id, trigger in hit
        ]


def _place(watched: WatchedStrategy) -> tuple[str, tuple[PriceTrigger, ...]]:
    return watched.instrument, watched.triggers


def _entries(watched: WatchedStrategy) -> _Levels:
    return [(trigger.level, watched.strategy_id, trigger) for trigger in watched.triggers]


def _from(levels: _Levels, price: Decimal) -> _Levels:
    return levels[bisect_left(levels, price, key=_level) :]


def _remove(side: dict[str, _Levels], instrument: str, entry: tuple[Decimal, UUID, PriceTrigger]) -> None:
    levels = side.get(instrument, [])
    at = bisect_left(levels, entry)
    if at < len(levels) and levels[at] == entry:
        del levels[at]
        if not levels:
            del side[instrument]
