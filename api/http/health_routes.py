"""Is the process alive, can it do its work, and its numbers."""

import asyncio
from collections.abc import Sequence

import structlog
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from api.dependencies import DependenciesDep
from api.http.errors import problem_of
from api.http.json_answer import json_response
from api.http.metrics import CONTENT_TYPE
from api.http.ports import Check
from domain.errors import StandsStill, Unavailable
from domain.part_refusal import help_with, refused
from services.errors import FieldError, TryLater

CHECK_SECONDS = 2.0
router = APIRouter(tags=["health"])
_log = structlog.get_logger(__name__)


@router.get("/health/live")
async def live() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


@router.get("/health/ready")
async def ready(deps: DependenciesDep) -> Response:
    """Every dependency answers, a START would be taken, the reconciler goes round; 503 names what does not.

    Not for a balancer: STOP works while Redis is away. It asks `/health/live`.
    """
    names = list(deps.checks)
    found = await asyncio.gather(*(_ill(name, deps.checks[name]) for name in names))
    ill = [one for one in found if one is not None]
    if ill:
        problem = problem_of(TryLater(_words(ill)))
        problem.errors = tuple(ill)
        raise problem
    return json_response({"status": "ok", "checks": dict.fromkeys(names, "ok")})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


async def _ill(name: str, check: Check) -> FieldError | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except StandsStill as still:
        _log.warning("not ready", part=name, why=str(still))
        return FieldError(name, still.code, str(still))
    except Unavailable as away:
        _log.warning("not ready", part=name, why=str(away))
        if away.refusal is not None:
            words = f"{name} {refused(away.refusal)}. {help_with(away.refusal)}"
            return FieldError(name, "refuses", words[:1].upper() + words[1:])
        return FieldError(name, "unavailable", "does not answer")
    except Exception as error:  # whatever is wrong with it, it is not ready
        _log.warning("not ready", part=name, kind=type(error).__name__)
        return FieldError(name, "unavailable", "does not answer")
    return None


def _words(ill: Sequence[FieldError]) -> str:
    away = ", ".join(one.field for one in ill if one.code == "unavailable")
    still = [one.message for one in ill if one.code != "unavailable"]
    return " ".join([*([f"Not answering: {away}."] if away else []), *still])
