"""The stop book: which stops does a price cross, without looking at the others."""

from bisect import bisect_left, insort
from decimal import Decimal
from operator import itemgetter
from uuid import UUID

_stop = itemgetter(0)


class StopBook:
    """Stops of armed strategies by instrument, each instrument's sorted by price."""

    def __init__(self) -> None:
        self._stops: dict[str, list[tuple[Decimal, UUID]]] = {}
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
        insort(self._stops.setdefault(instrument, []), (stop_loss, strategy_id))
        self._places[strategy_id] = (instrument, stop_loss)

    def disarm(self, strategy_id: UUID) -> None:
        """Stop watching; nothing happens when it was not watched."""
        place = self._places.pop(strategy_id, None)
        if place is None:
            return
        instrument, stop_loss = place
        stops = self._stops[instrument]
        del stops[bisect_left(stops, (stop_loss, strategy_id))]
        if not stops:
            del self._stops[instrument]

    def armed(self, instrument: str) -> bool:
        """Tell whether any stop of this instrument is watched."""
        return instrument in self._stops

    def crossed(self, instrument: str, price: Decimal) -> list[UUID]:
        """Return the strategies whose stop is at or above `price` (`domain.stoploss.crossed`)."""
        stops = self._stops.get(instrument)
        if not stops:
            return []
        return [strategy_id for _, strategy_id in stops[bisect_left(stops, price, key=_stop) :]]
