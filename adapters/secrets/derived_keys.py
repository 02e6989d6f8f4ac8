"""Encrypts small secrets that the API itself must read, with keys derived from STOPWATCH_JWT_SECRET.

AES-256-GCM with a random nonce, bound to the user and the field: moved to another row, a box does not open. A
box sealed under an older secret opens while that secret is still in the setting, and is sealed anew when
used.
"""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.secrets.jwt_secrets import secrets_in
from domain.errors import SecretUnreadable

_VERSION = b"\x01"
_NONCE_BYTES = 12


class DerivedBox:
    """Seals and opens one field of users' rows. `purpose` separates its keys from those of other uses."""

    purpose: bytes
    field: str

    def __init__(self, jwt_secret: str) -> None:
        self._ciphers = [AESGCM(secret.derived(self.purpose)) for secret in secrets_in(jwt_secret)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def seal(self, plaintext: str, *, user_id: UUID) -> bytes:
        """Return the text sealed for this user's row."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._ciphers[0].encrypt(nonce, plaintext.encode(), self._bound_to(user_id))

    def open(self, blob: bytes, *, user_id: UUID) -> str:
        """Return the text. Raises `SecretUnreadable`, as after its secret was removed from the setting."""
        return self._opened(blob, user_id)[0]

    def renewed(self, blob: bytes, *, user_id: UUID) -> bytes | None:
        """Return it sealed under the current secret; None where it already is. Raises `SecretUnreadable`."""
        plaintext, place = self._opened(blob, user_id)
        return self.seal(plaintext, user_id=user_id) if place else None

    def _opened(self, blob: bytes, user_id: UUID) -> tuple[str, int]:
        nonce, box = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
        for place, cipher in enumerate(self._ciphers):
            try:
                return cipher.decrypt(nonce, box, self._bound_to(user_id)).decode(), place
            except (InvalidTag, ValueError):
                continue
        raise SecretUnreadable(
            f"the {self.field} does not open: its secret is no longer in STOPWATCH_JWT_SECRET, or it was "
            "moved or changed"
        )

    def _bound_to(self, user_id: UUID) -> bytes:
        return f"stopwatch|{user_id}|{self.field}".encode()


class TotpBox(DerivedBox):
    """The shared secret of one-time codes (RFC 6238): every check of a code needs it in clear."""

    purpose = b"stopwatch totp v1"
    field = "totp|secret"
