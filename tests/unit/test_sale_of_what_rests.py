"""A sale of what rests at the exchange: the order book is looked at before anything is asked of it again."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from domain.order import Attempt, BrokerOrder, Leg, LegKey, OrderStatus, OrderTerms, Reason, Side
from domain.resting_facts import RestingFacts
from domain.sellable import OtherClaims
from domain.strategy import Product
from execution.account_login import LoginAtHand
from execution.account_snapshot import AccountSnapshots
from execution.execution_rules import ExecutionRules
from execution.exit_policy import ExitPolicy
from execution.order_intent import OrderIntent
from execution.resting_sale import RestingSale
from execution.stop_changes import StopChanges
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.EXIT)
TERMS = OrderTerms("NSE", "TCS", Product.MIS, protected=True)
RESTS = Attempt(UUID(int=3), KEY, 1, "T1", OrderStatus.OPEN, quantity=10, broker_order_id="1", protected=True)
SOLD = BrokerOrder(
    *("1", frozenset({"T1"}), "NSE", "TCS", "MIS", Side.SELL, 10, 10), Decimal(2999), OrderStatus.COMPLETE
)
ASKED = {
    "to sell": RestingFacts((Decimal(3000),), market_tries=1),
    "to be cancelled": RestingFacts((Decimal(3000),), cancel_asked_at=NOW),
}


@pytest.mark.parametrize("asked", ASKED)
async def test_the_book_is_read_before_the_account_is_waited_for(asked: str) -> None:
    """A worker takes over a sale that has sold already, beside another of the same shares in the same state.

    Each would wait for the other to be over before it looks.
    """
    clock = ManualClock(NOW)
    log, broker = MemoryOrderLog(clock), MemoryBroker(clock, book=[SOLD])
    log.claims = OtherClaims(in_flight=True)
    accounts = AccountSnapshots(log, MemoryBrokers(broker), clock)
    rules = ExecutionRules()
    resting = RestingSale(StopChanges(MemoryRestingStops()), accounts, log, clock, rules)
    intent = OrderIntent(KEY, TERMS, 10, Reason.STOP, NOW)
    policy = ExitPolicy(intent, LoginAtHand(), accounts, log, clock, rules, resting)
    asked_before = [replace(RESTS, resting=ASKED[asked])]
    looking = asyncio.ensure_future(policy.before_look(asked_before, broker, asyncio.Event()))
    await clock.advance(60)
    assert looking.done()
    assert await looking == [replace(RESTS, resting=ASKED[asked])]
