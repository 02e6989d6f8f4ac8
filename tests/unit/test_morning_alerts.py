"""What the reconciler tells people on the morning of a trading day."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.morning import MorningActivities
from domain.errors import CalendarUnknown
from domain.operator_alerts import Due, FundsShort, LoginNeeded
from domain.run import StartRun
from domain.session import ClosedDay, DaySource
from execution.morning_funds import MorningFunds
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.manual_clock import ManualClock
from tests.fakes.operator_alerts import MemoryOperatorAlerts
from tests.fakes.trading_days import MemoryTradingDays


@pytest.mark.parametrize(
    ("says", "asked", "alarms"),
    [
        (None, 1, []),
        (ClosedDay(ManualClock().now().date(), DaySource.EXCHANGE), 0, []),
        (CalendarUnknown("the override file cannot be read"), 1, ["calendar_unknown"]),
    ],
)
async def test_the_operator_is_told_on_the_morning_that_nothing_will_be_bought(
    says: ClosedDay | CalendarUnknown | None, asked: int, alarms: list[str]
) -> None:
    attention, told, clock = MemoryOperatorAlerts(), MemoryAlerts(), ManualClock()
    activities = MorningActivities(
        attention, MemoryTradingDays(says), MorningFunds(MemoryBrokers(MemoryBroker(clock))), told, clock
    )
    await ActivityEnvironment().run(activities.tell_people)
    assert (len(attention.asked), [alarm.kind for alarm in told.raised]) == (asked, alarms)


class Broken(MorningFunds):
    """Fails with an error that no rule knows."""

    async def short(self, entries: Sequence[StartRun]) -> list[FundsShort]:
        raise ZeroDivisionError


async def test_logins_are_told_when_the_look_at_the_funds_breaks() -> None:
    clock = ManualClock()
    due_at = clock.now() + timedelta(hours=1)
    needed = LoginNeeded(uuid4(), "a@example.com", uuid4(), "TCS", Due.BUY, due_at, None)
    attention, told = MemoryOperatorAlerts([needed]), MemoryAlerts()
    funds = Broken(MemoryBrokers(MemoryBroker(clock)))
    activities = MorningActivities(attention, MemoryTradingDays(None), funds, told, clock)
    await ActivityEnvironment().run(activities.tell_people)
    assert [alarm.kind for alarm in told.raised] == ["login_needed"]
