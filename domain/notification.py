"""Notifications to users outside the app: their kinds, channels, and delivery states.

A notification is sent once. One that certainly did not arrive is sent again, at growing intervals; one that
may have arrived is not: the app and the timeline say what happened in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.run import Alarm
from domain.session import exchange_time
from domain.strategy import Outcome
from domain.timeline import EventKind


class NotificationKind(StrEnum):
    """The kinds a channel can ask for; `test` is sent on the user's request."""

    FILL = "fill"
    STOP_LOSS = "stop_loss"
    TARGET = "target"
    MISSED = "missed"
    """Nothing was bought, or will be: too late, below the stop, no price, a limit, a holiday."""
    ORDER_FAILED = "order_failed"
    LOGIN_NEEDED = "login_needed"
    EMERGENCY = "emergency"
    """A sale failed three times and goes on, slower; or its order may be at the broker twice."""
    TEST = "test"


CHOICES = tuple(kind for kind in NotificationKind if kind is not NotificationKind.TEST)
"""What a channel is notified of; all of it unless its user chooses less."""


class ChannelKind(StrEnum):
    """The transport of a channel."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SERVICE = "service"
    """Telegram and the like, by Apprise."""
    PUSH = "push"
    """A browser, by its maker's push service."""


def sealed_name(channel_id: UUID, column: str) -> str:
    """Return the name under which a channel's `address` or `secret` is sealed for its user."""
    return f"notice_channel:{channel_id}:{column}"


class NotificationStatus(StrEnum):
    """The state of a notification on one channel."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It may or may not have arrived, and is not sent again."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One claimed notification for one channel. `address` and `secret` are sealed."""

    notice_id: UUID
    user_id: UUID
    channel_id: UUID
    channel_kind: ChannelKind
    address: bytes = field(repr=False)
    secret: bytes | None = field(repr=False)
    strategy_id: UUID | None
    kind: NotificationKind
    text: str
    at: datetime
    attempts: int
    """How often it was sent, this time included."""
    confirmed: str | None = field(default=None, repr=False)
    """The account's own e-mail address, once its user has confirmed it; mail goes nowhere else."""


class Arrival(StrEnum):
    """What is known after a try."""

    ARRIVED = "arrived"
    NOT_YET = "not_yet"
    """It certainly has not arrived, and may if it is sent again."""
    REFUSED = "refused"
    GONE = "gone"
    """The receiver no longer exists: the channel is switched off."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome of one try; `message` is for its user, and names no address and no secret."""

    arrival: Arrival
    message: str = ""


_OF_EVENTS = {
    EventKind.BOUGHT: NotificationKind.FILL,
    EventKind.SOLD: NotificationKind.FILL,
    EventKind.PRICED: NotificationKind.FILL,
    EventKind.STOP_LOSS: NotificationKind.STOP_LOSS,
    EventKind.TARGET: NotificationKind.TARGET,
    EventKind.EMERGENCY: NotificationKind.EMERGENCY,
    EventKind.ORDER_TWICE: NotificationKind.EMERGENCY,
    EventKind.CALENDAR: NotificationKind.MISSED,
}
_OF_OUTCOMES = {
    Outcome.MISSED: NotificationKind.MISSED,
    Outcome.SKIPPED: NotificationKind.MISSED,
    Outcome.ORDER_FAILED: NotificationKind.ORDER_FAILED,
    Outcome.REJECTED: NotificationKind.ORDER_FAILED,
    Outcome.CLOSED_OUTSIDE: NotificationKind.FILL,
}
TOLD_EVENTS = frozenset({*_OF_EVENTS, EventKind.STOPPED})
"""The timeline lines that may become notifications."""


def notification_of(event: str, data: Mapping[str, str]) -> NotificationKind | None:
    """Return the notification kind of a timeline line; None where it is not sent to channels."""
    if event == EventKind.STOPPED:
        outcome = data.get("outcome", "")
        return _OF_OUTCOMES.get(Outcome(outcome)) if outcome in set(Outcome) else None
    return _OF_EVENTS.get(EventKind(event)) if event in set(EventKind) else None


