"""Sanitizes the broker's messages, and recognizes the few that decide something.

Error types are not enough: the same refusal comes under several types, and HTTP 428 comes without any.
"""

import re

from domain.refusal import Refusal

_LOGIN_STATUSES = frozenset({400, 401, 403})
_BAD = r"(?:incorrect|invalid|missing|expired|wrong|bad|unknown|empty)"
_BOTH = rf"{_BAD}(?: (?:or|and) {_BAD})?"
_IS = r"(?: (?:is|was|has|are|been|already))*"
_KEY = r"(?:api[ _-]?key|(?:access|session|login|user|auth|enc|request|refresh)[ _-]?token)"
_START = r"(?:^|[.:;,] )"
_END = r"(?:[.!;,]|$)"
_DEAD = re.compile(
    "|".join(
        (
            # Incorrect `api_key` or `access_token`. Missing access token. Invalid or expired access_token.
            rf"\b{_BOTH}(?: field)? (?:the |your )?{_KEY}\b",
            # The access token is invalid. Your `access_token` has expired.
            rf"\b{_KEY}(?: or {_KEY})?\b{_IS} (?:{_BAD}|(?:not|no longer) valid)\b",
            # Token is invalid or has expired. Not: instrument token, token 738561, token of the contract.
            rf"{_START}(?:the |your )?tokens?{_IS} {_BAD}\b(?! for\b)",
            rf"{_START}{_BOTH} token{_END}",
            # Session expired or invalid. Your session has expired. Not: the trading or auction session.
            rf"(?:{_START}|\b(?:your|user|login|web|kite|this) )(?:the )?session{_IS} {_BAD}\b(?! for\b)",
            rf"{_START}{_BOTH} (?:login |user )?session(?: credentials| token| id)?{_END}",
            r"\blog ?in again\b|\bre-?login\b|\bnot logged in\b",
            rf"\blogin{_IS} (?:expired|required)\b",
        )
    )
)
_PERMISSION = re.compile(
    r"\bpermission\b|\bnot (?:allowed|permitted|enabled|subscribed)\b|\bno ips? configured\b"
)
"""A refusal that a new login does not lift: the plan, the address, the app."""


def plain(text: str) -> str:
    """Return `text` without characters that cannot be printed or stored: controls, lone surrogates."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def say_login_is_dead(status: int | None, message: str) -> bool:
    """Tell whether a refusal concerns the login or its token, whatever its type."""
    text = " ".join(message.lower().replace("`", "").split())
    return status in _LOGIN_STATUSES and not speak_of_permission(message) and bool(_DEAD.search(text))


def speak_of_permission(message: str) -> bool:
    """Tell whether a refusal concerns the login's permissions: no new login helps."""
    return bool(_PERMISSION.search(message.lower()))


_KINDS: tuple[tuple[Refusal, re.Pattern[str]], ...] = tuple(
    (refusal, re.compile(words))
    for refusal, words in (
        (Refusal.AUTHORISE, r"authori[sz]ation at|\be-?dis\b|\btpin\b|\bdepository\b"),
        (Refusal.ADDRESS, r"\bno ips? configured\b|\bip\b.*\bnot (?:allowed|registered)\b"),
        (Refusal.TRADE_TO_TRADE, r"trade[- ]to[- ]trade|\bt2t\b|\bbtst\b"),
        (Refusal.PENDING_SALE, r"pending sell order|insufficient (?:stock )?holding|check (?:t1 )?holdings"),
        (
            Refusal.FUNDS,
            r"insufficient (?:funds|margin|balance)|margin (?:exceeds|shortfall)|required margin",
        ),
        (
            Refusal.CLOSED,
            r"markets? (?:is|are) (?:now )?closed|exchange is closed|outside (?:market|trading)",
        ),
        (
            Refusal.SEGMENT,
            r"segment\b.*\bnot\b|\bnot enabled for\b|insufficient permission"
            r"|(?:account|client)\b.*\b(?:frozen|suspended|inactive|dormant|blocked)",
        ),
        (Refusal.BLOCKED, r"\bblocked\b|\bban(?:ned)?\b|\bsuspended\b|\brestricted from trading\b"),
    )
)
"""The first that matches says what a refusal is. From kite.trade's documentation and logs of clients."""


def kind_of(status: int | None, message: str) -> Refusal:
    """Return the kind of a refused order; `status` is the answer's, None where it had been taken."""
    if status == 428:
        return Refusal.AUTHORISE
    text = " ".join(message.lower().replace("`", "").split())
    return next((refusal for refusal, words in _KINDS if words.search(text)), Refusal.UNKNOWN)
