"""START: plan the day, start the run, and answer with what the run has written down of itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.kite.egress import Egress
from adapters.postgres.accounts import BrokerAccounts
from adapters.postgres.engine import Store
from adapters.postgres.entries_due import entries_due
from adapters.postgres.limits import UserLimits
from adapters.postgres.running_count import running_beside
from adapters.postgres.series import UserSeries
from adapters.postgres.starts import KnownStart, Starts
from adapters.postgres.strategies import Strategies, StrategyRecord
from adapters.postgres.strategy_view_row import StrategyViewRow
from domain.account_day_alerts import bar_warnings
from domain.audit import Action
from domain.entry_turns import MISSED_AFTER, crowd_warning
from domain.errors import CalendarUnknown, Unavailable
from domain.failpoint import failpoint
from domain.instrument import Segment
from domain.listed_day import as_pressed, with_sizes
from domain.ports import Clock
from domain.run import Release, StartRun
from domain.series import plan_start
from domain.session import DayPlan, TradingCalendar, exchange_time, plan_sale
from domain.strategy import OnStop, Status, Strategy
from services.account.start_refusal import refuse_start
from services.audit_trail import audit
from services.bounds import USUAL, too_many_running
from services.broker.refusals import not_connected, refuse_without_address
from services.errors import Conflict, NotFound
from services.ports import Runs
from services.strategies.creation_key import start_id_for
from services.strategies.draft import DraftChecks
from services.strategies.lookup import find_strategy
from services.strategies.start_margin import StartMargin

LOOK_EVERY = 0.25
"""Seconds between looks at a run that is waited for."""
BEGINS_WITHIN, BEGIN_AGAIN = 3.0, 0.05
"""Seconds in which a run of before has to close that has written its end, and between two tries."""
LOOK_SECONDS = 30.0
"""How long a START waits for a look at the account: what is gone there bars no START."""


class Started(NamedTuple):
    """A strategy that was started. `told`: warnings of this answer alone; they may soon be otherwise."""

    stands: StrategyViewRow
    told: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class StrategyStart:
    """Starts trading days, and runs that only sell."""

    store: Store
    runs: Runs
    drafts: DraftChecks
    egress: Egress
    margin: StartMargin
    clock: Clock
    missed_after: timedelta = MISSED_AFTER
    most_running: int = USUAL.running

    async def start(self, user_id: UUID, strategy_id: UUID, key: str | None = None) -> Started:
        """Start a strategy's next trading day; one that runs already is returned as it is.

        So is one that this START, known by its `key`, has started before.
        """
        before = await find_strategy(self.store, user_id, strategy_id)
        if before.record.status is Status.RUNNING:
            return Started(before)
        start_id = start_id_for(strategy_id, key)
        if key is not None and (known := await self._known(user_id, start_id)) is not None:
            return await self._again(known)
        self._refuse_unready(before, user_id)
        if before.record.left_over:
            await self._look_for_left_over(user_id, before.record)
        strategy = before.record.strategy
        listed = await self.drafts.listed_to_buy(strategy)
        plan = as_pressed(with_sizes(self._plan(strategy, listed.segment), listed), self.clock.now())
        async with self.store.work(user_id) as session:
            await refuse_start(session, user_id)
            # Before the run, which trades nothing that is not written down; known whatever crashes next.
            start = await _write_down(session, StartRun(start_id, strategy, plan), self.missed_after)
            await self._refuse_too_many(session, strategy)
            breach = await UserLimits(session, user_id).last_breach()
            await audit(session, user_id, Action.STRATEGY_START, str(strategy_id), f"for {plan.trading_day}")
        await failpoint("start.received")
        async with self.margin.asking(strategy, listed, plan) as asking:
            started = await self._begin(start)
            barred = bar_warnings(breach, plan.trading_day)
            return Started(started, [*barred, *await asking.warnings()])

    async def _begin(self, start: StartRun) -> StrategyViewRow:
        """Begin the run of a START that is written down; return how its strategy stands then.

        A run of before that has written its end, and is not closed at Temporal yet, answers in place of the
        new one: then it is asked for again. Raises `Unavailable`.
        """
        strategy = start.strategy
        deadline = self.clock.monotonic() + BEGINS_WITHIN
        while True:
            await self.runs.start(start)
            await failpoint("start.confirmed")
            stands = await find_strategy(self.store, strategy.user_id, strategy.strategy_id)
            if stands.record.status is Status.RUNNING:
                return stands
            known = await self._known(strategy.user_id, start.start_id)
            if known is None or not known.may_begin:
                return stands
            if self.clock.monotonic() >= deadline:
                raise Unavailable("the run of before has not ended yet, so this one could not begin")
            await self.clock.sleep(BEGIN_AGAIN)

    async def _known(self, user_id: UUID, start_id: UUID) -> KnownStart | None:
        async with self.store.work(user_id) as session:
            return await Starts(session, user_id).find(start_id)

    async def _again(self, known: KnownStart) -> Started:
        """Begin the run of a START that was only written down; one that began before stays as it is.

        A run that begins too late says so itself, and buys nothing.
        """
        strategy = known.start.strategy
        if not known.may_begin:  # its run may have begun since this call did
            return Started(await find_strategy(self.store, strategy.user_id, strategy.strategy_id))
        return Started(await self._begin(known.start))

    async def start_sale(self, user_id: UUID, record: StrategyRecord) -> DayPlan:
        """Start a run that only sells what an earlier one left; returns its plan."""
        strategy = record.strategy
        if (await find_strategy(self.store, user_id, strategy.strategy_id)).account is None:
            raise not_connected()
        refuse_without_address(self.egress, user_id)
        listed = await self.drafts.listed(strategy)
        plan = with_sizes(plan_sale(strategy, self._calendar, listed.segment, self.clock.now()), listed)
        async with self.store.work(user_id) as session:
            sale = StartRun(uuid4(), strategy, plan, sell_only=True)
            start = await _write_down(session, sale, self.missed_after)
            what, how = str(strategy.strategy_id), f"on_stop {OnStop.EXIT.value}"
            await audit(session, user_id, Action.STRATEGY_STOP, what, how)
        await self._begin(start)
        return plan

    async def release(
        self, user_id: UUID, record: StrategyRecord, release: Release, seconds: float
    ) -> tuple[StrategyViewRow, bool]:
        """Start a run that sells nothing of what is left, and wait for its end at most so many seconds.

        Returns how the strategy stands then, and whether it has ended. To keep shares needs no account.
        """
        strategy = record.strategy
        now = self.clock.now()
        day = record.trading_day or exchange_time(now).date()
        # It is over: an older worker, which knows of no release, sells nothing either.
        plan = DayPlan(day, now, now, now, now)
        start = StartRun(uuid4(), strategy, plan, sell_only=True, release=release)
        async with self.store.work(user_id) as session:
            start = await _write_down(session, start, self.missed_after)
            what, how = str(strategy.strategy_id), f"on_stop {OnStop.KEEP.value}"
            if release is Release.KEEP:
                await audit(session, user_id, Action.STRATEGY_STOP, what, how)
        await self._begin(start)
        return await self.until_stopped(user_id, record, seconds)

    async def until_stopped(
        self, user_id: UUID, record: StrategyRecord, seconds: float
    ) -> tuple[StrategyViewRow, bool]:
        """Wait at most so many seconds for a run's end; return how the strategy stands, whether it ended."""
        deadline = self.clock.monotonic() + seconds
        while True:
            stands = await find_strategy(self.store, user_id, record.strategy.strategy_id)
            if stands.record.status is Status.STOPPED:
                return stands, True
            if self.clock.monotonic() >= deadline:
                return stands, False
            await self.clock.sleep(LOOK_EVERY)

    @property
    def _calendar(self) -> TradingCalendar:
        return self.drafts.calendar

    async def _refuse_too_many(self, session: AsyncSession, strategy: Strategy) -> None:
        beside = await running_beside(session, strategy.user_id, strategy.strategy_id)
        if beside >= self.most_running:
            raise too_many_running(self.most_running)

    def _refuse_unready(self, before: StrategyViewRow, user_id: UUID) -> None:
        if before.account is None:
            raise not_connected()
        refuse_without_address(self.egress, user_id)

    async def _look_for_left_over(self, user_id: UUID, record: StrategyRecord) -> None:
        """Have the account looked at: shares that are gone do not bar the START. Raises `Conflict`."""
        stands, _ = await self.release(user_id, record, Release.LOOK, LOOK_SECONDS)
        if stands.record.status is not Status.STOPPED or stands.record.left_over:
            raise Conflict(
                "position_open",
                "Shares of an exit that failed are still held. Have them sold first, or keep them as your "
                'own: POST /strategy/stop with on_stop "exit" or "keep".',
            )

    def _plan(self, strategy: Strategy, segment: Segment) -> DayPlan:
        try:
            return plan_start(strategy, self._calendar, segment, self.clock.now())
        except CalendarUnknown:
            raise Conflict(
                "calendar_unknown",
                f"The exchange's holidays are known or estimated up to {self._calendar.last_day}, and the "
                "next trading day would be after that: nothing is assumed about it. The operator can add "
                "days, see `stopwatch doctor`.",
            ) from None


