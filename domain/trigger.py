"""Price triggers: levels at which a price makes a strategy act."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum


class TriggerKind(IntEnum):
    """What a trigger is for, in order of priority: of those that one price hits, the first acts."""

    STOP = 1
    """Sell when the price falls to the level."""


@dataclass(frozen=True, slots=True, order=True)
class PriceTrigger:
    """One level of a strategy. Triggers sort by priority, then by level."""

    kind: TriggerKind
    level: Decimal

    def is_hit(self, price: Decimal) -> bool:
        """Tell whether `price` hits it: a stop is hit at its level and below (seed, section 9)."""
        match self.kind:
            case TriggerKind.STOP:
                return price <= self.level


def stop_at(level: Decimal) -> PriceTrigger:
    """Return the stop of a strategy whose stop_loss is `level`."""
    return PriceTrigger(TriggerKind.STOP, level)
