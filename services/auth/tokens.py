"""Make and read tokens: signed access tokens, opaque refresh tokens, and the state of Kite's login link."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt

from adapters.secrets.jwt_secrets import WeakSecret, refuse_weak, secrets_in
from services.errors import BadLink, Unauthorized

ALGORITHM = "HS256"
ISSUER = "stopwatch"
ACCESS_AUDIENCE = "stopwatch-api"
STATE_AUDIENCE = "stopwatch-broker-callback"
ACCESS_LIFETIME = timedelta(minutes=15)
STATE_LIFETIME = timedelta(minutes=10)
FAMILY_LIFETIME = timedelta(days=30)
"""From a login to the next, however often its tokens were renewed."""
ROTATION_GRACE = timedelta(seconds=10)
"""A phone that lost the answer asks again with the old token. Used later than this, the token was stolen."""
LONGEST_TOKEN = 2048
"""Characters. Ours have about 450; a longer one is not worth decoding."""
_REQUIRED = ["exp", "iat", "nbf", "aud", "iss", "sub", "jti", "sid"]
_MALFORMED = (jwt.PyJWTError, ValueError, RecursionError)
"""RecursionError: JSON nested a thousand deep fits into a header that is not signed."""

__all__ = ["Caller", "Tokens", "WeakSecret", "token_hash"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a token, their login, and when the token expires."""

    user_id: UUID
    login_id: UUID
    expires_at: datetime


class Tokens:
    """Makes and reads every token. A signed one names its secret (`kid`), so that secrets rotate."""

    def __init__(self, jwt_secret: str) -> None:
        """Take STOPWATCH_JWT_SECRET. Raises `WeakSecret`."""
        found = secrets_in(jwt_secret)
        refuse_weak(found)
        self._keys = {secret.key_id: secret.text.encode() for secret in found}
        self._current = found[0].key_id
        self._successors = [secret.derived(b"stopwatch refresh successor v1") for secret in found]

    def __repr__(self) -> str:
        return "Tokens(…)"

    def access(self, user_id: UUID, login_id: UUID) -> str:
        """Return a token that says who calls. It works no longer than its login lasts: the API looks."""
        return self._sign(user_id, login_id, ACCESS_AUDIENCE, ACCESS_LIFETIME, "at+jwt")

    def caller(self, token: str) -> Caller:
        """Return who calls. Raises `Unauthorized`, always in the same words."""
        try:
            return self._read(token, ACCESS_AUDIENCE, "at+jwt")
        except _MALFORMED:
            raise Unauthorized from None

    def earlier_caller(self, token: str) -> Caller | None:
        """Return whose access token this is or was: it may have expired, within the time that a login lives.

        It opens nothing. It tells a device that logged in before from a stranger.
        """
        try:
            found = self._read(token, ACCESS_AUDIENCE, "at+jwt", expired=True)
        except _MALFORMED:
            return None
        return found if datetime.now(UTC) - found.expires_at < FAMILY_LIFETIME else None

    def login_state(self, user_id: UUID, login_id: UUID) -> tuple[str, datetime]:
        """Return the state that comes back from Kite's login page, and when it ends."""
        state = self._sign(user_id, login_id, STATE_AUDIENCE, STATE_LIFETIME, "state+jwt")
        return state, datetime.now(UTC) + STATE_LIFETIME

    def caller_of_state(self, state: str) -> Caller:
        """Return whose broker login it is. Raises `BadLink`."""
        try:
            return self._read(state, STATE_AUDIENCE, "state+jwt")
        except _MALFORMED:
            raise invalid_state() from None

    def refresh(self) -> str:
        """Return a new refresh token: 256 random bits."""
        return secrets.token_urlsafe(32)

    def successors(self, refresh_token: str) -> list[str]:
        """Return the tokens that may have replaced this one, the one of the current secret first.

        The same for every retry, so that no family forks, also while secrets are being changed.
        """
        return [_successor(key, refresh_token) for key in self._successors]

    def _sign(self, user_id: UUID, login_id: UUID, audience: str, lifetime: timedelta, kind: str) -> str:
        now = datetime.now(UTC)
        claims = {
            "sub": str(user_id),
            "sid": str(login_id),
            "aud": audience,
            "iss": ISSUER,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "jti": str(uuid4()),
        }
        header = {"typ": kind, "kid": self._current}
        return jwt.encode(claims, self._keys[self._current], ALGORITHM, headers=header)

    def _read(self, token: str, audience: str, kind: str, *, expired: bool = False) -> Caller:
        if len(token) > LONGEST_TOKEN:
            raise ValueError("longer than any token made here")
        header = jwt.get_unverified_header(token)
        if header.get("typ") != kind or header.get("kid") not in self._keys:
            raise ValueError("a token of another kind, or of a secret that is not ours")
        claims: dict[str, Any] = jwt.decode(
            token,
            self._keys[header["kid"]],
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            options={"require": _REQUIRED, "strict_aud": True, "verify_exp": not expired},
        )
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        return Caller(UUID(claims["sub"]), UUID(claims["sid"]), expires_at)


def invalid_state() -> BadLink:
    return BadLink(
        "invalid_state", "This login link is not ours or has expired: ask for a new one and try again."
    )


def token_hash(refresh_token: str) -> bytes:
    """Return what is stored of a refresh token."""
    return hashlib.sha256(refresh_token.encode()).digest()


def _successor(key: bytes, refresh_token: str) -> str:
    digest = hmac.new(key, refresh_token.encode(), hashlib.sha256).digest()
    return jwt.utils.base64url_encode(digest).decode()