async def _write_down(session: AsyncSession, start: StartRun, missed_after: timedelta) -> StartRun:
    """Write a START down with the account that is connected now; return it as it is written.

    An entry whose turn would come later than `missed_after` gets a warning. From here on neither its account
    nor its strategy can be taken from it. Raises `Conflict`, `NotFound`.
    """
    user_id, strategy_id = start.strategy.user_id, start.strategy.strategy_id
    account = await BrokerAccounts(session, user_id).hold()
    starts = Starts(session, user_id)
    if start.release is Release.KEEP:
        account = await starts.account_of_newest(strategy_id)
    elif account is None:
        raise not_connected()
    await _hold(session, start.strategy)
    if start.sell_only:
        _refuse_another_account(await starts.account_of_newest(strategy_id), account)
        _refuse_other_shares(await starts.terms_of_newest(strategy_id), start.strategy)
    else:
        start = await _warned_of_a_crowd(session, start, missed_after)
    start = replace(start, account=account)
    if start.strategy.terms.repeat is not None and not start.sell_only:
        series = await UserSeries(session, user_id).open(strategy_id, start.start_id)
        start = replace(start, series_id=series)
    await starts.write(start)
    return start


async def _hold(session: AsyncSession, strategy: Strategy) -> None:
    """Keep a strategy as it is. Raises `NotFound`, and `Conflict` where it was edited since it was read."""
    held = await Strategies(session, strategy.user_id).hold(strategy.strategy_id)
    if held is None:
        raise NotFound
    if held != strategy:
        raise Conflict(
            "terms_changed",
            "The terms of this strategy were changed at this moment, so it was not started: look at them, "
            "then start it.",
        )