_LOGIN_ALARMS = frozenset({"login_needed", "exit_needs_login", "exit_needs_account"})
_FUNDS_ALARMS = frozenset({"funds_short"})
_PRICE_ALARMS = frozenset({"prices_adjusted"})
_DANGER_ALARMS = frozenset(
    {
        "position_left",
        "late_exit",
        "run_overdue",
        "account_differs",
        "account_unread",
        "oversold",
        "exit_refused",
        "sale_missed",
        "limit_reached",
        "limits_unpriced",
    }
)
_HALF_HOUR = 30


@dataclass(frozen=True, slots=True)
class AlarmNotification:
    """The notification of an alarm; sent once for each `source`."""

    kind: NotificationKind
    source: str


def notification_of_alarm(alarm: Alarm, now: datetime) -> AlarmNotification | None:
    """Return an alarm's notification for its user, None without one; of logins once in half an hour."""
    local = exchange_time(now)
    slot = f"{local:%Y-%m-%d}:{local.hour:02}:{local.minute // _HALF_HOUR}"
    if alarm.kind in _LOGIN_ALARMS:
        return AlarmNotification(NotificationKind.LOGIN_NEEDED, f"{alarm.kind}:{slot}")
    if alarm.kind in _FUNDS_ALARMS:
        return AlarmNotification(NotificationKind.ORDER_FAILED, f"{alarm.kind}:{slot}")
    if alarm.kind in _PRICE_ALARMS:
        return AlarmNotification(NotificationKind.MISSED, f"{alarm.kind}:{alarm.strategy_id}:{slot}")
    if alarm.kind in _DANGER_ALARMS:
        return AlarmNotification(NotificationKind.EMERGENCY, f"{alarm.kind}:{alarm.strategy_id}:{slot}")
    return None


_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 20, 60, 300, 900, 1800, 3600))
MOST_ATTEMPTS = len(_PAUSES) + 1
"""A receiver that is down for less than two hours still gets everything."""


def again_after(attempts: int) -> timedelta | None:
    """Return the wait after so many tries that did not arrive; None: it is given up."""
    return _PAUSES[attempts - 1] if attempts < MOST_ATTEMPTS else None


@dataclass(frozen=True, slots=True)
class Settled:
    """The state of a claimed notification after a delivery."""

    status: NotificationStatus
    pause: timedelta | None = None


def settled(delivery: Delivery, attempts: int) -> Settled:
    """Return the state after this try, the `attempts`-th."""
    if delivery.arrival is Arrival.ARRIVED:
        return Settled(NotificationStatus.SENT)
    if delivery.arrival is Arrival.UNKNOWN:
        return Settled(NotificationStatus.UNKNOWN)
    pause = again_after(attempts) if delivery.arrival is Arrival.NOT_YET else None
    return (
        Settled(NotificationStatus.WAITING, pause)
        if pause is not None
        else Settled(NotificationStatus.FAILED)
    )


_TITLES = {
    NotificationKind.FILL: "Filled",
    NotificationKind.STOP_LOSS: "Stop hit",
    NotificationKind.TARGET: "Target reached",
    NotificationKind.MISSED: "Nothing bought",
    NotificationKind.ORDER_FAILED: "Order failed",
    NotificationKind.LOGIN_NEEDED: "Login needed",
    NotificationKind.EMERGENCY: "Look at your account",
    NotificationKind.TEST: "Test",
}


def title_of(kind: NotificationKind) -> str:
    """Return the title of a notification."""
    return f"Stopwatch: {_TITLES[kind]}"


def body_of(text: str, at: datetime) -> str:
    """Return the text with its time, by the exchange's clock."""
    return f"{text}\n{exchange_time(at):%d %b, %H:%M:%S} IST"
