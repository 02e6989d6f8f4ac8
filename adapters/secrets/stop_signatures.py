"""Signs the events of hit stops, with keys derived from STOPWATCH_ENCRYPTION_KEYS.

Listener and workers alone hold these keys, so no other program has shares sold by writing into Redis. The
first key signs; an event that any of the keys has signed is accepted, so keys may be rotated while the market
is open. The signature is BLAKE2b with a key of its own for this use (HKDF-SHA256): 2 µs an event.
"""

import hashlib
from hmac import compare_digest

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.secrets.key_service import KEY_BYTES, raw_keys

_PURPOSE = b"stopwatch queue events v1"
_SIGNATURE_BYTES = 16


class StopSignatures:
    """Makes and checks signatures. Raises `BadKey` for a malformed setting."""

    def __init__(self, encryption_keys: str) -> None:
        self._keys = [_derived(raw) for raw in raw_keys(encryption_keys)]

    def __repr__(self) -> str:
        return f"StopSignatures(keys={len(self._keys)})"

    def sign(self, message: str) -> str:
        """Return the signature of a message by the current key."""
        return _signature(self._keys[0], message)

    def is_signed(self, message: str, signature: str) -> bool:
        """Tell whether one of the keys has signed this message."""
        given = signature.encode()
        return any(compare_digest(_signature(key, message).encode(), given) for key in self._keys)


def _derived(raw: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=_PURPOSE).derive(raw)


def _signature(key: bytes, message: str) -> str:
    return hashlib.blake2b(message.encode(), digest_size=_SIGNATURE_BYTES, key=key).hexdigest()
