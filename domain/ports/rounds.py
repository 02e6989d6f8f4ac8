"""Records the reconciler's rounds."""

from typing import Protocol


class Rounds(Protocol):
    """Records that the reconciler made a round. Raises `StoreUnavailable`."""

    async def round_ended(self) -> None:
        """Record that a round has just ended."""
        ...
