"""The run's own rows."""

from collections.abc import Mapping
from typing import Protocol

from domain.run import ActivateRun, Activation, FinishRun, GoesOn, PhaseChange, RunRef


class RunStore(Protocol):
    """The run's own rows: only the run changes a strategy's life cycle."""

    async def activate(self, request: ActivateRun) -> Activation:
        """Mark the strategy running and give this START its round. Idempotent by `start_id`.

        Raises `LookupError` when the strategy is gone, `AnotherRun` when it runs already, `ForeignStart` when
        the request is not the START that was written down.
        """
        ...

    async def owns(self, ref: RunRef) -> bool:
        """Tell whether this START still owns the running strategy."""
        ...

    async def change_phase(self, change: PhaseChange) -> None:
        """Write phase and timeline line; the same phase of the same run is written once."""
        ...

    async def finish(self, request: FinishRun) -> bool:
        """Mark the strategy stopped with its outcome. Idempotent.

        False where the store knows no such START: it was set back to a backup while the run went on.
        """
        ...

    async def go_on(self, ref: RunRef, session: GoesOn) -> None:
        """Write the session in which a day goes on that was slept through, and say why it was. Idempotent."""
        ...

    async def note(self, ref: RunRef, kind: str, text: str, data: Mapping[str, str], once: str) -> None:
        """Add a timeline line; `once` is the key that prevents duplicates by a repeated activity."""
        ...
