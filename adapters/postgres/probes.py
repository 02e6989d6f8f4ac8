"""Keeps the verdicts of probes: which account may have stops at the exchange with real orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.probe_tables import ProbeRow
from adapters.postgres.user_tables import BrokerKeys, account_name

_MAY_WRITE = text("SELECT has_table_privilege('stop_probes', 'INSERT')")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a probe showed. `expectations`: the digest of what it was held against."""

    user_id: UUID
    account: str
    kite_root: str
    live: bool
    passed: bool
    expectations: str
    symbol: str
    rounds: int
    differences: Sequence[str]
    answers: str
    operator: str


async def may_write(session: AsyncSession) -> bool:
    """Tell whether this role may keep a verdict: the schema's owner alone."""
    return bool(await session.scalar(_MAY_WRITE))


async def keep(session: AsyncSession, verdict: Verdict) -> None:
    """Write a verdict; the newest of an account decides."""
    session.add(
        ProbeRow(
            probe_id=uuid4(),
            user_id=verdict.user_id,
            account=verdict.account,
            kite_root=verdict.kite_root,
            live=verdict.live,
            passed=verdict.passed,
            expectations=verdict.expectations,
            symbol=verdict.symbol,
            rounds=verdict.rounds,
            differences=list(verdict.differences),
            answers=verdict.answers,
            operator=verdict.operator,
        )
    )
    await session.flush()


async def passed_live(session: AsyncSession, user_id: UUID, expectations: str) -> bool:
    """Tell whether the newest live probe of the account that is connected now was passed.

    One that was held against another table says nothing.
    """
    connected = (
        await session.execute(
            select(BrokerKeys.broker, BrokerKeys.broker_user_id).where(BrokerKeys.user_id == user_id)
        )
    ).one_or_none()
    if connected is None:
        return False
    query = (
        select(ProbeRow.passed, ProbeRow.expectations)
        .where(ProbeRow.user_id == user_id, ProbeRow.live, ProbeRow.account == account_name(*connected))
        .order_by(ProbeRow.probed_at.desc())
        .limit(1)
    )
    newest = (await session.execute(query)).one_or_none()
    return newest is not None and newest.passed and newest.expectations == expectations
