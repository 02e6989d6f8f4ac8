"""Reads strategies with their user's account, one of them or a page: the reads that clients ask for most.

One statement, its text and its key made once, on a bare connection: a third of the processor time of the
queries of a session.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, and_, bindparam, case, exists, func, select, tuple_

from adapters.postgres.accounts import ACCOUNT_COLUMNS, BrokerAccount
from adapters.postgres.book_tables import FinishedRoundRow
from adapters.postgres.engine import Store
from adapters.postgres.series_tables import SeriesRow
from adapters.postgres.strategies import ITS_SERIES, OF_ITS_RUN, Spot, StrategyRecord, record_of
from adapters.postgres.tables import OrderRow, StrategyRow
from adapters.postgres.user_tables import BrokerKeys
from adapters.postgres.watch_tables import PeakRow
from domain.order import Leg, OrderStatus
from domain.strategy import Position, Status


@dataclass(frozen=True, slots=True)
class StrategyViewRow:
    """A strategy's state; `account` is None while its user has connected none."""

    record: StrategyRecord
    account: BrokerAccount | None
    has_days: bool = False
    """The books have a finished round of it."""

    @property
    def spot(self) -> Spot:
        return self.record.spot


async def read_strategy_view(store: Store, user_id: UUID, strategy_id: UUID) -> StrategyViewRow | None:
    """Return one of this user's strategies; None for an unknown id and for another user's."""
    async with store.look(user_id) as connection:
        found = await connection.execute(_ONE, {"strategy_id": strategy_id, "user_id": user_id})
        row = found.one_or_none()
    return None if row is None else _view_row(row)


async def read_strategy_page(
    store: Store, user_id: UUID, limit: int, after: Spot | None
) -> Sequence[StrategyViewRow]:
    """Return at most `limit` of this user's strategies, newest first, from `after` on."""
    asked: dict[str, Any] = {"user_id": user_id, "limit": limit}
    if after is not None:
        asked |= {"created_at": after.created_at, "after_id": after.row_id}
    async with store.look(user_id) as connection:
        rows = (await connection.execute(_PAGE if after is None else _PAGE_ON, asked)).all()
    return [_view_row(row) for row in rows]


def _view_row(row: Any) -> StrategyViewRow:
    account = BrokerAccount(*row[-len(ACCOUNT_COLUMNS) :])
    known = account if account.broker is not None else None
    return StrategyViewRow(record_of(row, row.peak, row.left_out, row.entry_rests_since), known, row.has_days)


_SENT_AT = (
    select(func.max(OrderRow.sent_at))
    .where(
        OrderRow.strategy_id == StrategyRow.strategy_id,
        OrderRow.trading_day == StrategyRow.trading_day,
        OrderRow.round == StrategyRow.round,
        OrderRow.leg == Leg.ENTRY.value,
        OrderRow.status.in_((OrderStatus.OPEN.value, OrderStatus.CANCELLED.value)),
    )
    .scalar_subquery()
)
_BUYS = and_(
    StrategyRow.status == Status.RUNNING.value,
    StrategyRow.position == Position.NONE.value,
    StrategyRow.buy_at < func.now(),
)
"""Its orders are looked at where one of them may rest: of few strategies, for a minute a day."""
_ALL = (
    select(
        *StrategyRow.__table__.columns,
        PeakRow.price.label("peak"),
        SeriesRow.left_out.label("left_out"),
        exists().where(FinishedRoundRow.strategy_id == StrategyRow.strategy_id).label("has_days"),
        case((_BUYS, _SENT_AT)).label("entry_rests_since"),
        *ACCOUNT_COLUMNS,
    )
    .outerjoin(PeakRow, OF_ITS_RUN)
    .outerjoin(SeriesRow, ITS_SERIES)
    .outerjoin(BrokerKeys, BrokerKeys.user_id == StrategyRow.user_id)
    .where(StrategyRow.user_id == bindparam("user_id"))
)
_ONE = _ALL.where(StrategyRow.strategy_id == bindparam("strategy_id"))
_PAGE = _ALL.order_by(StrategyRow.created_at.desc(), StrategyRow.strategy_id.desc()).limit(
    bindparam("limit", type_=BigInteger)
)
_PLACE = tuple_(StrategyRow.created_at, StrategyRow.strategy_id)
_PAGE_ON = _PAGE.where(tuple_(bindparam("created_at"), bindparam("after_id")) > _PLACE)
