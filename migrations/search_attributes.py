"""Registers Temporal's search attributes: a start with an unknown one fails."""

import asyncio

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.temporal.connection import BadCertificate, TemporalAddress, connect
from adapters.temporal.readiness import ATTRIBUTES
from migrations.migration_errors import TemporalRefused

_PATIENCE_SECONDS = 60.0
_AGAIN_SECONDS = 0.5


async def register(server: TemporalAddress) -> None:
    """Add the missing ones; wait for a server that is still starting. Raises `TemporalRefused`."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not await _registered(server):  # noqa: ASYNC110 - another process' state
                await asyncio.sleep(_AGAIN_SECONDS)
    except TimeoutError:
        raise TemporalRefused(
            f"Temporal at {server.target} did not answer within {_PATIENCE_SECONDS:g} s, so its search "
            "attributes are not registered: check STOPWATCH_TEMPORAL_ADDRESS and that the server runs, "
            "then migrate again."
        ) from None


async def _registered(server: TemporalAddress) -> bool:
    try:
        client = await connect(server)
        missing = await _missing(client)
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=server.namespace,
                    search_attributes=dict.fromkeys(missing, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
                )
            )
    except RPCError as error:
        return _already_there_or_raise(error, server)
    except BadCertificate as bad:
        raise TemporalRefused(str(bad)) from None
    except RuntimeError:  # what the SDK raises while nothing listens at the address
        return False
    return True


async def _missing(client: Client) -> list[str]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return [name for name in ATTRIBUTES if name not in answer.custom_attributes]


def _already_there_or_raise(error: RPCError, server: TemporalAddress) -> bool:
    if error.status is RPCStatusCode.ALREADY_EXISTS:
        return True
    if error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.NOT_FOUND):
        return False  # starting: a namespace appears a little after the port does
    raise TemporalRefused(
        f"Temporal at {server.target} refused the search attributes {', '.join(ATTRIBUTES)} "
        f"({error.message}): "
        "add them as Keyword in its own console, or give a key that may."
    ) from error
