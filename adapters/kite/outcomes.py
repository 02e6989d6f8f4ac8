"""Maps broker answers to outcomes, in one table.

For an order the question is whether it may exist. "Rejected" needs proof: the request never left, or the
broker answered with its own error envelope and a status that says it went no further. Everything else is
unknown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.kite.refusal_texts import kind_of, say_login_is_dead, speak_of_permission
from adapters.kite.reply import Reply
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.outcome import Accepted, Cause, PlaceOutcome, Rejected, Unknown
from domain.refusal import RULES, Refusal

ReadError = type[BrokerUnavailable] | type[LoginNeeded] | type[BrokerRefused]
TOKEN_TYPES = frozenset({"TokenException", "TwoFAException"})
TIMED_OUT_WORDS = "timed out"
"""The one text that decides: such an order was placed 8 s after its 400 (Kite forum, 2021)."""
BACK_OFFICE = frozenset({"NetworkException", "DataException"})
"""Errors between Kite and its order system: whatever the status, the order may have got through."""


def _refused(reply: Reply) -> bool:
    return reply.status is not None and 400 <= reply.status < 500 and reply.envelope


def _token_is_dead(reply: Reply) -> bool:
    if not _refused(reply) or speak_of_permission(reply.message):
        return False
    if reply.error_type in TOKEN_TYPES:
        return True
    return say_login_is_dead(reply.status, reply.message) and not _timed_out(reply)


def lacks_permission(reply: Reply) -> bool:
    """Tell whether the login is good and its app may not make this call: no new login helps."""
    if not _refused(reply) or reply.status != 403 or _token_is_dead(reply):
        return False
    return reply.error_type == "PermissionException" or speak_of_permission(reply.message)


def _timed_out(reply: Reply) -> bool:
    return reply.status == 408 or (_refused(reply) and TIMED_OUT_WORDS in reply.message.lower())


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of answer: `order` is its outcome for a placement (None: unknown), `read` for a read."""

    name: str
    holds: Callable[[Reply], bool]
    order: Cause | type[Accepted] | None
    read: ReadError | None
    words: str = "{message}"


TABLE: tuple[Row, ...] = (
    Row(
        "never left",  # refused, DNS, TLS handshake, proxy, too late
        lambda reply: not reply.left,
        Cause.TRY_AGAIN,
        BrokerUnavailable,
        "the broker could not be reached ({failure}); nothing was sent",
    ),
    Row(
        "no answer",  # read timeout, reset, hard deadline
        lambda reply: reply.status is None,
        None,
        BrokerUnavailable,
        "the broker did not answer ({failure})",
    ),
    Row(
        "throttled",  # judged by the status: a 429 in plain text looks like a 502 to the client
        lambda reply: reply.status == 429,
        Cause.TRY_AGAIN,
        BrokerUnavailable,
        "the broker's rate limit was reached (HTTP 429)",
    ),
    Row("success", lambda reply: reply.status == 200 and not reply.failure, Accepted, None),
    Row("token dead", _token_is_dead, Cause.LOGIN, LoginNeeded),
    Row("timed out in words", _timed_out, None, BrokerUnavailable, "HTTP {status}: {message}"),
    Row(
        "refused by a broken back office",
        lambda reply: _refused(reply) and reply.error_type in BACK_OFFICE,
        None,
        BrokerUnavailable,
        "HTTP {status}: {message}",
    ),
    Row(
        "to be authorised by the user",
        lambda reply: _refused(reply) and reply.status == 428,
        Cause.FINAL,
        BrokerRefused,
        "{message} " + RULES[Refusal.AUTHORISE].advice,
    ),
    Row("refused", _refused, Cause.FINAL, BrokerRefused),
    Row(
        "redirect",
        lambda reply: reply.status is not None and 300 <= reply.status < 400,
        None,
        BrokerUnavailable,
        "the broker's address answered with a redirect (HTTP {status}), which is not followed",
    ),
    Row(
        "server error",  # whatever the body says: a 500 whose JSON says success is not one
        lambda reply: reply.status is not None and reply.status >= 500,
        None,
        BrokerUnavailable,
        "the broker answered HTTP {status} {message}",
    ),
    Row(
        "odd answer",  # an error with status 200, a text page, JSON of another shape, a body cut off
        lambda reply: True,
        None,
        BrokerUnavailable,
        "the broker's answer could not be understood (HTTP {status}, {failure})",
    ),
)


def row_of(reply: Reply) -> Row:
    """Return the first matching row; the last one always matches."""
    return next(row for row in TABLE if row.holds(reply))


def placed(reply: Reply) -> PlaceOutcome:
    """Return the outcome of a placement; its data is the order id."""
    row = row_of(reply)
    if row.order is Accepted:
        if isinstance(reply.data, str) and reply.data:
            return Accepted(reply.data)
        return Unknown("the broker answered success without an order number")
    words = _words(row, reply)
    if not isinstance(row.order, Cause):
        return Unknown(words)
    return Rejected(row.order, words, kind_of(reply.status, reply.message))


def read(reply: Reply) -> Any:
    """Return what a read answered. Raises `BrokerUnavailable`, `LoginNeeded` or `BrokerRefused`."""
    row = row_of(reply)
    if row.read is None:
        return reply.data
    words = _words(row, reply)
    raise BrokerRefused(words, reply.status) if row.read is BrokerRefused else row.read(words)


def _words(row: Row, reply: Reply) -> str:
    words = row.words.format(status=reply.status, message=reply.message, failure=reply.failure)
    return words.strip() or f"the broker refused (HTTP {reply.status})"
