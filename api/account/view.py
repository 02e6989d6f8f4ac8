"""A user's limits and switches, as they see them."""

from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.limits import UserLimits
from api.account.schemas import AccountOut, LimitsOut, SwitchOut
from services.account.kill_switch import SaleCounts

_NONE = SaleCounts()


async def shown(store: Store, user_id: UUID, sales: SaleCounts = _NONE) -> AccountOut:
    """Return the limits and switches in force, and what a kill switch has just told to sell."""
    async with store.read(user_id) as session:
        mine = UserLimits(session, user_id)
        switches, limits = await mine.switches(), await mine.limits()
    return AccountOut(
        kill_switch=SwitchOut.model_validate(switches.own, from_attributes=True),
        operator=SwitchOut.model_validate(switches.operators, from_attributes=True),
        system=SwitchOut.model_validate(switches.everybody, from_attributes=True),
        limits=LimitsOut(
            order_quantity=limits.order_quantity,
            order_value=limits.order_value,
            daily_loss=limits.daily_loss,
            symbols=list(limits.symbols) if limits.symbols is not None else None,
        ),
        selling=sales.selling,
        untold=sales.untold,
        sold=sales.sold,
    )
