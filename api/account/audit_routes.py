"""`/account/audit`: what was done in your name, by whom and from where; yours to read, to keep, to check."""

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from adapters.postgres.audit import BATCH, AuditReader
from api.account.schemas import AuditOut, AuditPage
from api.auth.identity import UserId
from api.dependencies import Dependencies, DependenciesDep
from api.http.cursors import Cursor, Cursors, Limit
from api.http.json_answer import json_response, to_json
from api.http.limits import limited
from domain.audit import AuditEntry

JSON_LINES = "application/x-ndjson"
router = APIRouter(prefix="/account/audit", tags=["account"])


@router.get("", responses={200: {"model": AuditPage}})
async def page(user_id: UserId, deps: DependenciesDep, limit: Limit, cursor: Cursor = None) -> Response:
    """Your lines of the audit log, newest first."""
    cursors = Cursors(user_id, "audit")
    before = cursors.number(cursor)
    async with deps.store.read(user_id) as session:
        found = await AuditReader(session, user_id).newest(limit + 1, before)
    following = cursors.number_text(found[limit - 1].seq) if len(found) > limit else None
    return json_response(AuditPage(items=[shown(entry) for entry in found[:limit]], next=following))


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {JSON_LINES: {"schema": {"type": "string"}}}}},
    dependencies=[limited("GET /account/audit/export")],
)
async def export(user_id: UserId, deps: DependenciesDep) -> Response:
    """All your lines, oldest first, one JSON object a line: with the hashes, to check without us."""
    name = 'attachment; filename="stopwatch-audit.jsonl"'
    first = await _after(deps, user_id, 0)  # so that a store that is away is an answer, not a broken stream
    return StreamingResponse(
        _lines(deps, user_id, first), media_type=JSON_LINES, headers={"Content-Disposition": name}
    )


async def _lines(deps: Dependencies, user_id: UUID, batch: list[AuditEntry]) -> AsyncIterator[bytes]:
    while batch:
        yield b"".join(to_json(shown(entry)) + b"\n" for entry in batch)
        batch = await _after(deps, user_id, batch[-1].seq) if len(batch) == BATCH else []


async def _after(deps: Dependencies, user_id: UUID, seq: int) -> list[AuditEntry]:
    async with deps.store.read(user_id) as session:
        return await AuditReader(session, user_id).after(seq, BATCH)


def shown(entry: AuditEntry) -> AuditOut:
    """Return a line as its user sees it: all of it, the hashes in hexadecimal."""
    values = {name: getattr(entry, name) for name in AuditOut.model_fields}
    return AuditOut(**values | {"prev_hash": entry.prev_hash.hex(), "hash": entry.hash.hex()})
