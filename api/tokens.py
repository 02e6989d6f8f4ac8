"""Tokens: short signed ones say who calls, long opaque ones renew them, and one guards Kite's login link."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from api.errors import BadRequest, Unauthorized

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
SHORTEST_SECRET = 32
_REQUIRED = ["exp", "iat", "nbf", "aud", "iss", "sub", "jti"]


class WeakSecret(ValueError):
    """The signing key is too short to be safe; the message never shows it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and until when the token says so."""

    user_id: UUID
    expires_at: datetime


class Tokens:
    """Makes and reads every token. Keys for different uses are derived apart from one secret."""

    def __init__(self, jwt_secret: str) -> None:
        if len(jwt_secret.encode()) < SHORTEST_SECRET:
            raise WeakSecret(f"STOPWATCH_JWT_SECRET must hold at least {SHORTEST_SECRET} random bytes")
        self._signing = jwt_secret.encode()
        self._successor = HKDF(SHA256(), 32, salt=None, info=b"stopwatch refresh successor v1").derive(
            self._signing
        )

    def __repr__(self) -> str:
        return "Tokens(…)"

    def access(self, user_id: UUID) -> str:
        return self._sign(user_id, ACCESS_AUDIENCE, ACCESS_LIFETIME, "at+jwt")

    def caller(self, token: str) -> Caller:
        """Return who calls. Raises `Unauthorized`, always in the same words."""
        try:
            return self._read(token, ACCESS_AUDIENCE, "at+jwt")
        except (jwt.PyJWTError, ValueError):
            raise Unauthorized from None

    def login_state(self, user_id: UUID) -> tuple[str, datetime]:
        """Return the state that comes back from Kite's login page, and when it ends."""
        state = self._sign(user_id, STATE_AUDIENCE, STATE_LIFETIME, "state+jwt")
        return state, datetime.now(UTC) + STATE_LIFETIME

    def user_of_state(self, state: str) -> UUID:
        """Return whose login it is. Raises `BadRequest`."""
        try:
            return self._read(state, STATE_AUDIENCE, "state+jwt").user_id
        except (jwt.PyJWTError, ValueError):
            raise BadRequest(
                "invalid_state",
                "This login link is not ours or has expired: ask for a new one and try again.",
            ) from None

    def refresh(self) -> str:
        """Return a new refresh token: 256 random bits."""
        return secrets.token_urlsafe(32)

    def successor(self, refresh_token: str) -> str:
        """Return the token that replaces this one: the same for every retry, so that no family forks."""
        digest = hmac.new(self._successor, refresh_token.encode(), hashlib.sha256).digest()
        return jwt.utils.base64url_encode(digest).decode()

    def _sign(self, user_id: UUID, audience: str, lifetime: timedelta, kind: str) -> str:
        now = datetime.now(UTC)
        claims = {
            "sub": str(user_id),
            "aud": audience,
            "iss": ISSUER,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "jti": str(uuid4()),
        }
        return jwt.encode(claims, self._signing, ALGORITHM, headers={"typ": kind})

    def _read(self, token: str, audience: str, kind: str) -> Caller:
        read = jwt.decode_complete(
            token,
            self._signing,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            options={"require": _REQUIRED, "strict_aud": True},
        )
        if read["header"].get("typ") != kind:
            raise ValueError("a token of another kind")
        claims = read["payload"]
        return Caller(UUID(claims["sub"]), datetime.fromtimestamp(claims["exp"], UTC))


def token_hash(refresh_token: str) -> bytes:
    """Return what is stored of a refresh token."""
    return hashlib.sha256(refresh_token.encode()).digest()
