"""Finds the triggers that a price hits, and the peaks that it raises, without looking at the others."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from uuid import UUID

from domain.standing import Measured
from domain.trigger import PriceTrigger, TriggerKind
from domain.watched_strategy import WatchedStrategy
from listener.crossing import Crossing
from listener.seen_price import SeenPrice

NO_PEAK = Decimal(0)
"""Below every price: the first one is a peak."""
_level = itemgetter(0)
_Levels = list[tuple[Decimal, int]]
"""Levels and the numbers of their strategies' ids: numbers compare in a tenth of the time."""


@dataclass(slots=True, eq=False)
class _Armed:
    """A strategy whose triggers are watched: where they stand, and what they stand by."""

    watched: WatchedStrategy
    measured: Measured
    peak: Decimal | None
    triggers: tuple[PriceTrigger, ...]
    fired: bool = False

    @property
    def number(self) -> int:
        return self.watched.strategy_id.int

    @property
    def stop(self) -> Decimal | None:
        first = self.triggers[0] if self.triggers else None
        return first.level if first is not None and first.kind is TriggerKind.STOP else None

    def stands_as(
        self, watched: WatchedStrategy, peak: Decimal | None, triggers: tuple[PriceTrigger, ...]
    ) -> bool:
        """Tell whether a strategy's levels are where this one's are."""
        now = (watched.instrument, watched.terms.moves, peak, triggers)
        return now == (self.watched.instrument, self.watched.terms.moves, self.peak, self.triggers)

    @property
    def stop_moved(self) -> bool:
        """Tell whether the stop stands elsewhere than at the price that the strategy names."""
        return self.stop is not None and self.stop != self.watched.stop_loss

    def crossing(self, seen: SeenPrice) -> Crossing | None:
        """Return what this price hits, the stop before the target; None where it hits nothing."""
        hit = next((trigger for trigger in self.triggers if trigger.is_hit(seen.price)), None)
        if hit is None:
            return None
        peak = self.peak if self.watched.terms.moves else None
        return Crossing(self.watched, hit, seen.price, seen.tick_at, seen.seen_at, peak)


