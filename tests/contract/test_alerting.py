"""What everything that raises alarms promises: the log, what counts them, and the list in memory."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

from adapters.alerts.log_alerts import LogAlerts
from adapters.telemetry.alert_counter import CountedAlerts
from domain.ports import Alerts
from domain.run import Alarm
from tests.fakes.alerts import MemoryAlerts

ALARM = Alarm("missed", "TCS ×10 was not bought.", uuid4(), uuid4(), {"outcome": "missed"})
OF_A_PART = Alarm("redis_down", "Redis does not answer.")


@dataclass(frozen=True, slots=True)
class Subject:
    """Alerts, and the alarms that came out at their other end."""

    alerts: Alerts
    arrived: Callable[[], Sequence[Alarm]]


@pytest.fixture
def in_memory() -> Subject:
    alerts = MemoryAlerts()
    return Subject(alerts, lambda: alerts.raised)


@pytest.fixture
def counted() -> Subject:
    alerts = MemoryAlerts()
    return Subject(CountedAlerts(alerts, CollectorRegistry()), lambda: alerts.raised)


@pytest.fixture
def in_the_log(lines: io.StringIO) -> Subject:
    def arrived() -> Sequence[Alarm]:
        found = (json.loads(line) for line in lines.getvalue().splitlines())
        return [_alarm(line) for line in found if "alarm" in line]

    return Subject(LogAlerts(), arrived)


def _alarm(line: dict[str, Any]) -> Alarm:
    ids = [line.get("user_id"), line.get("strategy_id")]
    user, strategy = (None if one is None else UUID(one) for one in ids)
    return Alarm(line["alarm"], line["event"], user, strategy, line.get("data", {}))


@pytest.fixture(params=["in_memory", "counted", "in_the_log"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_an_alarm_arrives_with_all_that_it_says(subject: Subject) -> None:
    await subject.alerts.raise_(ALARM)
    assert list(subject.arrived()) == [ALARM]


async def test_an_alarm_of_a_part_names_no_user(subject: Subject) -> None:
    await subject.alerts.raise_(OF_A_PART)
    assert list(subject.arrived()) == [OF_A_PART]


async def test_alarms_arrive_in_their_order_and_as_often_as_they_were_raised(subject: Subject) -> None:
    for alarm in (ALARM, OF_A_PART, ALARM):
        await subject.alerts.raise_(alarm)
    assert list(subject.arrived()) == [ALARM, OF_A_PART, ALARM]
