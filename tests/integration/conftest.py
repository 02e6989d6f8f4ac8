"""What the integration tests share beside the servers."""

from collections.abc import Iterator

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from services.auth.passwords import Passwords


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    """Argon2id with the smallest parameters: what it costs is the subject of tests of its own."""
    made = Passwords(hasher=PasswordHash([Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)]))
    yield made
    made.close()
