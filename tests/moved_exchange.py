"""The simulation's exchange at a moved time, without faults: another price each day, and after noon."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from domain.session import EXCHANGE_ZONE
from domain.strategy import Product
from tests.moved_time import MovedTime
from tests.simulation.exchange import Exchange


def price_at(instant: datetime) -> Decimal:
    """Return the exchange's price: another one each day, and after noon another than before."""
    day = instant.astimezone(EXCHANGE_ZONE)
    morning = Decimal("3487.35") + Decimal("13.15") * day.day
    return morning if day.time() < time(12) else morning + Decimal("7.85") * (day.day % 5 - 2)


class MovedExchange(Exchange):
    """The simulation's exchange at the moved time. Its positions are those of a day."""

    clock: MovedTime
    day: date | None = None

    @property
    def price(self) -> Decimal:
        return price_at(self.clock.now())

    @price.setter
    def price(self, _: Decimal) -> None:
        """The price is what the time says."""

    def roll(self) -> None:
        """Begin the exchange's day."""
        today = self.clock.now().astimezone(EXCHANGE_ZONE).date()
        if today != self.day:
            self.day = today
            self.positions.clear()


@dataclass
class Floor:
    """What the exchange asks of where it stands: nothing ever goes wrong here."""

    clock: MovedTime
    epoch: datetime
    exchange: MovedExchange | None = None

    async def passing(self, point: str) -> str:
        if self.exchange is not None:
            self.exchange.roll()
        return ""

    def now(self) -> float:
        return (self.clock.now() - self.epoch).total_seconds()

    def store_now(self) -> datetime:
        return self.clock.now()

    def intent_is_written(self, tag: str) -> bool:
        return True


def exchange_on(clock: MovedTime) -> MovedExchange:
    floor = Floor(clock, datetime(2026, 1, 1, tzinfo=UTC))
    exchange = MovedExchange(floor, floor.epoch, product=Product.MIS)
    exchange.clock, floor.exchange = clock, exchange
    return exchange
