"""The broker's own charges beside those of the books: a difference is told, an unread answer is none."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.charge_check import AGAIN, TRIES, AccountRounds, differences, to_check
from domain.charge_schedule import FY_2026_27, Rates, Schedule, TradeKind
from domain.finished_round import FinishedRound
from domain.order import Side
from domain.strategy import Product
from execution.charge_check import LOOK_EVERY, ChargeCheck
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.charge_checks import MemoryChargeChecks
from tests.fakes.manual_clock import ManualClock
from tests.unit.test_books import MONDAY, TUESDAY, finished, round_trip, trade

USER = UUID(int=7)
ACCOUNT = "zerodha:AB1234"
AT_FOUR = datetime(2026, 11, 30, 10, 30, 5, tzinfo=UTC)
NOON = datetime(2026, 11, 30, 6, 30, tzinfo=UTC)


def with_rates(kind: TradeKind, **changed: Any) -> Schedule:
    rates: dict[TradeKind, Rates] = {**FY_2026_27.rates, kind: replace(FY_2026_27.rates[kind], **changed)}
    return replace(FY_2026_27, rates=rates)


class House:
    """One account's books of a day, and the check of its charges."""

    def __init__(self, *rounds: FinishedRound, now: datetime = AT_FOUR) -> None:
        self.clock = ManualClock(now)
        self.broker = MemoryBroker(self.clock)
        self.brokers = MemoryBrokers(self.broker, connected=ACCOUNT)
        self.alerts = MemoryAlerts()
        self.checks = MemoryChargeChecks(self.clock)
        self.checks.add(USER, *rounds)
        self.check = ChargeCheck(self.checks, self.brokers, self.alerts, self.clock)

    @property
    def agrees(self) -> list[bool | None]:
        """Return what is known of each round, in the order of the books."""
        keys = [one.key for one in self.checks.books[USER]]
        return [self.checks.tried[key].agrees if key in self.checks.tried else None for key in keys]


BOUGHT = finished(trade(Side.BUY, 100, "1000"))
FROM_HOLDINGS = finished(trade(Side.SELL, 7, "1010.35"))
IN_PARTS = finished(*(trade(side, 13, "99.95") for side in (Side.BUY, Side.SELL) for _ in range(20)))
FUTURE = finished(
    trade(Side.BUY, 75, "26000.05"),
    trade(Side.SELL, 75, "25990"),
    symbol="NIFTY26DECFUT",
    exchange="NFO",
    product=Product.NRML,
)
OPTION = replace(FUTURE, symbol="NIFTY26DEC26000CE")


@pytest.mark.parametrize(
    "rounds",
    [
        [round_trip()],
        [round_trip(Product.CNC)],
        [BOUGHT],
        [FROM_HOLDINGS],
        [IN_PARTS],
        [FUTURE],
        [OPTION],
        [round_trip(Product.CNC), round_trip(), BOUGHT, FROM_HOLDINGS, IN_PARTS],
        [finished(trade(Side.BUY, 30, "333.33"), trade(Side.SELL, 20, "330"))],
    ],
    ids=["mis", "cnc", "kept", "from holdings", "parts", "future", "option", "a day", "half kept"],
)
async def test_charges_by_the_same_rates_agree_whatever_was_rounded(rounds: list[FinishedRound]) -> None:
    house = House(*rounds)
    await house.check.look()
    assert house.agrees == [True] * len(rounds)
    assert house.alerts.raised == []


async def test_shares_bought_and_sold_on_one_day_are_asked_about_as_intraday() -> None:
    house = House(finished(trade(Side.BUY, 30, "333.33"), trade(Side.SELL, 20, "330")))
    await house.check.look()
    (asked,) = house.broker.charged
    assert [(one.side, one.product, one.quantity, one.average_price) for one in asked] == [
        (Side.BUY, Product.MIS, 20, Decimal("333.33")),
        (Side.BUY, Product.CNC, 10, Decimal("333.33")),
        (Side.SELL, Product.MIS, 20, Decimal(330)),
    ]


DIFFERING = [
    ("brokerage", with_rates(TradeKind.INTRADAY, brokerage=Decimal("0.0001"))),
    ("stt", with_rates(TradeKind.INTRADAY, stt_on_sells=Decimal("0.0003"))),
    ("exchange", with_rates(TradeKind.INTRADAY, exchange={"NSE": Decimal("0.0000297")})),
    ("sebi", replace(FY_2026_27, sebi=Decimal("0.000002"))),
    ("stamp", with_rates(TradeKind.INTRADAY, stamp=Decimal("0.0001"))),
    ("gst", replace(FY_2026_27, gst=Decimal("0.12"))),
]


