"""Checks whether Temporal would take a START: its namespace, our search attributes, a worker for new runs.

`python -m adapters.temporal.readiness` says it for the address of the environment; `stopwatch doctor` asks.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.engine import Store
from adapters.postgres.watchers import Watchers
from adapters.temporal.connection import address_in, connect
from domain.errors import NoWorker, StandsStill, StopwatchError, Unavailable
from domain.worker_version import DEPLOYMENT, why_nobody_takes_runs

ATTRIBUTES = ("StopwatchUser", "StopwatchSymbol", "StopwatchPhase")
"""The search attributes that every run is started with: a start with an unknown one fails."""
ANSWERS_WITHIN = timedelta(seconds=1.5)
_NOT_ALLOWED = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)
"""The answers of a server that does not show this, such as Temporal Cloud: then nothing is said of it."""

LiveBuilds = Callable[[], Awaitable[Collection[str]]]
"""Returns the versions of the workers that are alive. Raises `StoreUnavailable`."""


class TemporalReadiness:
    """Asks the server, and the workers' signs of life in Postgres for who takes a new run."""

    def __init__(self, client: Client, live_builds: LiveBuilds) -> None:
        self._client = client
        self._live_builds = live_builds

    async def check(self) -> None:
        """Return when a START would be taken. Raises `StandsStill`, `NoWorker`, and what `check_server` does.

        While Postgres is away nothing is said of the workers: it is named itself.
        """
        await self.check_server()
        current = await self._current_version()
        try:
            alive = await self._live_builds()
        except Unavailable:
            return
        why = why_nobody_takes_runs(current, alive)
        if why is not None:
            raise NoWorker(why)

    async def check_server(self) -> None:
        """Return when the server is whole. Raises `Unavailable`; `StandsStill` says what it has lost."""
        missing = await self._missing_attributes()
        if missing:
            raise StandsStill(
                f"Temporal does not know the search attributes {', '.join(missing)} (its database was lost, "
                "or is another one): every START is answered with 503. Run `stopwatch migrate`: it adds them."
            )

    async def _missing_attributes(self) -> list[str]:
        request = ListSearchAttributesRequest(namespace=self._client.namespace)
        try:
            await self._client.service_client.check_health(timeout=ANSWERS_WITHIN)
            known = await self._client.operator_service.list_search_attributes(
                request, timeout=ANSWERS_WITHIN
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise StandsStill(self._no_namespace()) from error
            if error.status in _NOT_ALLOWED:
                return []
            raise Unavailable(f"Temporal did not answer ({error.status.name})") from error
        except RuntimeError as away:  # what the SDK raises while nothing listens at the address
            raise Unavailable("Temporal did not answer") from away
        return [name for name in ATTRIBUTES if name not in known.custom_attributes]

    def _no_namespace(self) -> str:
        name = self._client.namespace
        return (
            f"Temporal has no namespace {name} (its database was lost, or is another one): `temporal "
            f"operator namespace create {name}`, then `stopwatch migrate`."
        )

    async def _current_version(self) -> str:
        """Return the version that gets new runs; empty where none was ever made current."""
        request = DescribeWorkerDeploymentRequest(
            namespace=self._client.namespace, deployment_name=DEPLOYMENT
        )
        try:
            found = await self._client.workflow_service.describe_worker_deployment(
                request, timeout=ANSWERS_WITHIN
            )
        except RPCError as error:
            if error.status in (RPCStatusCode.NOT_FOUND, *_NOT_ALLOWED):
                return ""
            raise Unavailable(f"Temporal did not answer ({error.status.name})") from error
        return found.worker_deployment_info.routing_config.current_deployment_version.build_id


async def _say() -> str:
    address = address_in(os.environ)
    if address is None:
        raise Unavailable("STOPWATCH_TEMPORAL_ADDRESS is not set")
    store = Store.open(os.environ["STOPWATCH_DATABASE_URL"], pool_size=1, application="stopwatch doctor")
    try:
        await TemporalReadiness(await connect(address), Watchers(store).live_builds).check()
    except RuntimeError as away:
        raise Unavailable("Temporal did not answer") from away
    finally:
        await store.close()
    return "taken: the namespace, its search attributes and a worker are there"


def main() -> int:
    """Say whether a START would be taken; 1 where it would not."""
    try:
        sys.stdout.write(f"{asyncio.run(_say())}\n")
    except StopwatchError as why:
        sys.stderr.write(f"{why}\n")
        return 1
    return 0


if __name__ == "__main__":
    # A process that used Temporal's SDK may die while the interpreter shuts down: all work is done here.
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
