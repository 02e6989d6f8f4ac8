"""Writes the audit log in the transaction of the change it records; reads and verifies it.

Write the line last in the transaction: it locks the user's chain until the commit, and because every
transaction takes that lock last, no two of them can deadlock.
"""

from collections.abc import AsyncIterator, Sequence
from importlib.metadata import version
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.audit_tables import (
    AuditHead,
    AuditRow,
)
from adapters.postgres.engine import Store
from domain.audit import AuditEntry, AuditLine, Broken, ChainCheck, Erasure, Head

BATCH = 500
VERSION = version("stopwatch-trading")
# Not the table's own insert: that asks for the new row's key, and who writes here need not read.
_ADD = text(
    "INSERT INTO audit (user_id, role, actor, action, object, reason, ip, agent, version) "
    "VALUES (:user_id, :role, :actor, :action, :object, :reason, :ip, :agent, :version)"
).bindparams(bindparam("user_id", type_=Uuid()))
_ERASE = text("SELECT erase_audit()")
_ENTRY = tuple(getattr(AuditRow, name) for name in AuditEntry.__dataclass_fields__)


async def audit(session: AsyncSession, line: AuditLine) -> None:
    """Add a line, committed or rolled back with the session's transaction."""
    await session.execute(
        _ADD,
        {
            "user_id": line.user_id,
            "role": line.role.value,
            "actor": line.actor or str(line.user_id or "unknown"),
            "action": line.action.value,
            "object": line.object,
            "reason": line.reason,
            "ip": line.ip,
            "agent": line.agent,
            "version": VERSION,
        },
    )


async def erased(session: AsyncSession, user_id: UUID) -> str:
    """Erase what is personal in a deleted user's lines; return the proof that its last line has to carry.

    It locks the user's chain, as a line does: call it right before that line.
    """
    await session.execute(_ERASE)
    erasure = Erasure()
    query = select(*_ENTRY).where(AuditRow.user_id == user_id).order_by(AuditRow.seq)
    for row in await session.execute(query):
        erasure.add(AuditEntry(*row))
    return erasure.proof()


class AuditReader:
    """One user's lines."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._of_user = select(*_ENTRY).where(AuditRow.user_id == user_id)

    async def newest(self, limit: int, before: int | None = None) -> list[AuditEntry]:
        """Return at most `limit` lines, newest first, from before line `before`."""
        query = self._of_user.order_by(AuditRow.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(AuditRow.seq < before)
        return [AuditEntry(*row) for row in await self._session.execute(query)]

    async def after(self, seq: int, limit: int) -> list[AuditEntry]:
        """Return at most `limit` lines, oldest first, that come after line `seq`."""
        query = self._of_user.where(AuditRow.seq > seq).order_by(AuditRow.seq).limit(limit)
        return [AuditEntry(*row) for row in await self._session.execute(query)]


class AuditCheck:
    """Recomputes every chain. Needs a role that may read the whole log: the schema's owner."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self, anchors: Sequence[Head] = ()) -> tuple[list[Head], list[Broken]]:
        """Return the heads as they are now, and the first broken link of each chain that has one.

        `anchors` are heads of an earlier check, kept elsewhere: a chain that was written anew from its
        beginning, heads included, no longer passes through them.
        """
        async with self._store.read() as session:
            # One snapshot for all of it: lines added during the check are left out.
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            heads = [Head(row.chain, row.seq, row.hash) for row in await session.scalars(select(AuditHead))]
            known = {head.chain: head for head in heads}
            chains = known.keys() | set(await session.scalars(select(AuditRow.chain).distinct()))
            broken = [await _check(session, chain, known.get(chain), anchors) for chain in sorted(chains)]
        lost = [
            Broken(anchor.chain, 1, f"the chain had {anchor.seq} lines at an earlier check, and is gone")
            for anchor in anchors
            if anchor.chain not in chains
        ]
        return sorted(heads, key=lambda head: head.chain), [found for found in broken if found] + lost


async def _check(
    session: AsyncSession, chain: str, head: Head | None, anchors: Sequence[Head]
) -> Broken | None:
    check = ChainCheck(chain)
    kept = {anchor.seq: anchor.hash for anchor in anchors if anchor.chain == chain}
    last = 0
    async for entry in _lines(session, chain):
        check.follow(entry)
        last = entry.seq
        if kept.pop(entry.seq, entry.hash) != entry.hash and check.broken is None:
            return Broken(chain, entry.seq, "an earlier check saw another line here: it was written anew")
    broken = check.end(head)
    if broken is None and kept:
        return Broken(chain, last + 1, f"an earlier check saw {max(kept)} lines: the end was removed")
    return broken


async def _lines(session: AsyncSession, chain: str) -> AsyncIterator[AuditEntry]:
    last = 0
    while True:
        query = select(*_ENTRY).where(AuditRow.chain == chain, AuditRow.seq > last)
        rows = (await session.execute(query.order_by(AuditRow.seq).limit(BATCH))).all()
        for row in rows:
            yield AuditEntry(*row)
        if len(rows) < BATCH:
            return
        last = rows[-1].seq
