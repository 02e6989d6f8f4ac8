"""The stop book: which stops does a price cross, without looking at the others."""

from bisect import bisect_left, insort
from decimal import Decimal
from operator import itemgetter
from uuid import UUID

_stop = itemgetter(0)
_Stops = list[tuple[Decimal, UUID]]


class TriggerIndex:
    """Stops of armed strategies by instrument, each instrument's sorted by price.

    A stop that was pulled is set aside: it still counts as armed and crossed, but ticks have nothing more to
    say about it. So a share that trades below a thousand stops costs a tick no more than a quiet one.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Stops] = {}
        self._pulled: dict[str, _Stops] = {}
        self._places: dict[UUID, tuple[str, Decimal]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, strategy_id: UUID) -> bool:
        return strategy_id in self._places

    def arm(self, strategy_id: UUID, instrument: str, stop_loss: Decimal) -> None:
        """Watch a stop; one that was watched at another price is moved."""
        if self._places.get(strategy_id) == (instrument, stop_loss):
            return
        self.disarm(strategy_id)
        insort(self._waiting.setdefault(instrument, []), (stop_loss, strategy_id))
        self._places[strategy_id] = (instrument, stop_loss)

    def disarm(self, strategy_id: UUID) -> None:
        """Stop watching; nothing happens when it was not watched."""
        place = self._places.pop(strategy_id, None)
        if place is None:
            return
        instrument, stop_loss = place
        for side in (self._waiting, self._pulled):
            _remove(side, instrument, (stop_loss, strategy_id))

    def armed(self, instrument: str) -> bool:
        """Tell whether any stop of this instrument is watched."""
        return instrument in self._waiting or instrument in self._pulled

    def pulled(self, instrument: str) -> bool:
        """Tell whether a stop of this instrument was pulled and is still armed."""
        return instrument in self._pulled

    def highest(self, instrument: str) -> Decimal | None:
        """Return the highest stop that was not pulled: no price above it has anything to pull."""
        stops = self._waiting.get(instrument)
        return stops[-1][0] if stops else None

    def crossed(self, instrument: str, price: Decimal) -> list[UUID]:
        """Return the strategies whose stop is at or above `price` (`domain.trigger`)."""
        pulled = _from(self._pulled.get(instrument, []), price)
        return [one for _, one in pulled + _from(self._waiting.get(instrument, []), price)]

    def pull(self, instrument: str, price: Decimal) -> list[UUID]:
        """Return the strategies whose stop is at or above `price`, each once until it is armed again."""
        stops = self._waiting.get(instrument, [])
        hit = _from(stops, price)
        if hit:
            self._pulled[instrument] = sorted(self._pulled.get(instrument, []) + hit)
            del stops[-len(hit) :]
            if not stops:
                del self._waiting[instrument]
        return [strategy_id for _, strategy_id in hit]


def _from(stops: _Stops, price: Decimal) -> _Stops:
    return stops[bisect_left(stops, price, key=_stop) :]


def _remove(side: dict[str, _Stops], instrument: str, stop: tuple[Decimal, UUID]) -> None:
    stops = side.get(instrument, [])
    at = bisect_left(stops, stop)
    if at < len(stops) and stops[at] == stop:
        del stops[at]
        if not stops:
            del side[instrument]
