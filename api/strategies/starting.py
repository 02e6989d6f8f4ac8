"""START: plan the day, start the run, and answer with what the run has written down of itself."""

from dataclasses import replace
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.accounts import BrokerAccounts
from adapters.postgres.starts import Starts
from adapters.postgres.strategies import Strategies, StrategyRecord
from adapters.postgres.strategy_view_row import StrategyViewRow, read_strategy_view
from api.account.audit import audit
from api.account.limits import refuse_start
from api.broker.service import may_trade, not_connected
from api.dependencies import Dependencies
from api.http.errors import Conflict, FieldError, Invalid, NotFound
from api.strategies.creation import unreadable_symbol
from domain.audit import Action
from domain.errors import CalendarUnknown, InstrumentUnreadable
from domain.failpoint import failpoint
from domain.instrument import Segment
from domain.run import StartRun
from domain.session import DayPlan, plan_day, plan_sale
from domain.strategy import OnStop, Status, Strategy


async def start(parts: Dependencies, user_id: UUID, strategy_id: UUID) -> StrategyViewRow:
    """Start a strategy's next trading day; one that runs already is returned as it is."""
    before = await _read(parts, user_id, strategy_id)
    record = before.record
    if record.status is Status.RUNNING:
        return before
    if before.account is None:
        raise not_connected()
    may_trade(parts, user_id)
    if record.left_over:
        raise Conflict(
            "position_open",
            "Shares of an exit that failed are still held. Sell them first: POST /strategy/stop with "
            'on_stop "exit".',
        )
    strategy = record.strategy
    segment = await segment_of(parts, strategy)
    plan = _plan(parts, strategy, segment)
    async with parts.store.work(user_id) as session:
        await refuse_start(session, user_id)
        # Before the run, which trades nothing that is not written down; known whatever crashes next.
        start = await _written(session, StartRun(uuid4(), strategy, plan))
        await audit(session, user_id, Action.STRATEGY_START, str(strategy_id), f"for {plan.trading_day}")
    await failpoint("start.received")
    await parts.runs.start(start)
    await failpoint("start.confirmed")
    return await _read(parts, user_id, strategy_id)


async def start_sale(parts: Dependencies, user_id: UUID, record: StrategyRecord) -> DayPlan:
    """Start a run that only sells what an earlier one left; returns its plan."""
    if (await _read(parts, user_id, record.strategy.strategy_id)).account is None:
        raise not_connected()
    may_trade(parts, user_id)
    segment = await segment_of(parts, record.strategy)
    plan = plan_sale(record.strategy, parts.calendar, segment, parts.clock.now())
    async with parts.store.work(user_id) as session:
        start = await _written(session, StartRun(uuid4(), record.strategy, plan, sell_only=True))
        what, how = str(record.strategy.strategy_id), f"on_stop {OnStop.EXIT.value}"
        await audit(session, user_id, Action.STRATEGY_STOP, what, how)
    await parts.runs.start(start)
    return plan


async def _written(session: AsyncSession, start: StartRun) -> StartRun:
    """Write a START down with the account that is connected now; return it as it is written.

    From here on neither its account nor its strategy can be taken from it. Raises `Conflict`, `NotFound`.
    """
    user_id, strategy_id = start.strategy.user_id, start.strategy.strategy_id
    account = await BrokerAccounts(session, user_id).hold()
    if account is None:
        raise not_connected()
    if not await Strategies(session, user_id).hold(strategy_id):
        raise NotFound
    starts = Starts(session, user_id)
    if start.sell_only:
        _refuse_another_account(await starts.account_of_newest(strategy_id), account)
    start = replace(start, account=account)
    await starts.write(start)
    return start


def _refuse_another_account(holds: str, connected: str) -> None:
    if holds and holds != connected:
        raise Conflict(
            "broker_other_user",
            f"These shares are held in the broker account {holds}, and {connected} is connected now. Forget "
            f"that one with DELETE /broker and connect {holds} again, or sell them at the broker.",
        )


async def segment_of(parts: Dependencies, strategy: Strategy) -> Segment:
    """Return where the symbol trades today. Raises `Invalid` when it trades no more, or its line is wrong."""
    try:
        instrument = await parts.instruments.find(strategy.exchange, strategy.symbol)
    except InstrumentUnreadable as unreadable:
        raise Invalid([unreadable_symbol(strategy.symbol, unreadable)]) from None
    if instrument is None:
        words = f"{strategy.symbol} is not traded on {strategy.exchange} any more"
        raise Invalid([FieldError("symbol", "unknown_symbol", words)])
    return instrument.segment


async def _read(parts: Dependencies, user_id: UUID, strategy_id: UUID) -> StrategyViewRow:
    found = await read_strategy_view(parts.store, user_id, strategy_id)
    if found is None:
        raise NotFound
    return found


def _plan(parts: Dependencies, strategy: Strategy, segment: Segment) -> DayPlan:
    try:
        return plan_day(strategy, parts.calendar, segment, parts.clock.now())
    except CalendarUnknown:
        raise _beyond(parts) from None


def _beyond(parts: Dependencies) -> Conflict:
    return Conflict(
        "calendar_unknown",
        f"The exchange's holidays are known or estimated up to {parts.calendar.last_day}, and the next "
        "trading day would be after that: nothing is assumed about it. The operator can add days, see "
        "`stopwatch doctor`.",
    )
