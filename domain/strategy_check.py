"""Defines what a worker reads at the broker before a START, and foresees what the strategy would do."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from domain.charge_schedule import schedule_on
from domain.charges import Charges, ExecutedOrder, trade_kind
from domain.day_charges import charges_of_round
from domain.entry_order import entry_order
from domain.instrument import Instrument
from domain.margin import Margin
from domain.order import Side
from domain.standing import Fills, standing
from domain.strategy import Strategy


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A strategy that may not be stored. `last_price`: what is known already; None has it asked for.

    `tick` and `lot` are the symbol's.
    """

    strategy: Strategy
    last_price: Decimal | None = None
    tick: Decimal | None = None
    lot: int = 1


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the broker said; None is what it did not say. `problem` says why the margins are missing."""

    last_price: Decimal | None = None
    required: Decimal | None = None
    available: Decimal | None = None
    problem: str = ""

    @property
    def margin(self) -> Margin | None:
        """What the entry needs and what is free, where both are known."""
        if self.required is None or self.available is None:
            return None
        return Margin(self.required, self.available)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A purchase at the last price; rupees, None where that price or what it takes is not known.

    `charges`: of the purchase and of a sale on the same day at the same price. `problem`: why the quantity is
    0, without a full stop.
    """

    quantity: int | None = None
    amount: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    risk: Decimal | None = None
    charges: Charges | None = None
    problem: str = ""


def foreseen(strategy: Strategy, listed: Instrument, last_price: Decimal | None, day: date) -> Foreseen:
    """Return what a purchase at the last price would come to, on a trading day."""
    order = entry_order(strategy, last_price, listed.tick_size, listed.lot_size)
    fills = Fills(last_price, last_price, listed.tick_size)
    stands = standing(strategy.stop_loss, strategy.terms, fills)
    known = Foreseen(order.shares, stop=stands.stop, target=stands.target, problem=order.problem)
    if last_price is None or order.shares is None:
        return known
    return replace(
        known,
        amount=last_price * order.shares,
        risk=None if stands.stop is None else (last_price - stands.stop) * order.shares,
        charges=_round_trip(strategy, order.shares, last_price, day),
    )


def _round_trip(strategy: Strategy, quantity: int, price: Decimal, day: date) -> Charges | None:
    kind = trade_kind(strategy.exchange, strategy.symbol, strategy.product)
    schedule = schedule_on(day)
    if kind is None or schedule is None:
        return None
    orders = [ExecutedOrder(kind, strategy.exchange, side, quantity, price) for side in Side]
    return charges_of_round(orders, schedule).in_paise()