async def _warned_of_a_crowd(session: AsyncSession, start: StartRun, missed_after: timedelta) -> StartRun:
    strategy, plan = start.strategy, start.plan
    before = await entries_due(session, strategy.user_id, plan.buy_at, strategy.strategy_id)
    warning = crowd_warning(before, plan.buy_at, missed_after)
    if warning is None:
        return start
    return replace(start, plan=replace(plan, warnings=(*plan.warnings, warning)))


def _refuse_other_shares(bought: Strategy | None, strategy: Strategy) -> None:
    """Raise `Conflict` where what is held is not what the strategy names since it was edited."""
    if bought is not None and _shares_of(bought) != _shares_of(strategy):
        raise Conflict(
            "terms_changed",
            f"The shares that were kept are {bought.instrument} ({bought.product.value}), and the terms of "
            "this strategy were changed since: sell them at the broker, or change symbol, exchange and "
            "product back.",
        )


def _shares_of(strategy: Strategy) -> tuple[str, str]:
    return strategy.instrument, strategy.product.value


def _refuse_another_account(holds: str, connected: str) -> None:
    if holds and holds != connected:
        raise Conflict(
            "broker_other_user",
            f"These shares are held in the broker account {holds}, and {connected} is connected now. Forget "
            f"that one with DELETE /broker and connect {holds} again, or sell them at the broker.",
        )
