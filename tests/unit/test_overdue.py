"""An exit that takes long is told to a person, with what it waits for; one that does not, is not."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from domain.errors import AccountNotConnected
from domain.order import Leg, LegKey, OrderTerms, Reason
from domain.run import ExitOrder
from domain.strategy import Product
from execution.exit_alerts import ExitAlerts
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.clock import ElasticClock
from tests.fakes.house import MemoryOrderLog

ORDER = ExitOrder(
    LegKey(uuid4(), uuid4(), date(2026, 11, 23), 1, Leg.EXIT),
    OrderTerms("NSE", "TCS", Product.CNC),
    10,
    Reason.STOPLOSS,
    datetime(2026, 11, 23, 5, tzinfo=UTC),
    None,
)


async def test_an_exit_that_is_not_over_is_told_once_and_stands_in_the_timeline() -> None:
    log, alerts = MemoryOrderLog(ElasticClock()), MemoryAlerts()
    async with ExitAlerts(log, alerts, overdue=0.01).over(ORDER):
        while not log.lines:  # noqa: ASYNC110 - the alarm comes by its own timer
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    assert [(alarm.kind, alarm.user_id) for alarm in alerts.raised] == [("exit_overdue", ORDER.key.user_id)]
    assert "order book" in next(iter(log.lines.values()))


async def test_it_is_told_once_though_two_workers_sell() -> None:
    """Its run's worker was killed; another one goes on with the sale, and one sells without the run."""
    log, alerts = MemoryOrderLog(ElasticClock()), MemoryAlerts()
    again = replace(ORDER, due_at=ORDER.due_at + timedelta(seconds=12.5))
    first, second = (ExitAlerts(log, alerts, overdue=0.01) for _ in range(2))
    async with first.over(ORDER), second.over(again):
        await asyncio.sleep(0.1)
    assert [alarm.kind for alarm in alerts.raised] == ["exit_overdue"]
    assert len(log.lines) == 1


async def test_an_exit_that_takes_long_is_told_though_postgres_is_away() -> None:
    log, alerts = MemoryOrderLog(ElasticClock(), down=True), MemoryAlerts()
    async with ExitAlerts(log, alerts, overdue=0.01).over(ORDER):
        while not alerts.raised:  # noqa: ASYNC110 - the alarm comes by its own timer
            await asyncio.sleep(0.01)
    assert alerts.raised[0].kind == "exit_overdue"


async def test_nobody_is_told_of_an_exit_that_is_over_in_time() -> None:
    log, alerts = MemoryOrderLog(ElasticClock()), MemoryAlerts()
    async with ExitAlerts(log, alerts, overdue=0.02).over(ORDER):
        pass
    await asyncio.sleep(0.05)
    assert not alerts.raised


async def test_a_missing_login_is_told_though_postgres_is_away() -> None:
    log, alerts = MemoryOrderLog(ElasticClock(), down=True), MemoryAlerts()
    await ExitAlerts(log, alerts).needs_login(ORDER)
    assert [alarm.kind for alarm in alerts.raised] == ["exit_needs_login"]


async def test_the_account_that_a_sale_waits_for_is_named() -> None:
    log, alerts = MemoryOrderLog(ElasticClock()), MemoryAlerts()
    await ExitAlerts(log, alerts).needs_login(ORDER, AccountNotConnected("zerodha:AB1234", "zerodha:XY9999"))
    (alarm,) = alerts.raised
    assert alarm.kind == "exit_needs_account"
    assert "connect zerodha:AB1234 again, and they are sold at once" in alarm.text
