"""Is the process alive, can it do its work, and its numbers."""

import asyncio

import structlog
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from api.answer import json_response
from api.errors import Away, FieldError
from api.metrics import CONTENT_TYPE
from api.parts import PartsDep
from api.ports import Check

CHECK_SECONDS = 2.0
router = APIRouter(tags=["health"])
_log = structlog.get_logger(__name__)


@router.get("/health/live")
async def live() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


@router.get("/health/ready")
async def ready(parts: PartsDep) -> Response:
    """Every dependency answers; 503 names those that do not."""
    names = list(parts.checks)
    answers = await asyncio.gather(*(_answers(name, parts.checks[name]) for name in names))
    missing = [name for name, answered in zip(names, answers, strict=True) if not answered]
    if missing:
        away = Away(f"Not answering: {', '.join(missing)}.")
        away.errors = tuple(FieldError(name, "unavailable", "does not answer") for name in missing)
        raise away
    return json_response({"status": "ok", "checks": dict.fromkeys(names, "ok")})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE)


async def _answers(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception as error:  # whatever is wrong with it, it is not ready
        _log.warning("not ready", part=name, kind=type(error).__name__)
        return False
    return True
