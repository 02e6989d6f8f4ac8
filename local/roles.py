"""The database roles of the processes, derived from the owner's address."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit


def role_urls(owner_url: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """Return DATABASE_URL_API, _WORKER and _LISTENER: the owner's address with another user in it."""
    parts = urlsplit(owner_url)
    host = parts.netloc.rpartition("@")[2]
    return {
        f"DATABASE_URL_{role.upper()}": urlunsplit(
            parts._replace(netloc=f"stopwatch_{role}:{passwords[role]}@{host}")
        )
        for role in ("api", "worker", "listener")
    }
