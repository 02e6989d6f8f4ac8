"""What a worker reads before a START: what the broker says, and why something is missing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest

from domain.errors import BrokerNotConnected, BrokerRefused, BrokerUnavailable, StoreUnavailable
from domain.margin import Margin, MarginOrder
from domain.ports import Broker
from domain.quote import Quote
from domain.strategy import Product, Strategy
from domain.strategy_check import CheckRequest, CheckResult
from execution import check_reading
from execution.check_reading import LATE, CheckReading
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.manual_clock import ManualClock

PRICE = Decimal(3500)
STRATEGY = Strategy(UUID(int=1), UUID(int=2), "TCS", time(9, 30), time(15), Decimal(3400), 10)
ASKED = CheckRequest(STRATEGY)


@dataclass
class FailingBroker(MemoryBroker):
    """Fails at what a test names."""

    failing: dict[str, Exception] = field(default_factory=dict)
    once: dict[str, Exception] = field(default_factory=dict)
    hangs: frozenset[str] = frozenset()

    async def margins(self) -> Decimal:
        await self._pass("margins")
        return await super().margins()

    async def order_margins(self, orders: Sequence[MarginOrder]) -> Sequence[Decimal]:
        await self._pass("order_margins")
        return await super().order_margins(orders)

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        await self._pass("quotes")
        return await super().quotes(instruments)

    async def _pass(self, name: str) -> None:
        if name in self.hangs:
            await asyncio.Event().wait()
        if name in self.once:
            raise self.once.pop(name)
        if name in self.failing:
            raise self.failing[name]


@pytest.fixture
def broker() -> FailingBroker:
    return FailingBroker(ManualClock(datetime(2026, 11, 23, 3, tzinfo=UTC)), PRICE)


async def read(broker: Broker, request: CheckRequest = ASKED, logged_in: bool = True) -> CheckResult:
    return await CheckReading(MemoryBrokers(broker, logged_in)).read(request)


async def test_price_margin_and_funds_come_from_the_broker(broker: FailingBroker) -> None:
    found = await read(broker)
    assert found == CheckResult(PRICE, Decimal(35000), Decimal(1_000_000))
    assert found.margin == Margin(Decimal(35000), Decimal(1_000_000))
    assert broker.sent == []


async def test_the_margin_is_that_of_the_product(broker: FailingBroker) -> None:
    intraday = CheckRequest(replace(STRATEGY, product=Product.MIS))
    assert (await read(broker, intraday)).required == 7000


async def test_a_price_that_is_known_is_not_asked_for(broker: FailingBroker) -> None:
    broker.failing["quotes"] = AssertionError("it was asked for")
    assert (await read(broker, CheckRequest(STRATEGY, Decimal(3400)))).last_price == 3400


@pytest.mark.parametrize(
    ("failing", "problem"),
    [
        (BrokerUnavailable("reset"), "Zerodha did not answer, or not readably"),
        (BrokerRefused("Insufficient permission for that call."), "Insufficient permission"),
        (StoreUnavailable("away"), "the login could not be read"),
    ],
)
@pytest.mark.parametrize("call", ["margins", "order_margins"])
async def test_a_margin_that_does_not_come_is_unknown_and_the_price_stays(
    broker: FailingBroker, call: str, failing: Exception, problem: str
) -> None:
    broker.failing[call] = failing
    found = await read(broker)
    assert (found.margin, found.last_price) == (None, PRICE)
    assert problem in found.problem


async def test_a_price_that_does_not_come_leaves_the_margin_known(broker: FailingBroker) -> None:
    broker.failing["quotes"] = BrokerRefused("no market data")
    found = await read(broker)
    assert found.last_price is None
    assert found.required == 35000


async def test_a_price_that_was_refused_for_its_second_is_asked_for_once_more(broker: FailingBroker) -> None:
    broker.once["quotes"] = BrokerUnavailable("Too many requests")
    assert (await read(broker)).last_price == PRICE


async def test_a_login_that_has_ended_is_said_and_noted(broker: FailingBroker) -> None:
    broker.login_is_dead = True
    brokers = MemoryBrokers(broker)
    found = await CheckReading(brokers).read(ASKED)
    assert (found.margin, found.problem) == (None, "the login at Zerodha has ended")
    assert not brokers.logged_in


async def test_an_account_without_a_login_is_said(broker: FailingBroker) -> None:
    assert (await read(broker, logged_in=False)).problem == "the login at Zerodha has ended"


async def test_an_account_that_is_gone_is_said(broker: FailingBroker) -> None:
    broker.failing["margins"] = BrokerNotConnected("none")
    assert "connected again" in (await read(broker)).problem


@pytest.mark.parametrize("call", ["margins", "order_margins", "quotes"])
async def test_what_hangs_is_not_waited_for(
    broker: FailingBroker, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_reading, "READ_WITHIN", 0.05)
    broker.hangs = frozenset({call})
    async with asyncio.timeout(5):
        found = await read(broker)
    if call == "quotes":
        assert found.last_price is None
        assert found.required == 35000
    else:
        assert (found.last_price, found.margin, found.problem) == (PRICE, None, LATE)
