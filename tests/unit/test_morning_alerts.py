"""What the reconciler tells people on the morning of a trading day."""

import pytest
from temporalio.testing import ActivityEnvironment

from activities.morning import MorningActivities
from domain.errors import CalendarUnknown
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
