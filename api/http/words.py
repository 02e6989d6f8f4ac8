"""The fixed words of answers, each list from the domain: a client that is made from the document has them.

They are plain text here: an answer is never refused because Postgres holds a word of an older version.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import WithJsonSchema

from domain.notification import ChannelKind, NotificationKind, NotificationStatus
from domain.order import Leg, OrderStatus, Reason, Side
from domain.stop_prices import OrderKind
from domain.strategy import OnStop, Outcome, Phase, Position, Product, Status
from domain.terms import After, Protect, Weekday, When
from domain.timeline import EventKind


def _one_of(*words: str) -> Any:
    return WithJsonSchema({"type": "string", "enum": list(words)})


def _of(kind: type[StrEnum]) -> Any:
    return _one_of(*(word.value for word in kind))


StatusWord = Annotated[str, _of(Status)]
PhaseWord = Annotated[str, _of(Phase)]
PositionWord = Annotated[str, _of(Position)]
OutcomeWord = Annotated[str, _of(Outcome)]
OnStopWord = Annotated[str, _of(OnStop)]
ProductWord = Annotated[str, _of(Product)]
ExchangeWord = Annotated[str, _one_of("NSE", "BSE", "NFO", "BFO")]
LegWord = Annotated[str, _of(Leg)]
ReasonWord = Annotated[str, _of(Reason)]
SideWord = Annotated[str, _of(Side)]
OrderStatusWord = Annotated[str, _of(OrderStatus)]
OrderTypeWord = Annotated[str, _of(OrderKind)]
AfterWord = Annotated[str, _of(After)]
WhenWord = Annotated[str, _of(When)]
ProtectWord = Annotated[str, _of(Protect)]
WeekdayWord = Annotated[str, _of(Weekday)]
ChannelKindWord = Annotated[str, _of(ChannelKind)]
NoticeKindWord = Annotated[str, _of(NotificationKind)]
NoticeStatusWord = Annotated[str, _of(NotificationStatus)]
EventKindWord = Annotated[
    str, WithJsonSchema({"type": "string", "x-extensible-enum": [word.value for word in EventKind]})
]
"""More kinds will come: a client shows the text of one that it does not know."""
