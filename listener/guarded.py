"""Tells by a strategy's state whether its triggers are still to fire, and who has sold."""

from domain.strategy import Phase, Position
from domain.watched_strategy import WatchedStrategy


def is_guarded(watched: WatchedStrategy) -> bool:
    """Tell whether triggers are still to fire: shares are held, and no exit has begun."""
    return watched.armed and watched.phase not in (Phase.EXITING, Phase.DONE)


def is_sold_by_others(watched: WatchedStrategy) -> bool:
    """Tell whether the fast path has sold while the run does not know yet: its signal is still due."""
    # Entering as well: a price that falls in the first instants sells before the run has said that it holds.
    return watched.position is Position.SOLD and watched.phase in (Phase.ENTERING, Phase.HOLDING)
