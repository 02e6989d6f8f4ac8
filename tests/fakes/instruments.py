"""The broker's instrument list in memory."""

from collections.abc import Sequence
from decimal import Decimal

from domain.errors import BrokerUnavailable, InstrumentUnreadable
from domain.instrument import Instrument, Segment
from execution.listed_today import ListedToday
from tests.fakes.manual_clock import ManualClock


def instrument(
    symbol: str,
    exchange: str = "NSE",
    tick: str = "0.05",
    lot: int = 1,
    segment: Segment = Segment.CASH,
    token: int = 1,
) -> Instrument:
    return Instrument(exchange, symbol, f"{symbol} Limited", token, Decimal(tick), lot, segment)


class MemoryInstruments:
    """Implements `domain.ports.Instruments`. `away`: no list; `unreadable`: lines that make no sense."""

    def __init__(self, *listed: Instrument) -> None:
        self.away = False
        self.unreadable: set[str] = set()
        self.listed = list(listed)

    @classmethod
    def of_a_day(cls) -> "MemoryInstruments":
        """Return a short list with one symbol of each kind."""
        return cls(
            instrument("TCS", segment=Segment.CASH_CAS),
            instrument("TCS", "BSE", segment=Segment.CASH_CAS),
            instrument("INFY", segment=Segment.CASH_CAS),
            instrument("M&M", segment=Segment.CASH_CAS),
            instrument("SUZLON-BE"),
            instrument("BAJAJ-AUTO", segment=Segment.CASH_CAS),
            instrument("NIFTY 50", segment=Segment.INDEX),
            instrument("NIFTY26DECFUT", "NFO", "0.1", 75, Segment.DERIVATIVES),
        )

    async def find(self, exchange: str, symbol: str) -> Instrument | None:
        self._reach()
        if symbol in self.unreadable:
            raise InstrumentUnreadable(exchange, symbol, "its lot size is 0")
        return self._of(exchange, symbol)

    async def search(self, query: str, limit: int) -> Sequence[Instrument]:
        self._reach()
        found = [item for item in self.listed if item.tradable and query.upper() in item.symbol]
        return found[:limit]

    def _of(self, exchange: str, symbol: str) -> Instrument | None:
        found = (item for item in self.listed if (item.exchange, item.symbol) == (exchange, symbol))
        return next(found, None)

    def _reach(self) -> None:
        if self.away:
            raise BrokerUnavailable("no instrument list")


def listing_nothing() -> ListedToday:
    """Return a look at a list that cannot be read: series go by the sizes they know."""
    unread = MemoryInstruments()
    unread.away = True
    return ListedToday(unread, ManualClock())


class EveryInstrument(MemoryInstruments):
    """A list that grows by whatever it is asked for, each with a token of its own; without `unlisted`."""

    def __init__(self, *unlisted: str) -> None:
        super().__init__()
        self._unlisted = unlisted

    def token(self, name: str) -> int:
        """Return the token of `NSE:TCS`."""
        exchange, _, symbol = name.partition(":")
        found = self._of(exchange, symbol)
        assert found is not None
        return found.token

    def _of(self, exchange: str, symbol: str) -> Instrument | None:
        found = super()._of(exchange, symbol)
        if found is None and symbol not in self._unlisted:
            found = instrument(symbol, exchange, token=256 * (len(self.listed) + 1) + 1)
            self.listed.append(found)
        return found
