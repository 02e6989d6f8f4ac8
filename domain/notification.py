"""Notices: what a user is told outside the app, over which channels, and what becomes of each.

A notice goes out once. What certainly did not arrive is sent again, later and later; what may have arrived is
not: the app and the timeline say what happened in any case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.run import Alarm
from domain.session import exchange_time
from domain.strategy import Outcome
from domain.timeline import EventKind


class NotificationKind(StrEnum):
    """What a channel can be asked to tell of; `test` is sent by the user himself."""

    FILL = "fill"
    STOP_LOSS = "stop_loss"
    MISSED = "missed"
    """Nothing was bought: too late, below the stop, no price, a limit."""
    ORDER_FAILED = "order_failed"
    LOGIN_NEEDED = "login_needed"
    EMERGENCY = "emergency"
    """A sale failed three times and goes on, slower; or its order may be at the broker twice."""
    TEST = "test"


CHOICES = tuple(kind for kind in NotificationKind if kind is not NotificationKind.TEST)
"""What a channel tells of; all of it unless its user says less."""


class ChannelKind(StrEnum):
    """By what way a notice goes."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SERVICE = "service"
    """Telegram and the like, by Apprise."""


def sealed_name(channel_id: UUID, column: str) -> str:
    """Return the name under which a channel's `address` or `secret` is sealed for its user."""
    return f"notice_channel:{channel_id}:{column}"


class NotificationStatus(StrEnum):
    """What has become of a notice on one channel."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It may or may not have arrived, and is not sent again."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One notice for one channel, as it is claimed. `address` and `secret` are sealed."""

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


class Arrival(StrEnum):
    """What a courier knows after a try."""

    ARRIVED = "arrived"
    NOT_YET = "not_yet"
    """It certainly has not arrived, and may if it is sent again."""
    REFUSED = "refused"
    GONE = "gone"
    """The receiver says that nobody is there any more: the channel is switched off."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome of one try; `message` is for its user, and names no address and no secret."""

    arrival: Arrival
    message: str = ""


_OF_EVENTS = {
    EventKind.BOUGHT: NotificationKind.FILL,
    EventKind.SOLD: NotificationKind.FILL,
    EventKind.STOP_LOSS: NotificationKind.STOP_LOSS,
    EventKind.EMERGENCY: NotificationKind.EMERGENCY,
    EventKind.ORDER_TWICE: NotificationKind.EMERGENCY,
}
_OF_OUTCOMES = {
    Outcome.MISSED: NotificationKind.MISSED,
    Outcome.SKIPPED: NotificationKind.MISSED,
    Outcome.ORDER_FAILED: NotificationKind.ORDER_FAILED,
    Outcome.REJECTED: NotificationKind.ORDER_FAILED,
    Outcome.CLOSED_OUTSIDE: NotificationKind.FILL,
}
TOLD_EVENTS = frozenset({*_OF_EVENTS, EventKind.STOPPED})
"""The lines of the timeline of which notices may be made."""


def notification_of(event: str, data: Mapping[str, str]) -> NotificationKind | None:
    """Return what a line of the timeline is to its user's channels; None where they are not told."""
    if event == EventKind.STOPPED:
        outcome = data.get("outcome", "")
        return _OF_OUTCOMES.get(Outcome(outcome)) if outcome in set(Outcome) else None
    return _OF_EVENTS.get(EventKind(event)) if event in set(EventKind) else None


_LOGIN_ALARMS = frozenset({"login_needed", "exit_needs_login", "exit_needs_account"})
_DANGER_ALARMS = frozenset({"position_left", "late_exit"})
_HALF_HOUR = 30


@dataclass(frozen=True, slots=True)
class AlarmNotification:
    """What an alarm is to its user's channels; he is told once for each `source`."""

    kind: NotificationKind
    source: str


def notification_of_alarm(alarm: Alarm, now: datetime) -> AlarmNotification | None:
    """Return what an alarm is to its user, None where he is not told; of logins once in half an hour."""
    local = exchange_time(now)
    slot = f"{local:%Y-%m-%d}:{local.hour:02}:{local.minute // _HALF_HOUR}"
    if alarm.kind in _LOGIN_ALARMS:
        return AlarmNotification(NotificationKind.LOGIN_NEEDED, f"{alarm.kind}:{slot}")
    if alarm.kind in _DANGER_ALARMS:
        return AlarmNotification(NotificationKind.EMERGENCY, f"{alarm.kind}:{alarm.strategy_id}:{slot}")
    return None


class Courier(Protocol):
    """Brings a notice to whom it is for."""

    async def bring(self, notification: Notification) -> Delivery:
        """Send it once, and never raise for what the other side does. Ends within a few seconds."""
        ...


class Outbox(Protocol):
    """The notices in Postgres. Every method raises `StoreUnavailable`."""

    async def is_idle(self) -> bool:
        """Tell whether nothing is to be made, called unknown or sent: cheap, since it is asked for ever."""
        ...

    async def gather(self) -> None:
        """Make notices of what has happened since, and call those unknown whose sender has vanished."""
        ...

    async def claim(self, most: int) -> Sequence[Notification]:
        """Take the right to send what is due: a channel's notices one at a time, in their order."""
        ...

    async def settle(self, notification: Notification, delivery: Delivery) -> None:
        """Write down what became of a claimed notification."""
        ...

    async def tell(self, user_id: UUID, notification: AlarmNotification, text: str, at: datetime) -> None:
        """Make notices of what is no line of the timeline."""
        ...

    async def forget(self) -> None:
        """Delete what is old."""
        ...


_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 20, 60, 300, 900, 1800, 3600))
MOST_ATTEMPTS = len(_PAUSES) + 1
"""A receiver that is away for less than two hours still hears of everything."""


def again_after(attempts: int) -> timedelta | None:
    """Return how long to wait after so many tries that did not arrive; None: it is given up."""
    return _PAUSES[attempts - 1] if attempts < MOST_ATTEMPTS else None


@dataclass(frozen=True, slots=True)
class Settled:
    """What a delivery makes of a claimed notification."""

    status: NotificationStatus
    pause: timedelta | None = None


def settled(delivery: Delivery, attempts: int) -> Settled:
    """Return what becomes of a notice after this try, its `attempts`-th."""
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
    NotificationKind.MISSED: "Nothing bought",
    NotificationKind.ORDER_FAILED: "Order failed",
    NotificationKind.LOGIN_NEEDED: "Login needed",
    NotificationKind.EMERGENCY: "Look at your account",
    NotificationKind.TEST: "Test",
}


def title_of(kind: NotificationKind) -> str:
    """Return the line above a notice's text."""
    return f"Stopwatch: {_TITLES[kind]}"


def body_of(text: str, at: datetime) -> str:
    """Return the text with its moment, by the exchange's clock."""
    return f"{text}\n{exchange_time(at):%d %b, %H:%M:%S} IST"
