"""The funds of a morning: told where they do not cover what is bought today, and only then."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.margin import MarginOrder
from domain.operator_alerts import funds_alarm
from domain.run import StartRun
from domain.strategy import Strategy
from domain.terms import Size, SizeBy, Terms
from execution import morning_funds
from execution.morning_funds import MorningFunds
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.manual_clock import ManualClock
from tests.fakes.starts import a_start, a_strategy

CLOCK = ManualClock()
TEN_SHARES = Decimal(35_000)


def account(cash: int) -> MemoryBrokers:
    return MemoryBrokers(MemoryBroker(CLOCK, cash=Decimal(cash)))


def day_of(strategy: Strategy, *later: int) -> list[StartRun]:
    """Return the STARTs of a user: one in two hours, and others so many minutes after it."""
    first = a_start(strategy, CLOCK.now())
    others = (
        a_start(a_strategy(strategy.user_id), CLOCK.now() + timedelta(minutes=ahead)) for ahead in later
    )
    return [*others, first]


@pytest.mark.parametrize(("cash", "told"), [(70_000, False), (69_999, True), (0, True), (-5, True)])
async def test_all_purchases_of_a_day_are_counted_together(cash: int, told: bool) -> None:
    found = await MorningFunds(account(cash)).short(day_of(a_strategy(), 10))
    assert bool(found) is told
    if told:
        [short] = found
        assert (short.margin.required, short.margin.available) == (2 * TEN_SHARES, Decimal(cash))
        assert short.entries[0].plan.buy_at < short.entries[1].plan.buy_at, "soonest first"


async def test_a_size_is_counted_as_it_would_be_bought() -> None:
    by_amount = replace(a_strategy(), quantity=None, terms=Terms(size=Size(SizeBy.AMOUNT, Decimal(12_000))))
    [short] = await MorningFunds(account(1_000)).short([a_start(by_amount, CLOCK.now())])
    assert short.margin.required == 3 * Decimal(3500)


async def test_each_account_is_judged_by_itself() -> None:
    starts = [a_start(a_strategy(), CLOCK.now()) for _ in range(3)]
    found = await MorningFunds(account(10)).short(starts)
    assert {one.user_id for one in found} == {start.strategy.user_id for start in starts}


@pytest.mark.parametrize("trouble", ["login", "reads", "hangs"])
async def test_what_cannot_be_read_is_not_told_as_missing(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brokers = account(0)
    assert isinstance(brokers.broker, MemoryBroker)
    if trouble == "login":
        brokers.broker.login_is_dead = True
    elif trouble == "reads":
        brokers.broker.reads_fail = True
    else:
        monkeypatch.setattr(morning_funds, "ONE_WITHIN", 0.01)
        brokers = MemoryBrokers(Hanging(CLOCK))
    assert await MorningFunds(brokers).short(day_of(a_strategy())) == []
    assert brokers.logged_in is (trouble != "login"), "a login that turns out dead is noted"


@dataclass
class Hanging(MemoryBroker):
    """Answers no question for a margin."""

    async def order_margins(self, orders: Sequence[MarginOrder]) -> Sequence[Decimal]:
        await asyncio.Event().wait()
        raise AssertionError


async def test_the_alarm_says_what_is_missing_and_until_when() -> None:
    [short] = await MorningFunds(account(10_000)).short(day_of(a_strategy(), *range(10, 70, 10)))
    alarm = funds_alarm(short)
    assert alarm.user_id == short.user_id
    assert "245000.00 rupees" in alarm.text.replace(",", "")
    assert "235000.00 are missing" in alarm.text.replace(",", "")
    assert "and 2 more" in alarm.text
    assert alarm.text.count("TCS at") == 5
