"""What the reconciler tells people on the morning of a trading day."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import pytest
from temporalio.testing import ActivityEnvironment

from activities.reconciler import ReconcileActivities
from domain.errors import CalendarUnknown
from domain.operator_alerts import LeftOver, LoginNeeded
from domain.session import ClosedDay, DaySource
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.manual_clock import ManualClock
from tests.fakes.trading_days import MemoryTradingDays


class CountedAttention:
    """Nobody needs anything; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def logins_needed(self, now: datetime) -> Sequence[LoginNeeded]:
        self.asked += 1
        return []

    async def left_over(self) -> Sequence[LeftOver]:
        return []


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
    attention, told, none = CountedAttention(), MemoryAlerts(), cast("Any", None)
    activities = ReconcileActivities(
        *(none, none, none, none, none),
        told,
        ManualClock(),
        cast("Any", attention),
        MemoryTradingDays(says),
        none,
        none,
    )
    await ActivityEnvironment().run(activities.tell_people)
    assert (attention.asked, [alarm.kind for alarm in told.raised]) == (asked, alarms)
