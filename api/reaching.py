"""Temporal from an API that may start before it: a client that never got through says so in its own way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from api.ports import BrokerLogins, Runs
from domain.errors import Unavailable
from domain.login import LoginKind, LoginResult
from domain.run import RunView, StartRun, StopRequest


class ReachableRuns:
    """Implements `api.ports.Runs` over a client that connects when it is first used."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def start(self, start: StartRun) -> RunView:
        async with _reached():
            return await self._runs.start(start)

    async def stop(
        self, workflow_id: str, run_id: str, request: StopRequest, wait_seconds: float
    ) -> RunView | None:
        async with _reached():
            return await self._runs.stop(workflow_id, run_id, request, wait_seconds)


class ReachableLogins:
    """Implements `api.ports.BrokerLogins` over a client that connects when it is first used."""

    def __init__(self, logins: BrokerLogins) -> None:
        self._logins = logins

    async def login(self, user_id: UUID, kind: LoginKind, sealed_token: bytes) -> LoginResult:
        async with _reached():
            return await self._logins.login(user_id, kind, sealed_token)


@asynccontextmanager
async def _reached() -> AsyncIterator[None]:
    try:
        yield
    except RuntimeError as error:
        # The SDK has no class for it (1.35): a lazy client whose first connection fails raises this.
        if not str(error).startswith("Failed client connect"):
            raise
        raise Unavailable("Temporal cannot be reached") from error
