"""Replace a user's limits; every claim of an order reads them, so that they hold from the next order on."""

from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.limits import UserLimits
from domain.audit import Action
from domain.limits import Limits, OnBreach
from services.audit_trail import audit


async def change_limits(store: Store, user_id: UUID, limits: Limits) -> None:
    """Replace all limits of the user."""
    async with store.work(user_id) as session:
        await UserLimits(session, user_id).set_limits(limits)
        await audit(session, user_id, Action.LIMITS_CHANGED, why=_words(limits))


def _words(limits: Limits) -> str:
    """Return the limits for the audit log."""
    named = {
        "order_quantity": limits.order_quantity,
        "order_value": limits.order_value,
        "daily_loss": limits.daily_loss,
        "daily_profit": limits.daily_profit,
        "trades_a_day": limits.trades_a_day,
        "symbols": ",".join(limits.symbols) if limits.symbols is not None else None,
    }
    words = [f"{name} {value}" for name, value in named.items() if value is not None]
    if limits.on_breach is OnBreach.EXIT:
        words.append(f"on_breach {limits.on_breach}")
    return ", ".join(words) or "none"
