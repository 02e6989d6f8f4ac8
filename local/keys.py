"""Generates the secrets of a local run once, and keeps them in files that only their owner can read."""

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local.redis_users import WITH_PASSWORD


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """Secrets of one data directory, as the settings spell them (base64url without padding)."""

    jwt_secret: str = field(repr=False)
    encryption_keys: str = field(repr=False)
    push_private_key: str = field(repr=False)
    database_passwords: dict[str, str] = field(repr=False)
    redis_passwords: dict[str, str] = field(repr=False)


def kept_in(directory: Path) -> LocalKeys:
    """Read the secrets of a data directory, making those that are missing."""
    return LocalKeys(
        jwt_secret=_kept(directory / "jwt_secret", _random),
        encryption_keys=_kept(directory / "encryption_keys", _private_key),
        push_private_key=_kept(directory / "push_private_key", _push_key),
        database_passwords={
            role: _kept(directory / f"database_password_{role}", _password)
            for role in ("owner", "api", "worker", "listener")
        },
        redis_passwords={
            user: _kept(directory / f"redis_password_{user}", _password) for user in WITH_PASSWORD
        },
    )


def fresh() -> dict[str, str]:
    """Generate the secrets of a new deployment, by the names of their settings."""
    private, push = _private_key(), _push_key()
    return {
        "STOPWATCH_JWT_SECRET": _random(),
        "STOPWATCH_ENCRYPTION_KEYS": private,
        "STOPWATCH_SEAL_KEY": seal_key(private),
        "STOPWATCH_PAYLOAD_KEYS": _text(secrets.token_bytes(32)),
        "STOPWATCH_PUSH_PRIVATE_KEY": push,
        "STOPWATCH_PUSH_PUBLIC_KEY": push_public_key(push),
    }


def with_new_encryption_key(encryption_keys: str) -> str:
    """Return the keys with a new current one in front; the old ones still open what was sealed to them.

    Raises `ValueError` for a malformed key.
    """
    words = [word.strip() for word in encryption_keys.split(",") if word.strip()]
    for word in words:
        seal_key(word)
    return ",".join([_private_key(), *words])


def encryption_keys_of(directory: Path) -> str | None:
    """Return the encryption keys of a data directory, None where it holds none."""
    path = _encryption_keys(directory)
    return path.read_text().strip() if path.exists() else None


def add_encryption_key(directory: Path) -> None:
    """Put a new current key before those of a data directory. Raises `ValueError`, `OSError`."""
    path = _encryption_keys(directory)
    write_secret(path, with_new_encryption_key(path.read_text()) + "\n")


def _encryption_keys(directory: Path) -> Path:
    return directory / "secrets" / "encryption_keys"


def seal_key(encryption_keys: str) -> str:
    """Return the public half of the current (first) private key: all that sealing needs."""
    current = encryption_keys.split(",")[0].strip()
    raw = base64.urlsafe_b64decode(current + "=" * (-len(current) % 4))
    return _text(X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw())


def push_public_key(private: str) -> str:
    """Return the public half of the key that signs notifications to browsers: an uncompressed point.

    Raises `ValueError` for a malformed key.
    """
    raw = base64.urlsafe_b64decode(private + "=" * (-len(private) % 4))
    key = ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())
    return _text(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def write_secret(path: Path, text: str) -> None:
    """Replace a file atomically; only its owner can read it at any moment."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    aside.replace(path)


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_secret(path, make() + "\n")
    return path.read_text().strip()


def _random() -> str:
    return _text(secrets.token_bytes(48))


def _private_key() -> str:
    return _text(X25519PrivateKey.generate().private_bytes_raw())


def _push_key() -> str:
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _text(number.to_bytes(32))


def _password() -> str:
    # Hexadecimal: a password that stands in a URL needs no quoting.
    return secrets.token_hex(24)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
