"""What the attacks on people's accounts share."""

from collections.abc import AsyncIterator

import pytest

from adapters.postgres.engine import Store
from tests.attacks.people import Town, a_town


@pytest.fixture
async def town(database: str, store: Store) -> AsyncIterator[Town]:
    async with a_town(database, store) as made:
        yield made
