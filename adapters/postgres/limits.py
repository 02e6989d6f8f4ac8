"""Stores limits and kill switches, which every claim checks (`adapters.postgres.claims`)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, case, delete, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.limit_tables import BreachRow
from adapters.postgres.tables import LimitsRow, OperatorSwitch, StrategyRow, SystemSwitch
from adapters.postgres.user_tables import User
from domain.account_day import Breach, WrittenBreach
from domain.limits import KillExits, LimitName, Limits, OnBreach, Switch, Switches, ToSell
from domain.strategy import Position, Status

BREACH_SELLS_FOR = timedelta(days=7)
"""For so long the breach of a day has what that day held sold, as `stops_due` has it."""


class UserLimits:
    """One user's limits and kill switch."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def switches(self) -> Switches:
        """Return every kill switch that bars the user's entries, in one statement: each START asks."""
        row = (await self._session.execute(_SWITCHES, {"user_id": self._user_id})).one()
        return Switches(
            own=_switch(row.kill_switch, row.kill_exits, row.kill_reason, row.killed_at),
            operators=_switch(row.their_exits is not None, row.their_exits, row.their_reason, row.since),
            everybody=_switch(row.halted, row.exits, row.reason, row.halted_at),
        )

    async def limits(self) -> Limits:
        """Return the user's limits."""
        query = select(LimitsRow).where(LimitsRow.user_id == self._user_id)
        row = (await self._session.execute(query)).scalar_one_or_none()
        if row is None:
            return Limits()
        symbols = tuple(row.symbols) if row.symbols is not None else None
        return Limits(
            row.order_quantity,
            row.order_value,
            row.daily_loss,
            symbols,
            row.daily_profit,
            row.trades_a_day,
            OnBreach(row.on_breach),
        )

    async def last_breach(self) -> WrittenBreach | None:
        """Return the breach of the newest day that has one: of loss or profit first, the oldest of them."""
        counted = BreachRow.limit_name == LimitName.TRADES_A_DAY.value
        query = (
            select(BreachRow)
            .where(BreachRow.user_id == self._user_id)
            .order_by(BreachRow.trading_day.desc(), counted, BreachRow.at)
            .limit(1)
        )
        row = (await self._session.execute(query)).scalar_one_or_none()
        if row is None:
            return None
        breach = Breach(LimitName(row.limit_name), row.value, row.net, OnBreach(row.on_breach), row.at)
        return WrittenBreach(row.user_id, row.trading_day, breach)

    async def set_limits(self, limits: Limits) -> None:
        """Replace all limits."""
        await self._write(
            order_quantity=limits.order_quantity,
            order_value=limits.order_value,
            daily_loss=limits.daily_loss,
            symbols=list(limits.symbols) if limits.symbols is not None else None,
            daily_profit=limits.daily_profit,
            trades_a_day=limits.trades_a_day,
            on_breach=limits.on_breach.value,
        )

    async def set_switch(self, exits: KillExits | None, reason: str) -> None:
        """Turn the kill switch on, or off with None. One that is already on keeps its `since`."""
        on = exits is not None
        since = func.coalesce(LimitsRow.killed_at, func.clock_timestamp()) if on else None
        await self._write(kill_switch=on, kill_exits=exits, kill_reason=reason if on else "")
        where = update(LimitsRow).where(LimitsRow.user_id == self._user_id)
        await self._session.execute(where.values(killed_at=since))

    async def running(self) -> Sequence[ToSell]:
        """Return the user's running strategies."""
        query = _RUNNING.where(StrategyRow.user_id == self._user_id)
        return [_of(row) for row in await self._session.execute(query)]

    async def holding(self) -> frozenset[UUID]:
        """Return the user's strategies that hold shares, running or not."""
        query = select(StrategyRow.strategy_id).where(
            StrategyRow.user_id == self._user_id, StrategyRow.position == Position.BOUGHT.value
        )
        return frozenset(await self._session.scalars(query))

    async def _write(self, **values: object) -> None:
        row = insert(LimitsRow).values(user_id=self._user_id, **values)
        await self._session.execute(row.on_conflict_do_update(index_elements=["user_id"], set_=values))


