"""Reads STOPWATCH_JWT_SECRET: comma-separated secrets, the first current, the others still accepted.

To change it without logging users out: add the new secret behind the old one on every API process, then put
it first, and remove the old one thirty days later, when its last login has expired.
"""

import base64
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHORTEST = 32
FEWEST_DIFFERENT = 10
"""Characters that differ. Of 32 random hexadecimal digits, one draw in 10,000 has fewer: draw again."""
_KEY_ID_BYTES = 9
_SAMPLES = (
    "changeme",
    "changethis",
    "replaceme",
    "yoursecret",
    "256bitsecret",
    "secretkey",
    "jwtsecret",
    "supersecret",
    "mysecret",
    "example",
    "insecure",
    "default",
    "0123456789abcdef",
    "abcdefghijklmnop",
)
"""What stands in published samples, without the signs between the words."""


class WeakSecret(ValueError):
    """A signing secret that could be guessed; the message never shows it."""


@dataclass(frozen=True, slots=True)
class JwtSecret:
    """One secret; each use has a key derived from it."""

    text: str = field(repr=False)

    @property
    def key_id(self) -> str:
        """Return the id of this secret, as tokens carry it: derived, so that it reveals nothing."""
        return base64.urlsafe_b64encode(self.derived(b"stopwatch key id v1", _KEY_ID_BYTES)).decode()

    def derived(self, purpose: bytes, length: int = 32) -> bytes:
        """Return the key for one purpose (HKDF-SHA256)."""
        return HKDF(SHA256(), length, salt=None, info=purpose).derive(self.text.encode())


def secrets_in(setting: str) -> tuple[JwtSecret, ...]:
    """Return the secrets of the setting, the current one first. Raises `WeakSecret` when there is none."""
    found = tuple(JwtSecret(word.strip()) for word in setting.split(",") if word.strip())
    if not found:
        raise WeakSecret("STOPWATCH_JWT_SECRET holds no secret.")
    return found


def refuse_weak(secrets: tuple[JwtSecret, ...]) -> None:
    """Raise `WeakSecret` for the first secret that is short, has little variety, or is a published sample."""
    for number, secret in enumerate(secrets, start=1):
        reason = _weakness(secret.text)
        if reason is not None:
            raise WeakSecret(
                f"STOPWATCH_JWT_SECRET: secret {number} of {len(secrets)} {reason}. `stopwatch keys new` "
                "prints one that is random; a comma parts two secrets."
            )


def _weakness(text: str) -> str | None:
    if len(text.encode()) < SHORTEST:
        return f"is shorter than {SHORTEST} bytes"
    if len(set(text)) < FEWEST_DIFFERENT:
        return f"has fewer than {FEWEST_DIFFERENT} different characters"
    if text in (text + text)[1:-1]:
        return "repeats itself"
    bare = "".join(letter for letter in text.lower() if letter.isalnum())
    if any(sample in bare for sample in _SAMPLES):
        return "contains a word of published samples, so it is no random one"
    return None
