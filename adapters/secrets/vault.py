"""Seals and opens broker secrets; a process that can seal them cannot open them.

Sealing needs the public key alone, so the process that faces the internet can store a secret and never read
one back. A sealed secret is bound to its row: moved to another user or field, it does not open. Sealed box:
HPKE (RFC 9180), X25519, HKDF-SHA256, AES-256-GCM.
"""

from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from adapters.secrets.derived_keys import DerivedBox
from adapters.secrets.key_service import (
    KEY_ID_BYTES,
    SUITE,
    BadKey,
    KeyService,
    LocalKeyService,
    UnknownKey,
    WrongBox,
    key_id,
    raw_key,
    text_of,
)
from domain.errors import SecretUnreadable

__all__ = ["BROKER", "BadKey", "LoginKeyBox", "Opener", "Sealer"]

BROKER = "zerodha"
_VERSION = b"\x01"


class Sealer:
    """Seals secrets to the server's public key (base64url, 32 bytes). It cannot open them again."""

    def __init__(self, seal_key: str) -> None:
        raw = raw_key(seal_key, "STOPWATCH_SEAL_KEY")
        self.seal_key = text_of(raw)
        self._key = X25519PublicKey.from_public_bytes(raw)
        self.key_id = key_id(raw)

    def __repr__(self) -> str:
        return f"Sealer(key_id={self.key_id.hex()})"

    def seal(self, plaintext: str, *, user_id: UUID, field: str) -> bytes:
        """Return the secret sealed for one field of one user's row."""
        box = SUITE.encrypt(plaintext.encode(), self._key, info=_identity(user_id, field))
        return _VERSION + self.key_id + box


class Opener:
    """Opens what was sealed to any of the keys of its key service."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys
        self.current_key_id = keys.key_ids[0]

    @classmethod
    def local(cls, encryption_keys: str) -> "Opener":
        """Hold the keys of STOPWATCH_ENCRYPTION_KEYS in this process. Raises `BadKey`."""
        return cls(LocalKeyService(encryption_keys))

    def __repr__(self) -> str:
        return f"Opener(key_ids={[known.hex() for known in self.key_ids]})"

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """Return the ids of the keys it opens with, the current one first."""
        return tuple(self._keys.key_ids)

    def sealer(self) -> Sealer:
        """Return the sealer of the current key, for re-encryption."""
        return Sealer(self._keys.seal_key)

    def is_current(self, blob: bytes) -> bool:
        """Tell whether the secret is sealed to the current key; otherwise it waits for re-encryption."""
        return blob[1 : 1 + KEY_ID_BYTES] == self.current_key_id

    async def open(self, blob: bytes, *, user_id: UUID, field: str) -> str:
        """Return the secret. Raises `SecretUnreadable`: none of our keys, another row, or tampered with."""
        sealed_to, box = blob[1 : 1 + KEY_ID_BYTES], blob[1 + KEY_ID_BYTES :]
        try:
            if blob[:1] != _VERSION:
                raise UnknownKey
            plain = await self._keys.unwrap(sealed_to, box, bound_to=_identity(user_id, field))
        except UnknownKey:
            raise SecretUnreadable(
                f"{field} is not sealed to any of the keys in STOPWATCH_ENCRYPTION_KEYS"
            ) from None
        except WrongBox:
            raise SecretUnreadable(
                f"{field} does not open in the row it was found in: moved or changed"
            ) from None
        return plain.decode()


class LoginKeyBox(DerivedBox):
    """The api_key for Kite's login link, which carries it in clear: the API can read this one secret."""

    purpose = b"stopwatch login key v1"
    field = f"{BROKER}|login_key"


def _identity(user_id: UUID, field: str) -> bytes:
    return f"stopwatch|{user_id}|{BROKER}|{field}".encode()
