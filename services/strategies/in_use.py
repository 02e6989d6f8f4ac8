"""Says why a strategy that is in use can be neither deleted nor edited."""

from adapters.postgres.idle_strategies import Use
from services.errors import Conflict


def in_use(use: Use) -> Conflict:
    """Return the refusal."""
    return Conflict(*_WORDS[use])


_WORDS = {
    Use.RUNNING: ("strategy_running", "This strategy is running: stop it first."),
    Use.REPEATING: (
        "strategy_running",
        "This strategy waits for its next day, and while it does it goes on repeating: stop it first, which "
        "ends its series, and then take repeat away. Its other terms can be edited now.",
    ),
    Use.STARTING: (
        "strategy_running",
        "This strategy is being started: stop it first, or try again in a few seconds.",
    ),
    Use.POSITION_OPEN: (
        "position_open",
        'Shares of an exit that failed are still held: POST /strategy/stop with on_stop "exit" sells them.',
    ),
    Use.IN_DOUBT: (
        "order_in_doubt",
        "The broker has not answered for an order of this trading day; if it turns up, this strategy is how "
        "we know whose it is. Delete or change it after the market has closed.",
    ),
}
