"""Days of random terms on random prices, played by the product, and worked out by a model of their own.

The product's parts are its own: run, executor, policies, the listener's index of triggers. Prices change
every `SEGMENT` seconds and are seen each second. The model (`tests.simulation.price_model`) knows the terms
and the prices alone.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time, timedelta
from decimal import Decimal

from domain.leg import average_price, filled
from domain.order import Leg, Reason
from domain.strategy import Outcome
from domain.terms import (
    After,
    Distance,
    Reenter,
    Rung,
    Size,
    SizeBy,
    Target,
    Terms,
    Trail,
    Unit,
    When,
)
from domain.trigger import TriggerKind
from listener.seen_price import SeenPrice
from listener.trigger_index import TriggerIndex
from tests.fakes.watch_list import watched
from tests.simulation.day import SimulatedDay
from tests.simulation.day_terms import BUY, EPOCH, SELL
from tests.simulation.loop import VirtualLoop

SEGMENT, SEGMENTS = 6.0, 10
"""Seconds a price stands, and how many of them a day has from its purchase on; the last one stands on."""
TICK = Decimal("0.05")
START, LOWEST, HIGHEST = 3500, 2900, 4100
UNTIL = time(9, 31)
"""Nothing is bought again from then on: `REENTER_UNTIL` seconds into the day."""
REENTER_UNTIL = 60.0


@dataclass(frozen=True, slots=True)
class PricedDay:
    """What a strategy says, and the price of each segment of its day."""

    stop_loss: Decimal | None
    terms: Terms
    quantity: int | None
    prices: tuple[Decimal, ...]

    def price_at(self, seconds: float) -> Decimal:
        """Return the price at so many seconds into the day."""
        return self.prices[max(0, min(int((seconds - BUY) // SEGMENT), SEGMENTS - 1))]


@dataclass(frozen=True, slots=True)
class Round:
    """One purchase and its sale."""

    shares: int
    bought_at: Decimal
    sold_at: Decimal
    reason: Reason


@dataclass(frozen=True, slots=True)
class Result:
    """What a day came to."""

    rounds: tuple[Round, ...]
    outcome: Outcome


def random_day(seed: int) -> PricedDay:
    """Return the day of a seed."""
    dice = random.Random(seed)  # noqa: S311 - a day that comes back with its seed is the point
    fixed = dice.random() < 0.5
    stop = None if fixed else _distance(dice, 0.3, 4)
    stop_loss = _on_tick(Decimal(START) * (1 - Decimal(dice.randint(3, 40)) / 1000)) if fixed else None
    terms = Terms(
        stop,
        _target(dice),
        _trail(dice) if dice.random() < 0.45 else None,
        tuple(_lock(dice)) if dice.random() < 0.3 else (),
        size=_size(dice) if dice.random() < 0.3 else None,
    )
    terms = replace(terms, reenter=_reenter(dice, stop_loss, terms))
    quantity = None if terms.size is not None else dice.randint(1, 50)
    return PricedDay(stop_loss, terms, quantity, tuple(_prices(dice)))


def _distance(dice: random.Random, least: float, most: float) -> Distance:
    """Return a distance of so many percent, or as many points as that is about."""
    percent = round(dice.uniform(least, most), 2)
    if dice.random() < 0.5:
        return Distance(Decimal(str(percent)), Unit.PERCENT)
    return Distance(_on_tick(Decimal(str(percent * START / 100))) + TICK, Unit.POINTS)


def _target(dice: random.Random) -> Target | None:
    turn = dice.random()
    if turn < 0.4:
        return None
    if turn < 0.7:
        return Target(distance=_distance(dice, 0.3, 4))
    return Target(price=_on_tick(Decimal(START) * (1 + Decimal(dice.randint(3, 40)) / 1000)))


def _trail(dice: random.Random) -> Trail:
    return Trail(
        _distance(dice, 0.2, 2),
        _distance(dice, 0.2, 2) if dice.random() < 0.5 else None,
        _distance(dice, 0.2, 2) if dice.random() < 0.4 else None,
    )


def _lock(dice: random.Random) -> list[Rung]:
    after, rungs = Decimal(0), []
    for _ in range(dice.randint(1, 3)):
        after += Decimal(dice.randint(2, 15)) / 10
        keep = after * dice.choice((0, 1, 3, 5)) / 10
        rungs.append(Rung(Distance(after, Unit.PERCENT), Distance(keep, Unit.PERCENT)))
    return rungs


def _size(dice: random.Random) -> Size:
    if dice.random() < 0.5:
        return Size(SizeBy.AMOUNT, Decimal(dice.randint(1_000, 200_000)))
    return Size(SizeBy.RISK, Decimal(dice.randint(20, 5_000)))


def _reenter(dice: random.Random, stop_loss: Decimal | None, terms: Terms) -> Reenter | None:
    if dice.random() < 0.4:
        return None
    after = dice.choice(list(After)) if terms.target is not None else After.STOP
    by_stop = after is not After.TARGET
    when = When.AT_ENTRY_PRICE if stop_loss is not None and by_stop else dice.choice(list(When))
    return Reenter(dice.randint(1, 3), after, when, UNTIL)


def _prices(dice: random.Random) -> Sequence[Decimal]:
    found = [_on_tick(Decimal(START) * (1 + Decimal(dice.randint(-40, 40)) / 1000))]
    for _ in range(SEGMENTS - 1):
        step = dice.gauss(0, 0.012) if dice.random() < 0.85 else dice.gauss(0, 0.05)
        moved = found[-1] * (1 + Decimal(str(round(step, 5))))
        found.append(_on_tick(min(max(moved, Decimal(LOWEST)), Decimal(HIGHEST))))
    return found


def _on_tick(price: Decimal) -> Decimal:
    return price // TICK * TICK


class _Day(SimulatedDay):
    """A day without faults whose prices are those of its plan, watched by the listener's own index."""

    priced: PricedDay
    index: TriggerIndex

    def prepare(self) -> None:
        self.index = TriggerIndex()
        self.watched = watched(stop_loss="1")
        self.strategy = replace(
            self.strategy,
            stop_loss=self.priced.stop_loss,
            quantity=self.priced.quantity,
            terms=self.priced.terms,
        )
        self.exchange.price = self.priced.price_at(0)
        for second in range(int(BUY), int(SELL) + 1):
            self.loop.call_at(second, self._tick)

    def _tick(self) -> None:
        price = self.exchange.price = self.priced.price_at(self.now())
        self._watch()
        seen = SeenPrice(price, EPOCH + timedelta(seconds=self.now()))
        for crossing in self.index.crossed([("NSE:TCS", seen)]):
            if crossing.trigger.kind is TriggerKind.STOP:
                self._hit(crossing.peak, TriggerKind.STOP, Reason.STOPLOSS)
            else:
                self._hit(crossing.peak, TriggerKind.TARGET, Reason.TARGET)
        self.index.fire([("NSE:TCS", seen)])

    def _hit(self, peak: Decimal | None, kind: TriggerKind, reason: Reason) -> None:
        message = {"price": str(self.exchange.price), "peak": None if peak is None else str(peak)}
        if self.result is not None and not self.result.done():
            self._signal(message, kind)
            self.hands.sell_at_once(reason)

    def _watch(self) -> None:
        """Arm what is held, as the listener would by what it reads of the strategy."""
        newest = max((row.key.round for row in self.orders.rows.values()), default=1)
        legs = {
            leg: [row for row in self.orders.rows.values() if row.key.round == newest and row.key.leg is leg]
            for leg in Leg
        }
        held = filled(legs[Leg.ENTRY]) - filled(legs[Leg.EXIT])
        if not held or self.is_leaving():
            self.index.disarm(self.watched.strategy_id)
            return
        terms, entry = self.priced.terms, average_price(legs[Leg.ENTRY])
        self.index.arm(
            replace(self.watched, stop_loss=self.priced.stop_loss, terms=terms, entry=entry, tick=TICK)
        )


def played(priced: PricedDay) -> Result:
    """Play a day by the product, in milliseconds."""
    loop = VirtualLoop()
    day = type("_OfPrices", (_Day,), {"priced": priced})(loop, ())
    try:
        loop.run_until_complete(day.live())
    finally:
        loop.run_until_complete(day.end())
    return _result(day)


def _result(day: SimulatedDay) -> Result:
    rows = list(day.orders.rows.values())
    rounds = []
    for number in sorted({row.key.round for row in rows}):
        bought, sold = (
            [row for row in rows if row.key.round == number and row.key.leg is leg and row.filled_quantity]
            for leg in (Leg.ENTRY, Leg.EXIT)
        )
        at, out = average_price(bought), average_price(sold)
        if at is not None and out is not None and sold[0].reason is not None:
            assert filled(bought) == filled(sold)
            rounds.append(Round(filled(bought), at, out, sold[0].reason))
    (end,) = day.runs.finished
    return Result(tuple(rounds), end.outcome)
