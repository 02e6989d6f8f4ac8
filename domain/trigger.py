"""Price triggers: levels at which a price makes a strategy act."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum


class TriggerKind(IntEnum):
    """What a trigger is for, in order of priority: of those that one price hits, the first acts."""

    STOP = 1
    """Sell when the price falls to the level."""
    TARGET = 2
    """Sell when the price rises to the level."""


@dataclass(frozen=True, slots=True, order=True)
class PriceTrigger:
    """One level of a strategy. Triggers sort by priority, then by level."""

    kind: TriggerKind
    level: Decimal

    def is_hit(self, price: Decimal) -> bool:
        """Tell whether `price` hits it.

        A stop is hit at its level and below, a target at its level and above.
        """
        match self.kind:
            case TriggerKind.STOP:
                return price <= self.level
            case TriggerKind.TARGET:
                return price >= self.level


def stop_at(level: Decimal) -> PriceTrigger:
    """Return a stop at `level`."""
    return PriceTrigger(TriggerKind.STOP, level)


def target_at(level: Decimal) -> PriceTrigger:
    """Return a target at `level`."""
    return PriceTrigger(TriggerKind.TARGET, level)