@pytest.mark.parametrize(("part", "rates"), DIFFERING, ids=[part for part, _ in DIFFERING])
async def test_a_rate_that_differs_is_told_with_both_figures(
    part: str, rates: Schedule, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(round_trip())
    house.broker.rates = rates
    with caplog.at_level(logging.WARNING, "charges"):
        await house.check.look()
    assert house.agrees == [False]
    (line,) = caplog.records
    booked, broker = (getattr(line, name) for name in ("booked", "broker"))
    assert part in booked
    assert booked.keys() == broker.keys()
    assert booked[part] != broker[part]
    assert line.__dict__["symbol"] == "NSE:TCS"
    (alarm,) = house.alerts.raised
    assert (alarm.kind, alarm.user_id) == ("charges_differ", None)
    assert f"{part} " in alarm.text


async def test_a_day_of_differences_is_one_alarm_and_a_line_for_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = House(*(round_trip(symbol=symbol) for symbol in ("TCS", "INFY", "ITC")))
    house.broker.rates = with_rates(TradeKind.INTRADAY, brokerage=Decimal("0.0001"))
    with caplog.at_level(logging.WARNING, "charges"):
        await house.check.look()
        await house.clock.advance(AGAIN.total_seconds() + 1)
        await house.check.look()
    assert [line.__dict__["symbol"] for line in caplog.records] == ["NSE:TCS", "NSE:INFY", "NSE:ITC"]
    assert [alarm.kind for alarm in house.alerts.raised] == ["charges_differ"]


async def test_each_round_is_asked_about_once() -> None:
    house = House(round_trip())
    for _ in range(3):
        await house.check.look()
        await house.clock.advance(AGAIN.total_seconds() + 1)
    assert len(house.broker.charged) == 1


async def test_nothing_is_asked_while_the_market_is_open() -> None:
    house = House(round_trip(), now=NOON)
    await house.check.look()
    assert (house.broker.charged, house.brokers.asked, house.agrees) == ([], [], [None])


@pytest.mark.parametrize("trouble", ["login", "dead login", "reads", "refused", "another account"])
async def test_what_cannot_be_read_is_unchecked_and_tried_a_few_times(trouble: str) -> None:
    house = House(round_trip())
    house.brokers.logged_in = trouble != "login"
    house.broker.login_is_dead = trouble == "dead login"
    house.broker.reads_fail = trouble == "reads"
    house.broker.refuses_charges = trouble == "refused"
    if trouble == "another account":
        house.brokers.connected = "zerodha:CD5678"
    for _ in range(TRIES + 2):
        await house.check.look()
        await house.clock.advance(AGAIN.total_seconds() + 1)
    assert house.agrees == [None]
    assert house.alerts.raised == []
    assert len(house.brokers.asked) == TRIES
    assert house.brokers.logged_in is (trouble not in ("login", "dead login"))


async def test_an_account_that_can_be_read_later_is_checked_then() -> None:
    house = House(round_trip())
    house.brokers.logged_in = False
    await house.check.look()
    house.brokers.log_in(house.broker, ACCOUNT)
    await house.clock.advance(AGAIN.total_seconds() + 1)
    await house.check.look()
    assert house.agrees == [True]


class Hanging(MemoryBroker):
    """Answers no question for charges."""

    async def order_charges(self, orders: Sequence[ChargedOrder]) -> Sequence[BrokerCharges]:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_question_that_hangs_ends() -> None:
    house = House(round_trip())
    house.brokers.broker = Hanging(house.clock)
    check = ChargeCheck(house.checks, house.brokers, house.alerts, house.clock, one_within=0.01)
    async with asyncio.timeout(30):
        await check.look()
    assert house.agrees == [None]


async def test_one_symbol_that_is_refused_leaves_the_others_checked() -> None:
    class Picky(MemoryBroker):
        async def order_charges(self, orders: Sequence[ChargedOrder]) -> Sequence[BrokerCharges]:
            self.refuses_charges = orders[0].symbol == "INFY"
            return await super().order_charges(orders)

    house = House(*(round_trip(symbol=symbol) for symbol in ("INFY", "TCS")))
    house.brokers.broker = Picky(house.clock)
    await house.check.look()
    assert house.agrees == [None, True]


async def test_a_price_that_is_not_known_leaves_its_symbol_unchecked() -> None:
    unknown = finished(trade(Side.BUY, 100, "1000"), trade(Side.SELL, 100, None))
    house = House(round_trip(Product.CNC), unknown, round_trip(symbol="INFY"))
    await house.check.look()
    assert house.agrees == [None, None, True]


def test_a_round_of_two_days_is_compared_by_its_last() -> None:
    slept = round_trip(Product.CNC, sold_on=TUESDAY)
    (group,) = to_check(AccountRounds(USER, ACCOUNT, TUESDAY, (slept,), frozenset({slept.key})))
    assert [(one.side, one.product) for one in group.orders] == [(Side.SELL, Product.CNC)]
    assert group.booked.stamp == 0


def test_the_depositorys_fee_is_no_difference() -> None:
    of = AccountRounds(USER, ACCOUNT, MONDAY, (FROM_HOLDINGS,), frozenset({FROM_HOLDINGS.key}))
    (group,) = to_check(of)
    assert group.booked.dp == Decimal("15.34")
    part = {name: getattr(group.booked, name) for name in BrokerCharges.__slots__}
    answer = BrokerCharges(**part | {"total": group.booked.total - group.booked.dp})
    assert differences(group.booked, group.orders, [answer]) == ()
    charged = replace(answer, total=group.booked.total)
    assert [one.part for one in differences(group.booked, group.orders, [charged])] == ["total"]


@pytest.mark.parametrize(
    ("part", "by", "differs"),
    [
        ("stt", "0.50", False),
        ("stt", "0.55", True),
        ("stamp", "0.99", False),
        ("stamp", "1.05", True),
        ("brokerage", "0.03", False),
        ("brokerage", "0.04", True),
        ("gst", "-0.04", True),
    ],
)
def test_rounding_explains_so_much_and_no_more(part: str, by: str, differs: bool) -> None:
    one = round_trip()
    (group,) = to_check(AccountRounds(USER, ACCOUNT, MONDAY, (one,), frozenset({one.key})))
    assert len(group.orders) == 2
    exact = BrokerCharges(**{name: getattr(group.booked, name) for name in BrokerCharges.__slots__})
    off = replace(exact, **{part: getattr(exact, part) + Decimal(by)})
    assert [one.part for one in differences(group.booked, group.orders, [off])] == [part] * differs


async def test_the_loop_goes_on_when_the_store_is_away() -> None:
    house = House(round_trip())
    house.checks.down = True
    task = asyncio.ensure_future(house.check.run())
    await house.clock.advance(1)
    house.checks.down = False
    await house.clock.advance(LOOK_EVERY + 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert house.agrees == [True]