@dataclass(slots=True, eq=False)
class _Waiting:
    """The levels of one instrument that have not fired, each list sorted."""

    stops: _Levels
    targets: _Levels
    peaks: _Levels

    def __bool__(self) -> bool:
        return bool(self.stops or self.targets or self.peaks)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which prices of an instrument nothing happens, both excluded but for `peak`.

    At or below `stop` or at or above `target` something fires; above `peak` one rises. None: no bound.
    """

    stop: Decimal | None = None
    target: Decimal | None = None
    peak: Decimal | None = None


class TriggerIndex:
    """Triggers of armed strategies by instrument, each instrument's sorted by level.

    A strategy that fired is set aside: it still counts as armed and crossed, but ticks have nothing more to
    say about it. So a share that trades below a thousand stops costs a tick no more than a quiet one.
    """

    def __init__(self) -> None:
        self._armed: dict[int, _Armed] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._fired: defaultdict[str, set[int]] = defaultdict(set)
        self._moved: set[str] = set()
        self._risen: set[int] = set()
        self._stops_moved: set[int] = set()

    def __len__(self) -> int:
        return len(self._armed)

    def __contains__(self, strategy_id: UUID) -> bool:
        return strategy_id.int in self._armed

    def arm(self, watched: WatchedStrategy) -> None:
        """Watch a strategy's triggers; what was watched at other levels is moved.

        The peak is the higher one of what is known here and what was written.
        """
        before = self._armed.get(watched.strategy_id.int)
        peak = _higher(before.peak if before is not None else None, watched.peak)
        measured = watched.measured
        triggers = measured.at(peak).triggers
        if before is not None and before.stands_as(watched, peak, triggers):
            before.watched, before.measured = watched, measured
            return
        unwritten = watched.strategy_id.int in self._risen
        self.disarm(watched.strategy_id)
        self._put(_Armed(watched, measured, peak, triggers))
        if unwritten:
            self._risen.add(watched.strategy_id.int)

    def disarm(self, strategy_id: UUID) -> None:
        """Stop watching; nothing happens when it was not watched."""
        number = strategy_id.int
        armed = self._armed.pop(number, None)
        if armed is None:
            return
        name = armed.watched.instrument
        if armed.fired:
            self._fired[name].discard(number)
            if not self._fired[name]:
                del self._fired[name]
        else:
            self._take(armed)
        self._risen.discard(number)
        self._stops_moved.discard(number)
        self._moved.add(name)

    def stop_of(self, strategy_id: UUID) -> Decimal | None:
        """Return where a strategy's stop stands; None while none is watched."""
        armed = self._armed.get(strategy_id.int)
        return armed.stop if armed is not None else None

    def armed(self, instrument: str) -> bool:
        """Tell whether any trigger of this instrument is watched."""
        return instrument in self._waiting or instrument in self._fired

    def fired(self, instrument: str) -> bool:
        """Tell whether a trigger of this instrument has fired and is still armed."""
        return instrument in self._fired

    def waits(self, instrument: str) -> bool:
        """Tell whether a trigger of this instrument has not fired."""
        return instrument in self._waiting

    def bounds(self, instrument: str) -> Bounds:
        """Return the prices between which nothing happens."""
        waiting = self._waiting.get(instrument)
        if waiting is None:
            return Bounds()
        return Bounds(
            waiting.stops[-1][0] if waiting.stops else None,
            waiting.targets[0][0] if waiting.targets else None,
            waiting.peaks[0][0] if waiting.peaks else None,
        )

    def moved(self) -> set[str]:
        """Return, once, the instruments whose bounds may have changed."""
        moved, self._moved = self._moved, set()
        return moved

    def risen(self) -> Mapping[UUID, Decimal]:
        """Return, once, the peaks that have risen since the last call."""
        risen, self._risen = self._risen, set()
        found = [self._armed[number] for number in risen]
        return {armed.watched.strategy_id: armed.peak for armed in found if armed.peak is not None}

    def moved_stops(self, *, again: bool) -> Mapping[UUID, Decimal]:
        """Return where stops stand that are not at the price their strategy names.

        Those that have moved since the last call; with `again` all of them.
        """
        moved, self._stops_moved = self._stops_moved, set()
        found = self._armed.values() if again else [self._armed[number] for number in moved]
        return {one.watched.strategy_id: one.stop for one in found if one.stop is not None and one.stop_moved}

    def tell_peak(self, strategy_id: UUID) -> None:
        """Have `risen` return a strategy's peak: it is known from elsewhere than a price that came."""
        if strategy_id.int in self._armed:
            self._risen.add(strategy_id.int)

    def crossed(self, prices: Iterable[tuple[str, SeenPrice]]) -> list[Crossing]:
        """Return what these prices hit of every armed strategy, whether it has fired before or not."""
        crossings = []
        for instrument, seen in prices:
            numbers = [*self._fired.get(instrument, ()), *self._hit(instrument, seen.price)]
            found = (self._armed[number].crossing(seen) for number in numbers)
            crossings += [crossing for crossing in found if crossing is not None]
        return crossings

    def fire(self, prices: Iterable[tuple[str, SeenPrice]]) -> list[Crossing]:
        """Take prices in their order: return what they hit, each once until it is armed again.

        What a price does not hit, it may raise: the next one is judged by the stops that stand then.
        """
        crossings = []
        for instrument, seen in prices:
            for number in self._hit(instrument, seen.price):
                armed = self._armed[number]
                self._set_aside(armed)
                crossing = armed.crossing(seen)
                if crossing is not None:
                    crossings.append(crossing)
            self._raise(instrument, seen.price)
        return crossings

    def _hit(self, instrument: str, price: Decimal) -> list[int]:
        """Return the waiting strategies with a trigger that the price hits, each once."""
        waiting = self._waiting.get(instrument)
        if waiting is None:
            return []
        stops = waiting.stops[bisect_left(waiting.stops, price, key=_level) :]
        targets = waiting.targets[: bisect_right(waiting.targets, price, key=_level)]
        return list(dict.fromkeys(number for _, number in (*stops, *targets)))

    def _raise(self, instrument: str, price: Decimal) -> None:
        waiting = self._waiting.get(instrument)
        if waiting is None:
            return
        count = bisect_left(waiting.peaks, price, key=_level)
        risen = [number for _, number in waiting.peaks[:count]]
        if not risen:
            return
        waiting.peaks = sorted([(price, number) for number in risen] + waiting.peaks[count:])
        self._move_stops(waiting, risen, price)
        self._risen.update(risen)
        self._moved.add(instrument)

    def _move_stops(self, waiting: _Waiting, risen: Sequence[int], peak: Decimal) -> None:
        """Have these strategies' stops follow the peak, in one pass: a thousand may rise with a tick."""
        moved = dict[int, Decimal | None]()
        for number in risen:
            armed = self._armed[number]
            before, armed.peak = armed.stop, peak
            armed.triggers = armed.measured.at(peak).triggers
            if armed.stop != before:
                moved[number] = armed.stop
        if moved:
            self._stops_moved.update(moved)
            stay = [entry for entry in waiting.stops if entry[1] not in moved]
            stay += [(stop, number) for number, stop in moved.items() if stop is not None]
            waiting.stops = sorted(stay)

    def _put(self, armed: _Armed) -> None:
        number, name = armed.number, armed.watched.instrument
        self._armed[number] = armed
        self._stops_moved.add(number)
        waiting = self._waiting.setdefault(name, _Waiting([], [], []))
        for levels, level in _places(armed, waiting):
            insort(levels, (level, number))
        if not waiting:
            del self._waiting[name]
        self._moved.add(name)

    def _take(self, armed: _Armed) -> None:
        name = armed.watched.instrument
        waiting = self._waiting.get(name)
        if waiting is None:
            return
        for levels, level in _places(armed, waiting):
            entry = (level, armed.number)
            at = bisect_left(levels, entry)
            if at < len(levels) and levels[at] == entry:
                del levels[at]
        if not waiting:
            del self._waiting[name]
        self._moved.add(name)

    def _set_aside(self, armed: _Armed) -> None:
        self._take(armed)
        armed.fired = True
        self._fired[armed.watched.instrument].add(armed.number)


def _places(armed: _Armed, waiting: _Waiting) -> list[tuple[_Levels, Decimal]]:
    """Return where a strategy's levels belong."""
    sides = {TriggerKind.STOP: waiting.stops, TriggerKind.TARGET: waiting.targets}
    places = [(sides[trigger.kind], trigger.level) for trigger in armed.triggers]
    if armed.watched.terms.moves:
        places.append((waiting.peaks, NO_PEAK if armed.peak is None else armed.peak))
    return places


def _higher(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return max((at for at in (one, other) if at is not None), default=None)
