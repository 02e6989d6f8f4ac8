"""Broker secrets at rest: whoever may seal them cannot open them.

Sealing needs the public key alone, so the process that faces the internet can store a secret and never read
one back. A sealed secret is bound to its row: moved to another user or field, it does not open.
Sealed box: HPKE (RFC 9180), X25519, HKDF-SHA256, AES-256-GCM.
"""

import base64
import binascii
import hashlib
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from adapters.derived_box import DerivedBox
from domain.errors import SecretUnreadable

BROKER = "zerodha"
_VERSION = b"\x01"
_KEY_ID_BYTES = 8
_KEY_BYTES = 32
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class BadKey(ValueError):
    """A key of the settings is not what it should be; the message never shows it."""


class Sealer:
    """Seals secrets to the server's public key (base64url, 32 bytes). It cannot open them again."""

    def __init__(self, seal_key: str) -> None:
        raw = _raw_key(seal_key, "STOPWATCH_SEAL_KEY")
        self._key = X25519PublicKey.from_public_bytes(raw)
        self.key_id = _key_id(raw)

    def __repr__(self) -> str:
        return f"Sealer(key_id={self.key_id.hex()})"

    def seal(self, plaintext: str, *, user_id: UUID, field: str) -> bytes:
        """Return the secret sealed for one field of one user's row."""
        box = _SUITE.encrypt(plaintext.encode(), self._key, info=_identity(user_id, field))
        return _VERSION + self.key_id + box


class Opener:
    """Opens what was sealed to any of its private keys (base64url of 32 bytes, by commas, current first)."""

    def __init__(self, encryption_keys: str) -> None:
        words = [word for word in encryption_keys.split(",") if word.strip()]
        if not words:
            raise BadKey("STOPWATCH_ENCRYPTION_KEYS holds no key")
        keys = [
            X25519PrivateKey.from_private_bytes(_raw_key(word, "STOPWATCH_ENCRYPTION_KEYS")) for word in words
        ]
        self._keys = {_key_id(key.public_key().public_bytes_raw()): key for key in keys}
        self._seal_key = _text(keys[0].public_key().public_bytes_raw())
        self.current_key_id = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Opener(key_ids={[key_id.hex() for key_id in self._keys]})"

    def sealer(self) -> Sealer:
        """Return the sealer of the current key: for re-encryption, and for who holds both halves."""
        return Sealer(self._seal_key)

    def is_current(self, blob: bytes) -> bool:
        """Tell whether the secret is sealed to the current key, or waits for re-encryption."""
        return blob[1 : 1 + _KEY_ID_BYTES] == self.current_key_id

    def open(self, blob: bytes, *, user_id: UUID, field: str) -> str:
        """Return the secret. Raises `SecretUnreadable`: none of our keys, another row, or tampered with."""
        key = self._keys.get(blob[1 : 1 + _KEY_ID_BYTES])
        if blob[:1] != _VERSION or key is None:
            raise SecretUnreadable(f"{field} is not sealed to any of the keys in STOPWATCH_ENCRYPTION_KEYS")
        try:
            plain = _SUITE.decrypt(blob[1 + _KEY_ID_BYTES :], key, info=_identity(user_id, field))
        except (InvalidTag, ValueError):
            raise SecretUnreadable(
                f"{field} does not open in the row it was found in: moved or changed"
            ) from None
        return plain.decode()


class LoginKeyBox(DerivedBox):
    """The api_key for Kite's login link, which carries it in clear: the one broker word the API can read."""

    purpose = b"stopwatch login key v1"
    field = f"{BROKER}|login_key"


def _identity(user_id: UUID, field: str) -> bytes:
    return f"stopwatch|{user_id}|{BROKER}|{field}".encode()


def _key_id(public: bytes) -> bytes:
    return hashlib.sha256(public).digest()[:_KEY_ID_BYTES]


def _raw_key(word: str, setting: str) -> bytes:
    word = word.strip()
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadKey(f"{setting} is not base64url") from None
    if len(raw) != _KEY_BYTES:
        raise BadKey(f"{setting} must hold keys of {_KEY_BYTES} bytes, not {len(raw)}")
    return raw


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
