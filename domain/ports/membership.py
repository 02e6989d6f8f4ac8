"""The listeners that live, and how far each is with its share."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol


class ListenerState(StrEnum):
    """How far a listener is with its share of the instruments."""

    JOINING = "joining"
    READY = "ready"
    TAKING_OVER = "taking_over"
    """Ready, but not yet with what a listener that leaves still watches."""
    LEAVING = "leaving"


class Membership(Protocol):
    """The listeners that live, by leases that each renews."""

    async def renew(self, member: str, state: ListenerState, seconds: float) -> Mapping[str, ListenerState]:
        """Hold a lease for `seconds` and return all that are held now. Raises `StoreUnavailable`."""
        ...

    async def leave(self, member: str) -> None:
        """End a lease. Raises `StoreUnavailable`."""
        ...