async def set_system_switch(session: AsyncSession, exits: KillExits | None, reason: str) -> None:
    """Turn the kill switch for all users on, or off with None."""
    on = exits is not None
    since = func.coalesce(SystemSwitch.halted_at, func.clock_timestamp()) if on else None
    change = update(SystemSwitch).values(halted=on, exits=exits, reason=reason if on else "", halted_at=since)
    await session.execute(change)


async def set_operator_switch(
    session: AsyncSession, user_id: UUID, exits: KillExits | None, reason: str
) -> None:
    """Turn the operator's kill switch for one user on, or off with None. For the schema's owner."""
    if exits is None:
        await session.execute(delete(OperatorSwitch).where(OperatorSwitch.user_id == user_id))
        return
    values = {"exits": exits, "reason": reason}
    row = insert(OperatorSwitch).values(user_id=user_id, **values)
    await session.execute(row.on_conflict_do_update(index_elements=["user_id"], set_=values))


async def to_sell(session: AsyncSession) -> Sequence[ToSell]:
    """Return every running strategy whose shares a kill switch or a breach of its day orders to be sold.

    A breach is a word to the strategies of its day that were started before it. It is named where no switch
    says the same.
    """
    everybody = select(SystemSwitch.one).where(SystemSwitch.halted, SystemSwitch.exits == KillExits.EXIT)
    theirs = select(LimitsRow.user_id).where(LimitsRow.kill_switch, LimitsRow.kill_exits == KillExits.EXIT)
    suspended = select(OperatorSwitch.user_id).where(OperatorSwitch.exits == KillExits.EXIT)
    breached = select(BreachRow.limit_name).where(
        BreachRow.on_breach == OnBreach.EXIT,
        BreachRow.user_id == StrategyRow.user_id,
        BreachRow.at > func.now() - BREACH_SELLS_FOR,
        BreachRow.trading_day >= StrategyRow.trading_day,
        BreachRow.at >= StrategyRow.started_at,
    )
    killed = or_(everybody.exists(), StrategyRow.user_id.in_(theirs), StrategyRow.user_id.in_(suspended))
    first = breached.order_by(BreachRow.at).limit(1).scalar_subquery()
    limit = case((killed, null()), else_=first).label("limit_name")
    operators = and_(killed, StrategyRow.user_id.not_in(theirs)).label("by_operator")
    query = _RUNNING.add_columns(limit, operators).where(or_(killed, breached.exists()))
    return [_of(row, row.limit_name, by_operator=row.by_operator) for row in await session.execute(query)]


async def user_named(session: AsyncSession, name: str) -> UUID | None:
    """Return the user with that e-mail or id; None when there is none."""
    try:
        condition = User.user_id == UUID(name)
    except ValueError:
        condition = User.email == name.lower()
    return (await session.execute(select(User.user_id).where(condition))).scalar_one_or_none()


def _of(row: Any, limit: str | None = None, *, by_operator: bool = False) -> ToSell:
    named = LimitName(limit) if limit is not None else None
    held = row.position == Position.BOUGHT
    return ToSell(row.strategy_id, row.workflow_id, row.run_id, held, named, by_operator)


def _switch(on: bool | None, exits: str | None, reason: str | None, since: datetime | None) -> Switch:
    if not on:
        return Switch()
    return Switch(True, KillExits(exits) if exits is not None else KillExits.KEEP, reason or "", since)


_RUNNING = select(
    StrategyRow.strategy_id, StrategyRow.workflow_id, StrategyRow.run_id, StrategyRow.position
).where(
    StrategyRow.status == Status.RUNNING.value,
    StrategyRow.workflow_id.is_not(None),
    StrategyRow.run_id.is_not(None),
)
_SWITCHES = (
    select(
        *(SystemSwitch.halted, SystemSwitch.exits, SystemSwitch.reason, SystemSwitch.halted_at),
        *(LimitsRow.kill_switch, LimitsRow.kill_exits, LimitsRow.kill_reason, LimitsRow.killed_at),
        OperatorSwitch.exits.label("their_exits"),
        OperatorSwitch.reason.label("their_reason"),
        OperatorSwitch.since,
    )
    .select_from(SystemSwitch)
    .outerjoin(LimitsRow, LimitsRow.user_id == bindparam("user_id"))
    .outerjoin(OperatorSwitch, OperatorSwitch.user_id == bindparam("user_id"))
)
