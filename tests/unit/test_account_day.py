"""The day of an account: what it has come to, and every way its events can follow each other."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from uuid import UUID, uuid4

import pytest

from domain.account_charges import charges_of_rounds
from domain.account_day import (
    AccountDay,
    Breach,
    DayEvent,
    DayState,
    come_to,
    judge,
    next_state,
)
from domain.day_round import DayFill, DayRound
from domain.limits import LimitName, Limits, OnBreach
from domain.order import Side
from domain.strategy import Product

DAY = date(2026, 11, 23)
USER = uuid4()
LONG_AGO = timedelta(minutes=10)
JUST_NOW = timedelta(seconds=1)


def bought(quantity: int, price: str | None, age: timedelta = LONG_AGO) -> DayFill:
    return DayFill(Side.BUY, quantity, Decimal(price) if price else None, age)


def sold(quantity: int, price: str | None, *, in_doubt: bool = False) -> DayFill:
    return DayFill(Side.SELL, quantity, Decimal(price) if price else None, in_doubt=in_doubt)


def a_round(*fills: DayFill, held: int = 0, price: str | None = None, age: timedelta = JUST_NOW) -> DayRound:
    known = Decimal(price) if price else None
    return DayRound(uuid4(), "NSE", "TCS", Product.CNC, "zerodha:AB1234", fills, held, 0, known, age)


def of_a_day(*rounds: DayRound, breached: frozenset[LimitName] = frozenset(), **limits: object) -> AccountDay:
    return AccountDay(USER, DAY, Limits(**limits), rounds, breached)  # type: ignore[arg-type]


def net(*rounds: DayRound) -> Decimal | None:
    return come_to(rounds, DAY).net


LOST = a_round(bought(10, "3500"), sold(10, "3400"))
"""A thousand rupees lost, before charges."""
WON = a_round(bought(10, "3500"), sold(10, "3600"))
OPEN_LOSS = a_round(bought(10, "3500"), held=10, price="3400")
COSTS = {one: charges_of_rounds([one], DAY) for one in (LOST, WON, OPEN_LOSS)}


def test_day_without_trades_has_come_to_nothing() -> None:
    assert net() == 0


def test_what_is_sold_counts_after_its_charges() -> None:
    costs = COSTS[LOST]
    assert costs is not None
    assert costs > 20
    assert net(LOST) == -1000 - costs


def test_what_is_held_counts_as_if_it_were_sold_now_its_charges_too() -> None:
    assert net(OPEN_LOSS) == net(LOST)


def test_rounds_of_all_strategies_add_up() -> None:
    other = replace(WON, symbol="INFY", strategy_id=uuid4())
    charges = charges_of_rounds([LOST, other], DAY)
    assert charges is not None
    assert net(LOST, other) == -charges


def test_shares_that_their_user_keeps_are_not_judged() -> None:
    kept = a_round(bought(10, "3500"), sold(4, "3400"))
    charges = charges_of_rounds([kept], DAY)
    assert charges is not None
    assert net(kept) == -400 - charges


@pytest.mark.parametrize(
    "unclear",
    [
        a_round(bought(10, "3500"), sold(10, None)),
        a_round(bought(10, None), sold(10, "3400")),
        a_round(bought(10, "3500"), sold(0, None, in_doubt=True)),
        a_round(sold(10, "3400")),
        replace(LOST, gone=3),
        replace(LOST, exchange="MCX"),
        a_round(bought(10, "3500"), held=10, price="3400", age=timedelta(seconds=5.1)),
        a_round(bought(10, "3500"), held=10),
        replace(OPEN_LOSS, in_session=False),
    ],
    ids=["sale", "purchase", "in doubt", "earlier", "gone", "charges", "old price", "no price", "closed"],
)
def test_what_is_not_known_is_not_zero(unclear: DayRound) -> None:
    assert net(WON, unclear) is None


def test_price_counts_for_five_seconds_and_a_fill_is_a_price() -> None:
    assert net(replace(OPEN_LOSS, price_age=timedelta(seconds=5))) is not None
    fresh = a_round(bought(10, "3500", age=timedelta(seconds=3)), held=10)
    assert not fresh.lacks_price
    assert a_round(bought(10, "3500", age=timedelta(seconds=6)), held=10).lacks_price


def test_missing_price_in_a_closed_market_is_told_to_nobody() -> None:
    closed = replace(OPEN_LOSS, price=None, in_session=False)
    assert come_to([closed], DAY).missing == ()


def test_loss_at_the_limit_is_a_breach_and_just_above_it_none() -> None:
    loss = net(LOST)
    assert loss is not None
    at = judge(of_a_day(LOST, daily_loss=-loss))
    assert at.breach == Breach(LimitName.DAILY_LOSS, -loss, loss, OnBreach.BLOCK)
    assert judge(of_a_day(LOST, daily_loss=-loss + Decimal("0.01"))).breach is None


def test_charges_alone_can_reach_a_limit() -> None:
    even = a_round(bought(10, "3500"), sold(10, "3500"))
    verdict = judge(of_a_day(even, daily_loss=Decimal(20)))
    assert verdict.breach is not None


def test_profit_at_its_limit_is_a_breach() -> None:
    won = net(WON)
    assert won is not None
    verdict = judge(of_a_day(WON, daily_profit=won, on_breach=OnBreach.EXIT))
    assert verdict.breach == Breach(LimitName.DAILY_PROFIT, won, won, OnBreach.EXIT)
    assert judge(of_a_day(WON, daily_profit=won + 1)).breach is None


def test_count_of_trades_never_sells() -> None:
    assert not Breach(LimitName.TRADES_A_DAY, Decimal(3), None, OnBreach.EXIT).sells
    assert Breach(LimitName.DAILY_LOSS, Decimal(3), Decimal(-3), OnBreach.EXIT).sells


def test_each_state_knows_each_event() -> None:
    for state, event in product(DayState, DayEvent):
        after = next_state(state, event)
        lifted = state is DayState.BREACHED and after is not DayState.BREACHED
        assert not lifted or event is DayEvent.NEXT_DAY


# --- every order of events ------------------------------------------------------------------------------

LIMIT = Decimal(1000)
PRICES = {"low": "3300", "even": "3500", "high": "3700"}
EVENTS = (
    *("fill", "low", "even", "high", "silence", "restart"),
    *("raise", "take_away", "kill", "refused", "next"),
)


@dataclass
class Worlds:
    """A user with both limits and `exit`, as the rows say it."""

    limits: Limits = field(
        default_factory=lambda: Limits(daily_loss=LIMIT, daily_profit=LIMIT * 2, on_breach=OnBreach.EXIT)
    )
    day: date = DAY
    breaches: dict[LimitName, Breach] = field(default_factory=dict)
    gap: bool = False
    held: set[UUID] = field(default_factory=set)
    selling: set[UUID] = field(default_factory=set)
    sales: list[UUID] = field(default_factory=list)
    price: str | None = "3500"
    refusing: bool = False
    killed: bool = False
    alerts: int = 0
    gaps: int = 0
    """Times in which shares were held without a price."""
    unpriced: bool = False

    def happen(self, event: str) -> None:
        if event == "fill" and not self.bars:
            self.held.add(uuid4())
        elif event in PRICES:
            self.price = PRICES[event]
        elif event == "silence":
            self.price = None
        elif event == "raise":
            self.limits = replace(self.limits, daily_loss=LIMIT * 100, daily_profit=LIMIT * 100)
        elif event == "take_away":
            self.limits = replace(self.limits, daily_loss=None, daily_profit=None)
        elif event == "kill":
            self.killed = True
        elif event == "refused":
            self.refusing = not self.refusing
        elif event == "next":
            self.day += timedelta(days=1)
            self.breaches, self.held, self.selling, self.killed = {}, set(), set(), False
        # "restart" takes nothing away: all that is known is in rows.
        self.look()

    @property
    def bars(self) -> bool:
        return bool(self.breaches) or self.killed or self.verdict.judged.net is None

    @property
    def rounds(self) -> tuple[DayRound, ...]:
        made = a_round(bought(10, "3500"), held=10, price=self.price)
        return tuple(replace(made, strategy_id=one) for one in sorted(self.held))

    @property
    def verdict(self):  # type: ignore[no-untyped-def]
        return judge(AccountDay(USER, self.day, self.limits, self.rounds, frozenset(self.breaches), self.gap))

    def look(self) -> None:
        unpriced = self.price is None and bool(self.held)
        self.gaps += unpriced and not self.unpriced
        self.unpriced = unpriced
        verdict = self.verdict
        if verdict.breach is not None:
            self.breaches[verdict.breach.limit] = verdict.breach
        self.alerts += verdict.gap_opens
        self.gap = (self.gap or verdict.gap_opens) and not verdict.gap_ends
        words = any(breach.sells for breach in self.breaches.values()) or self.killed
        if words:
            for one in sorted(self.held - self.selling):
                self.selling.add(one)
                self.sales.append(one)
        if words and not self.refusing:
            self.held -= self.selling


def orders_of(events: tuple[str, ...], length: int) -> Iterator[tuple[str, ...]]:
    return product(events, repeat=length)


@pytest.mark.timeout(120)
def test_every_order_of_events_keeps_the_promises() -> None:
    for events in orders_of(EVENTS, 4):
        world = Worlds()
        world.happen("fill")
        for event in events:
            before = dict(world.breaches)
            had = list(world.sales)
            silent = event == "silence"
            world.happen(event)
            if event != "next":
                assert world.breaches.items() >= before.items(), events  # no breach is lifted or changed
                assert not before or world.bars, events
            if silent and not before and not world.killed:
                assert world.sales == had, events  # a missing price sells nothing
            assert len(world.sales) == len(set(world.sales)), events  # each strategy is sold once
        assert world.alerts <= world.gaps, events  # one alert a gap, not one a second


def test_sale_that_is_refused_goes_on_after_a_restart_until_all_is_flat() -> None:
    world = Worlds()
    for event in ("fill", "fill", "refused", "low"):
        world.happen(event)
    assert len(world.sales) == 2
    assert len(world.held) == 2
    for event in ("restart", "even", "raise", "refused"):
        world.happen(event)
    assert world.held == set()
    assert len(world.sales) == 2
