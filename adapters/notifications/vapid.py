"""The key pair by which push services know this server (VAPID, RFC 8292).

A browser subscribes with the public half, and its push service takes messages only with a signature of the
private half. The API shows the first; the worker alone has the second.
"""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from yarl import URL

from adapters.notifications.push_subscription import decoded, is_point
from adapters.secrets.key_service import BadKey, raw_key, text_of

PUBLIC_SETTING = "STOPWATCH_PUSH_PUBLIC_KEY"
PRIVATE_SETTING = "STOPWATCH_PUSH_PRIVATE_KEY"
NO_CONTACT = "https://localhost"
"""The contact of a server without an address of its own; Apple's push service refuses it."""
_HOLDS = timedelta(hours=12)
"""How long a signature holds; push services take at most a day."""


def checked_public_key(text: str) -> str:
    """Return the public key as browsers take it, base64url without padding. Raises `BadKey`."""
    raw = decoded(text)
    if not is_point(raw):
        raise BadKey(f"{PUBLIC_SETTING} must be a point of P-256, uncompressed, as base64url")
    return text_of(raw)


class PushKey:
    """The private key. Raises `BadKey`."""

    def __init__(self, private_key: str, contact: str = "") -> None:
        number = int.from_bytes(raw_key(private_key, PRIVATE_SETTING))
        try:
            key = derive_private_key(number, SECP256R1())
        except ValueError:
            raise BadKey(f"{PRIVATE_SETTING} is no private key of P-256") from None
        # Not strict: a contact with a port is as good as one without.
        self._vapid = Vapid02(key, conf={"no-strict": True})
        self._contact = contact or NO_CONTACT
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = text_of(point)

    def __repr__(self) -> str:
        return f"PushKey({self.public_key})"

    def authorization(self, endpoint: str, now: datetime) -> str:
        """Return the header that shows a push service who sends. Raises `ValueError` for an odd endpoint."""
        origin = str(URL(endpoint).origin())
        claims = {"aud": origin, "exp": int((now + _HOLDS).timestamp()), "sub": self._contact}
        return str(self._vapid.sign(claims)["Authorization"])
