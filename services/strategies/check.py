"""Say what a START of a strategy would come to, without writing anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID, uuid4

from adapters.kite.egress import Egress
from adapters.postgres.accounts import BrokerAccount, BrokerAccounts
from adapters.postgres.engine import Store
from adapters.postgres.entries_due import entries_seen
from adapters.postgres.limits import UserLimits
from domain.account_day import WrittenBreach
from domain.account_day_alerts import bar_warnings
from domain.broker_login import NO_QUOTES
from domain.entry_turns import MISSED_AFTER, crowd_warning
from domain.errors import CacheUnavailable, CalendarUnknown, Unavailable
from domain.instrument import Instrument
from domain.limits import Limits
from domain.margin import Margin
from domain.ports import Clock
from domain.series import plan_start
from domain.session import DayPlan, exchange_time
from domain.start_warnings import (
    NOT_CONNECTED,
    Login,
    limit_warnings,
    login_warnings,
    margin_warnings,
    price_warnings,
    unknown_margin,
    unknown_price,
)
from domain.strategy import Strategy
from domain.strategy_check import CheckRequest, CheckResult, Foreseen, foreseen
from services.account.start_refusal import refuse_start
from services.errors import Conflict, FieldError
from services.ports import AccountChecks, SymbolPrices
from services.strategies.draft import DraftChecks, StrategyDraft, strategy_of


@dataclass(frozen=True, slots=True)
class Checked:
    """What a START now would come to; None is what is not known. `live`: real orders at Zerodha."""

    strategy: Strategy
    live: bool
    plan: DayPlan | None
    last_price: Decimal | None
    foreseen: Foreseen
    margin: Margin | None
    warnings: tuple[str, ...]


class _Standing(NamedTuple):
    """What the database says: the account, the user's other entries due and limits, why START is refused."""

    account: BrokerAccount | None
    due: Sequence[datetime]
    limits: Limits
    refusal: str
    breach: WrittenBreach | None


@dataclass(frozen=True, slots=True)
class StrategyCheck:
    """Checks strategies before they are started."""

    store: Store
    drafts: DraftChecks
    accounts: AccountChecks
    prices: SymbolPrices
    egress: Egress
    clock: Clock
    missed_after: timedelta = MISSED_AFTER

    async def check(
        self, user_id: UUID, draft: StrategyDraft, malformed: Sequence[FieldError] = ()
    ) -> Checked:
        """Return what a START of the draft would come to. Raises `Invalid` as its creation does."""
        now = self.clock.now()
        await self.drafts.check(user_id, draft, malformed, now)
        strategy = strategy_of(uuid4(), user_id, draft)
        listed = await self.drafts.listed_to_buy(strategy)
        plan, unplanned = self._plan(strategy, listed, now)
        stands = await self._standing(user_id, plan)
        found = await self._read(strategy, listed, stands.account, now)
        day = plan.trading_day if plan is not None else exchange_time(now).date()
        ahead = foreseen(strategy, listed, found.last_price, day)
        return Checked(
            strategy,
            self.egress.live,
            plan,
            found.last_price,
            ahead,
            found.margin,
            (
                *unplanned,
                *self._warnings(strategy, plan, stands, found, now),
                *limit_warnings(stands.limits, strategy.symbol, ahead.quantity, ahead.amount),
                *_no_shares(ahead),
            ),
        )

    def _plan(
        self, strategy: Strategy, listed: Instrument, now: datetime
    ) -> tuple[DayPlan | None, tuple[str, ...]]:
        calendar = self.drafts.calendar
        try:
            plan = plan_start(strategy, calendar, listed.segment, now)
        except CalendarUnknown:
            return None, (
                f"The exchange's holidays are known or estimated up to {calendar.last_day}, and the next "
                "trading day would be after that: START is refused until the operator has added days.",
            )
        return plan, plan.warnings

    async def _standing(self, user_id: UUID, plan: DayPlan | None) -> _Standing:
        refusal = self.egress.refusal(user_id) or ""
        async with self.store.read(user_id) as session:
            account = await BrokerAccounts(session, user_id).get()
            due = [] if plan is None else await entries_seen(session, user_id, plan.buy_at, UUID(int=0))
            mine = UserLimits(session, user_id)
            limits, breach = await mine.limits(), await mine.last_breach()
            try:
                await refuse_start(session, user_id)
            except Conflict as barred:
                refusal = barred.detail
        return _Standing(account, due, limits, refusal, breach)

    async def _read(
        self, strategy: Strategy, listed: Instrument, account: BrokerAccount | None, now: datetime
    ) -> CheckResult:
        """Return what the broker says; without an account or a login only the price is known, if any is."""
        try:
            price = await self.prices.of_symbol(strategy.exchange, strategy.symbol)
        except CacheUnavailable:
            price = None
        if account is None:
            return CheckResult(price)
        if self.egress.refusal(strategy.user_id):
            return CheckResult(price, problem="nothing may be sent to Zerodha for this account")
        if not account.alive_at(now):
            return CheckResult(price, problem="the login at Zerodha has ended")
        try:
            request = CheckRequest(strategy, price, listed.tick_size, listed.lot_size)
            found = await self.accounts.read(request)
        except Unavailable:
            return CheckResult(price, problem="the part that may ask Zerodha did not answer in time")
        return found if found.last_price is not None else replace(found, last_price=price)

    def _warnings(
        self,
        strategy: Strategy,
        plan: DayPlan | None,
        stands: _Standing,
        found: CheckResult,
        now: datetime,
    ) -> list[str]:
        account = stands.account
        words = [f"START is refused at present. {stands.refusal}"] if stands.refusal else []
        if account is None:
            words.append(NOT_CONNECTED)
        elif plan is not None:
            words += login_warnings(login_of(account), now, plan.buy_at, buying=True)
        if account is not None and account.has_quotes is False:
            words.append(NO_QUOTES)
        if plan is not None:
            words += bar_warnings(stands.breach, plan.trading_day)
        words += price_warnings(strategy, found.last_price)
        words += margin_warnings(found.margin)
        if account is not None and found.margin is None:
            words.append(unknown_margin(found.problem))
        if account is not None and found.last_price is None:
            words.append(unknown_price(strategy.symbol))
        crowd = None if plan is None else crowd_warning(stands.due, plan.buy_at, self.missed_after)
        return [*words, crowd] if crowd is not None else words


def _no_shares(ahead: Foreseen) -> list[str]:
    return [f"Nothing would be bought: {ahead.problem}."] if ahead.quantity == 0 else []


def login_of(account: BrokerAccount) -> Login:
    """Return how long an account's login lasts."""
    return Login(None if account.login_dead else account.token_expires_at)
