"""What becomes a notice, where it may be sent, and what a try that did not succeed means."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.notifications.outside_calls import answered
from adapters.notifications.public_address import is_outside, may_be_called
from adapters.notifications.services import SERVICES, BadAddress, refusal, service_of
from api.notifications.schemas import Told
from domain.notification import (
    CHOICES,
    MOST_ATTEMPTS,
    Arrival,
    Delivery,
    NotificationKind,
    NotificationStatus,
    again_after,
    body_of,
    notification_of,
    notification_of_alarm,
    settled,
    title_of,
)
from domain.run import Alarm
from domain.strategy import Outcome
from domain.timeline import EventKind

NOW = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
NOT_YET = Delivery(Arrival.NOT_YET)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (EventKind.BOUGHT, NotificationKind.FILL),
        (EventKind.SOLD, NotificationKind.FILL),
        (EventKind.STOP_LOSS, NotificationKind.STOP_LOSS),
        (EventKind.EMERGENCY, NotificationKind.EMERGENCY),
        (EventKind.ORDER_TWICE, NotificationKind.EMERGENCY),
        (EventKind.PHASE, None),
        (EventKind.ORDER_ACCEPTED, None),
        ("something of a later version", None),
    ],
)
def test_line_of_the_timeline_is_told_by_its_kind(event: str, kind: NotificationKind | None) -> None:
    assert notification_of(event, {}) is kind


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.MISSED, NotificationKind.MISSED),
        (Outcome.SKIPPED, NotificationKind.MISSED),
        (Outcome.ORDER_FAILED, NotificationKind.ORDER_FAILED),
        (Outcome.REJECTED, NotificationKind.ORDER_FAILED),
        (Outcome.SOLD, None),
        ("unheard of", None),
    ],
)
def test_end_of_a_day_is_told_where_it_is_not_what_was_wanted(
    outcome: str, kind: NotificationKind | None
) -> None:
    assert notification_of(EventKind.STOPPED, {"outcome": outcome}) is kind


def test_every_kind_can_be_chosen_and_has_a_title() -> None:
    assert tuple(Told.__args__) == CHOICES  # type: ignore[attr-defined]
    assert len({title_of(kind) for kind in NotificationKind}) == len(NotificationKind)


def test_login_is_asked_for_once_in_half_an_hour_however_many_strategies_need_it() -> None:
    user = uuid4()
    alarms = [Alarm("login_needed", "Log in.", user, uuid4()) for _ in range(2)]
    first, second = (notification_of_alarm(alarm, NOW) for alarm in alarms)
    assert first == second
    later = notification_of_alarm(alarms[0], NOW + timedelta(minutes=30))
    assert later is not None
    assert later != first


def test_shares_that_are_left_are_told_of_each_strategy() -> None:
    left = [notification_of_alarm(Alarm("position_left", "Held.", uuid4(), uuid4()), NOW) for _ in range(2)]
    assert left[0] != left[1]
    assert all(notice is not None and notice.kind is NotificationKind.EMERGENCY for notice in left)


def test_operators_alarm_is_no_users_notice() -> None:
    assert notification_of_alarm(Alarm("redis_down", "Redis is away."), NOW) is None


def test_what_may_have_arrived_is_not_sent_again() -> None:
    assert settled(Delivery(Arrival.UNKNOWN), 1).status is NotificationStatus.UNKNOWN


def test_what_did_not_arrive_is_tried_for_two_hours_later_and_later() -> None:
    pauses = [settled(NOT_YET, attempt).pause for attempt in range(1, MOST_ATTEMPTS)]
    assert None not in pauses
    assert pauses == sorted(pauses, key=lambda pause: pause or timedelta())
    assert timedelta(hours=1, minutes=30) < sum(filter(None, pauses), timedelta()) < timedelta(hours=2)
    assert settled(NOT_YET, MOST_ATTEMPTS).status is NotificationStatus.FAILED
    assert again_after(MOST_ATTEMPTS) is None


@pytest.mark.parametrize("arrival", [Arrival.REFUSED, Arrival.GONE])
def test_what_is_refused_is_not_sent_again(arrival: Arrival) -> None:
    assert settled(Delivery(arrival), 1).status is NotificationStatus.FAILED


@pytest.mark.parametrize(
    ("status", "arrival"),
    [
        *((status, Arrival.ARRIVED) for status in (200, 201, 202, 204)),
        *((status, Arrival.NOT_YET) for status in (408, 429, 500, 503)),
        *((status, Arrival.UNKNOWN) for status in (502, 504)),
        *((status, Arrival.REFUSED) for status in (301, 302, 307, 400, 401, 403, 404)),
        (410, Arrival.GONE),
    ],
)
def test_receivers_answer_says_whether_it_has_it(status: int, arrival: Arrival) -> None:
    assert answered(status).arrival is arrival


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
    ],
)
def test_address_of_our_own_networks_is_never_called(address: str) -> None:
    assert not is_outside(address)
    assert not may_be_called(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_address_of_the_internet_is(address: str) -> None:
    assert is_outside(address)
    assert may_be_called("hooks.example.com")


GOOD = {
    "tgram": "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#trades",
    "pover": "pover://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "pbul": "pbul://abcdef",
    "ntfy": "ntfy://a-topic-of-mine",
}


def test_every_service_takes_an_address_of_its_form() -> None:
    assert GOOD.keys() == SERVICES.keys()
    for scheme, address in GOOD.items():
        assert service_of(address) is SERVICES[scheme]


@pytest.mark.parametrize(
    "address",
    [
        "json://10.0.0.1/hook",
        "mailtos://user:password@10.0.0.1",
        "ntfy://10.0.0.1/topic",
        "ntfys://user:password@internal.example.com/topic",
        "tgram://123456789:abcdefg_hijklmnop/1/2",
        "tgram://123456789:abcdefg_hijklmnop/1?template=/etc/passwd",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template=http://10.0.0.1/",
        "slack://xoxb-1234-1234-abc124/#trades",
        "file:///etc/passwd",
        "tgram://123456789",
        "nonsense",
    ],
)
def test_address_that_would_call_another_host_or_read_a_file_is_refused(address: str) -> None:
    with pytest.raises(BadAddress) as refused:
        service_of(address)
    assert address not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "arrival"),
    [
        ("Failed to send Telegram notification to 1: Unauthorized, error=401.", Arrival.REFUSED),
        ("Failed to send Telegram notification to 1: Too Many Requests, error=429.", Arrival.NOT_YET),
        ("Failed to send Discord notification: error=503.", Arrival.NOT_YET),
        ("A connection error occurred sending Telegram:1 notification.", Arrival.UNKNOWN),
        ("", Arrival.UNKNOWN),
    ],
)
def test_services_own_words_say_whether_it_has_it(said: str, arrival: Arrival) -> None:
    assert refusal("Telegram", said).arrival is arrival


def test_moment_is_told_by_the_exchanges_clock() -> None:
    assert body_of("Bought 10 TCS.", NOW) == "Bought 10 TCS.\n30 Nov, 08:30:00 IST"
