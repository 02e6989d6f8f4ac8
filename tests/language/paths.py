"""Random terms, fills and price paths."""

from decimal import Decimal
from random import Random

from domain.terms import Distance, Rung, Target, Terms, Trail, Unit

TICKS = tuple(Decimal(tick) for tick in ("0.01", "0.05", "0.1", "1", "5"))


def distance(random: Random, tick: Decimal, price: Decimal, most: Decimal) -> Distance:
    """Return at least a tick, at most `most` percent of the price."""
    if random.random() < 0.5:
        return Distance(_between(random, Decimal("0.05"), most, "0.01"), Unit.PERCENT)
    highest = max(2 * tick, price * most / 100)
    return Distance(_between(random, tick, highest, "0.01"), Unit.POINTS)


def terms(random: Random, tick: Decimal, price: Decimal) -> tuple[Decimal | None, Terms]:
    """Return a stop at a price, or None, and the other terms."""
    fixed = random.random() < 0.4
    stop_loss = on_tick(price * _between(random, Decimal("0.9"), Decimal("0.999"), "0.0001"), tick)
    measured = distance(random, tick, price, Decimal(5))
    trail = None
    if random.random() < 0.6:
        after = distance(random, tick, price, Decimal(2)) if random.random() < 0.5 else None
        every = distance(random, tick, price, Decimal(2)) if random.random() < 0.5 else None
        trail = Trail(distance(random, tick, price, Decimal(3)), after, every)
    rungs = tuple(
        Rung(distance(random, tick, price, Decimal(4)), distance(random, tick, price, Decimal(2)))
        for _ in range(random.randrange(4))
    )
    return (stop_loss if fixed else None), Terms(
        None if fixed else measured, target(random, tick, price), trail, rungs
    )


def target(random: Random, tick: Decimal, price: Decimal) -> Target | None:
    """Return a target above the price, or none."""
    kind = random.random()
    if kind < 0.3:
        return None
    if kind < 0.6:
        return Target(
            price=on_tick(price * _between(random, Decimal("1.001"), Decimal("1.06"), "0.0001"), tick)
        )
    return Target(distance=distance(random, tick, price, Decimal(6)))


def path(random: Random, tick: Decimal, price: Decimal, length: int) -> list[Decimal]:
    """Return prices on the tick, with drift, pauses and gaps."""
    prices, at = [], price
    drift = random.uniform(-0.4, 0.6)
    for _ in range(length):
        steps = round(random.gauss(drift, 1) * random.choice((0, 1, 1, 2, 5, 40)))
        at = max(tick, on_tick(at + steps * max(tick, on_tick(price / 2000, tick)), tick))
        prices.append(at)
    return prices


def on_tick(price: Decimal, tick: Decimal) -> Decimal:
    """Return the tick at or below a price, at least one."""
    return max(tick, price // tick * tick)


def _between(random: Random, low: Decimal, high: Decimal, step: str) -> Decimal:
    return low + (high - low) * Decimal(str(random.random())).quantize(Decimal(step))
