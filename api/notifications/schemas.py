"""Bodies of `/notices`."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StrictStr, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.bodies import RequestBody, ResponseBody
from api.http.words import ChannelKindWord, NoticeKindWord, NoticeStatusWord

LONGEST_ADDRESS = 500
LONGEST_ENDPOINT = 1000
Told = Literal["fill", "stop_loss", "target", "missed", "order_failed", "login_needed", "emergency"]
"""The events a channel can tell of: `domain.notification.CHOICES`."""
Tells = Annotated[list[Told], Field(min_length=1, max_length=7)]


def _milliseconds(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("not_a_number", "must be a number, as the browser wrote it")
    return Decimal(value)


Milliseconds = Annotated[Decimal, BeforeValidator(_milliseconds), WithJsonSchema({"type": "number"})]


class SubscriptionKeys(RequestBody):
    """Base64url: a point of P-256 (65 bytes), and 16 bytes."""

    p256dh: Annotated[StrictStr, StringConstraints(min_length=87, max_length=88)] = Field(repr=False)
    auth: Annotated[StrictStr, StringConstraints(min_length=22, max_length=24)] = Field(repr=False)


class SubscriptionIn(RequestBody):
    """As the browser's `PushSubscription.toJSON()` writes it; when it expires is not used."""

    endpoint: Annotated[StrictStr, StringConstraints(min_length=1, max_length=LONGEST_ENDPOINT)] = Field(
        repr=False
    )
    expirationTime: Milliseconds | None = None
    keys: SubscriptionKeys


class ChannelIn(RequestBody):
    """`address`: a webhook's URL, or a service's as Apprise has it; mail goes to the account's address.

    `subscription`: of a browser, with the kind `push`.
    """

    kind: Literal["webhook", "email", "service", "push"]
    address: Annotated[StrictStr, StringConstraints(min_length=1, max_length=LONGEST_ADDRESS)] | None = Field(
        None, repr=False
    )
    subscription: SubscriptionIn | None = None
    tells: Tells | None = None


class TellsIn(RequestBody):
    tells: Tells


class ChannelOut(ResponseBody):
    """`shown`: a host, a service's name, an e-mail address, a browser; the rest is never shown again."""

    channel_id: UUID
    kind: ChannelKindWord
    shown: str
    tells: list[str]
    created_at: datetime
    gone_at: datetime | None


class ChannelMade(ChannelOut):
    """`secret`: what a webhook's notifications are signed with; shown this once."""

    secret: str | None = Field(repr=False)


class PushKeyOut(ResponseBody):
    """`key`: what a browser subscribes with (`applicationServerKey`), base64url."""

    key: str


class ChannelPage(ResponseBody):
    items: list[ChannelOut]
    next: str | None


class NoticeOut(ResponseBody):
    """`status`: `waiting`, `sending`, `sent`, `failed`, or `unknown`: may have arrived, not sent again."""

    notice_id: UUID
    channel_id: UUID
    strategy_id: UUID | None
    kind: NoticeKindWord
    text: str
    at: datetime
    status: NoticeStatusWord
    attempts: int
    ended_at: datetime | None
    message: str


class NoticePage(ResponseBody):
    items: list[NoticeOut]
    next: str | None
