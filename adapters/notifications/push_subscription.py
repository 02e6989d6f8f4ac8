"""Reads and checks a browser's push subscription: the push service's URL, and the keys of that browser.

The keys are those of RFC 8291: `p256dh`, a point of the curve P-256, and `auth`, sixteen bytes.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Self

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from adapters.secrets.key_service import text_of

POINT_BYTES = 65
"""A point of P-256, uncompressed: a four, then both coordinates."""
AUTH_BYTES = 16
_UNCOMPRESSED = b"\x04"


class BadSubscription(ValueError):
    """A subscription is not one; the message says what is wrong and repeats none of it."""


@dataclass(frozen=True, slots=True)
class PushSubscription:
    """Where one browser takes notifications, and the keys that they are encrypted to."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read it as it was stored. Raises `BadSubscription`."""
        try:
            read = orjson.loads(text)
            return cls(read["endpoint"], read["keys"]["p256dh"], read["keys"]["auth"])
        except (ValueError, LookupError, TypeError):
            raise BadSubscription("is not a push subscription") from None

    def checked(self) -> Self:
        """Return it with keys in one form, base64url without padding. Raises `BadSubscription`."""
        point, auth = decoded(self.p256dh), decoded(self.auth)
        if not is_point(point):
            raise BadSubscription("its keys.p256dh must be a point of P-256, uncompressed, as base64url")
        if len(auth) != AUTH_BYTES:
            raise BadSubscription(f"its keys.auth must be {AUTH_BYTES} bytes, as base64url")
        return type(self)(self.endpoint, text_of(point), text_of(auth))

    @property
    def info(self) -> dict[str, object]:
        """Return it as the browser writes it."""
        return {"endpoint": self.endpoint, "keys": {"p256dh": self.p256dh, "auth": self.auth}}

    @property
    def text(self) -> str:
        """Return it as it is stored, sealed."""
        return orjson.dumps(self.info).decode()

    @property
    def digest(self) -> bytes:
        """Return its hash, by which the same subscription is known again while it is sealed."""
        return hashlib.sha256(self.text.encode()).digest()


def is_point(raw: bytes) -> bool:
    """Tell whether the bytes are an uncompressed point of P-256."""
    if len(raw) != POINT_BYTES or not raw.startswith(_UNCOMPRESSED):
        return False
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)
    except ValueError:
        return False
    return True


def decoded(word: str) -> bytes:
    """Return the bytes of a base64url text, padded or not; none where it is not one."""
    word = word.strip().rstrip("=")
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
