"""The strategy that a path names."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from structlog.contextvars import bind_contextvars

from api.http.path_ids import path_id


async def strategy_id_of(strategy_id: Annotated[str, Path()]) -> UUID:
    """Return the id of the path, and name it in the request's log lines."""
    found = path_id(strategy_id)
    bind_contextvars(strategy_id=str(found))
    return found


StrategyId = Annotated[UUID, Depends(strategy_id_of)]
