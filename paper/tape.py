"""The tape of one instrument: its last price, the day's figures, and the depth."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paper.instruments import Instrument
from paper.sources import Source

if TYPE_CHECKING:
    from paper.orders import Order

DEPTH_LEVELS = 5
BAND_PERCENT = 10
CONTROLLED_BAND_PERCENT = 20


@dataclass(slots=True, eq=False)
class Tape:
    """Prices in paise."""

    instrument: Instrument
    source: Source
    last: int
    open: int
    high: int
    low: int
    close: int
    lower: int
    upper: int
    traded_at: float
    volume: int
    day: str
    traded_value: int = 0
    last_quantity: int = 1
    # A control call set the price: its wider limits stay.
    is_controlled: bool = False
    # Resting orders, in order of arrival; triggers before anything else look at these.
    resting: "dict[str, Order]" = field(default_factory=dict)
    # Sockets that listen, and price-dependent things (GTT) that need the tape to move.
    watchers: int = 0

    @property
    def bid(self) -> int:
        """The price of a market SELL: one tick under the last price."""
        return max(self.lower, self.last - self.instrument.tick)

    @property
    def ask(self) -> int:
        """The price of a market BUY: one tick over the last price."""
        return min(self.upper, self.last + self.instrument.tick)

    @property
    def is_watched(self) -> bool:
        return bool(self.watchers or self.resting)

    def trade(self, price: int, now: float) -> None:
        """Print one trade."""
        self.last = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.traded_at = now
        self.last_quantity = self.instrument.lot * (1 + price // self.instrument.tick % 7)
        self.volume += self.last_quantity
        self.traded_value += self.last_quantity * price

    def begin_day(self, day: str, percent: int) -> None:
        """Start the day's figures again from the last day's end."""
        self.day = day
        self.close = self.open = self.high = self.low = self.last
        self.volume = self.traded_value = 0
        self.set_limits(self.close, percent)

    def set_limits(self, price: int, percent: int) -> None:
        """Put the circuit limits a percentage to either side of a price, on the tick grid."""
        tick = self.instrument.tick
        self.lower = max(tick, -(-(price * (100 - percent) // 100) // tick) * tick)
        self.upper = price * (100 + percent) // 100 // tick * tick

    def depth(self) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Return five levels a side: price, quantity, orders."""
        tick, lot = self.instrument.tick, self.instrument.lot
        buys = [(self.bid - i * tick, lot * (100 + 37 * i), 3 + i) for i in range(DEPTH_LEVELS)]
        sells = [(self.ask + i * tick, lot * (100 + 41 * i), 3 + i) for i in range(DEPTH_LEVELS)]
        return (
            [level if level[0] >= self.lower else (0, 0, 0) for level in buys],
            [level if level[0] <= self.upper else (0, 0, 0) for level in sells],
        )


def new_tape(instrument: Instrument, source: Source, close: int, now: float, day: str) -> Tape:
    """Return a tape that starts its day at the source's price."""
    price = source.price()
    tape = Tape(
        instrument=instrument,
        source=source,
        last=price,
        open=price,
        high=price,
        low=price,
        close=close,
        lower=0,
        upper=0,
        traded_at=now,
        volume=0,
        day=day,
    )
    tape.set_limits(close, BAND_PERCENT)
    if not tape.lower <= price <= tape.upper:
        tape.set_limits(price, BAND_PERCENT)
    return tape
