"""Bodies of `/notices`."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictStr, StringConstraints

from api.http.bodies import RequestBody, ResponseBody
from api.http.words import ChannelKindWord, NoticeKindWord, NoticeStatusWord

LONGEST_ADDRESS = 500
Told = Literal["fill", "stop_loss", "target", "missed", "order_failed", "login_needed", "emergency"]
"""The events a channel can tell of: `domain.notification.CHOICES`."""
Tells = Annotated[list[Told], Field(min_length=1, max_length=7)]


class ChannelIn(RequestBody):
    """`address`: a webhook's URL, or a service's as Apprise has it; mail goes to the account's address."""

    kind: Literal["webhook", "email", "service"]
    address: Annotated[StrictStr, StringConstraints(min_length=1, max_length=LONGEST_ADDRESS)] | None = Field(
        None, repr=False
    )
    tells: Tells | None = None


class TellsIn(RequestBody):
    tells: Tells


class ChannelOut(ResponseBody):
    """`shown`: a host, a service's name, an e-mail address. The rest of the address is never shown again."""

    channel_id: UUID
    kind: ChannelKindWord
    shown: str
    tells: list[str]
    created_at: datetime
    gone_at: datetime | None


class ChannelMade(ChannelOut):
    """`secret`: what a webhook's notifications are signed with; shown this once."""

    secret: str | None = Field(repr=False)


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
