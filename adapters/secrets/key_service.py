"""Holds the private keys that broker secrets are sealed to.

`KeyService` is the whole interface that the vault needs, so that a key management service that never releases
a key can implement it: `unwrap` is its "decrypt", `bound_to` its encryption context. `LocalKeyService` holds
the keys of STOPWATCH_ENCRYPTION_KEYS in memory.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

KEY_BYTES = 32
KEY_ID_BYTES = 8
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SETTING = "STOPWATCH_ENCRYPTION_KEYS"


class BadKey(ValueError):
    """A key in the settings is malformed; the message never shows it."""


class UnknownKey(LookupError):
    """The box is sealed to none of the service's keys."""


class WrongBox(ValueError):
    """The box does not open: it was changed, or is bound to another row."""


class KeyService(Protocol):
    """Opens boxes; keys never leave it. A remote service may also raise `Unavailable` in `unwrap`."""

    @property
    def key_ids(self) -> Sequence[bytes]:
        """Return the ids of the keys it opens with, `KEY_ID_BYTES` each, the current one first."""
        ...

    @property
    def seal_key(self) -> str:
        """Return the public half of the current key (base64url): all that sealing needs."""
        ...

    async def unwrap(self, key_id: bytes, box: bytes, *, bound_to: bytes) -> bytes:
        """Return the content of the box (RFC 9180). Raises `UnknownKey`, `WrongBox`."""
        ...


class LocalKeyService:
    """Private keys of the settings (base64url of 32 bytes, by commas, current first), in this process."""

    def __init__(self, encryption_keys: str) -> None:
        keys = [X25519PrivateKey.from_private_bytes(raw) for raw in raw_keys(encryption_keys)]
        self._keys = {key_id(key.public_key().public_bytes_raw()): key for key in keys}
        self._seal_key = text_of(keys[0].public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"LocalKeyService(key_ids={[known.hex() for known in self._keys]})"

    @property
    def key_ids(self) -> Sequence[bytes]:
        return tuple(self._keys)

    @property
    def seal_key(self) -> str:
        return self._seal_key

    async def unwrap(self, key_id: bytes, box: bytes, *, bound_to: bytes) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise UnknownKey
        try:
            return SUITE.decrypt(box, key, info=bound_to)
        except (InvalidTag, ValueError):
            raise WrongBox from None


def key_id(public: bytes) -> bytes:
    """Return a key's short id, derived from its public half."""
    return hashlib.sha256(public).digest()[:KEY_ID_BYTES]


def raw_keys(encryption_keys: str) -> list[bytes]:
    """Return the keys of STOPWATCH_ENCRYPTION_KEYS, the current one first. Raises `BadKey`."""
    words = [word for word in encryption_keys.split(",") if word.strip()]
    if not words:
        raise BadKey(f"{_SETTING} holds no key")
    return [raw_key(word, _SETTING) for word in words]


def raw_key(word: str, setting: str) -> bytes:
    """Return the 32 bytes of a base64url text. Raises `BadKey`, naming the setting."""
    word = word.strip()
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadKey(f"{setting} is not base64url") from None
    if len(raw) != KEY_BYTES:
        raise BadKey(f"{setting} must hold keys of {KEY_BYTES} bytes, not {len(raw)}")
    return raw


def text_of(raw: bytes) -> str:
    """Encode bytes as the settings do: base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
