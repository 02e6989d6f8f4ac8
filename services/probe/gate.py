"""Tells whether stops of a user's account may rest at the exchange with real orders: by its newest probe."""

from dataclasses import dataclass
from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.probes import passed_live
from services.probe.expectations import digest


@dataclass(frozen=True, slots=True)
class PostgresStopProbes:
    """Implements `services.ports.StopProbes`."""

    store: Store

    async def passed(self, user_id: UUID) -> bool:
        """Tell whether the newest live probe of the connected account passed the table of this version."""
        async with self.store.read(user_id) as session:
            return await passed_live(session, user_id, digest())
