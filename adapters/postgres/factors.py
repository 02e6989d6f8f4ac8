"""Stores second factors: a user's one-time codes and recovery codes, each accepted once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, Update, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.user_tables import RecoveryCode, SecondFactorRow


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What is stored of a user's one-time codes. It counts once it is confirmed."""

    secret: bytes = field(repr=False)
    confirmed_at: datetime | None


class SecondFactors:
    """The second factor of one user."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def get(self) -> SecondFactor | None:
        columns = (SecondFactorRow.secret, SecondFactorRow.confirmed_at)
        found = await self._session.execute(select(*columns).where(SecondFactorRow.user_id == self._user_id))
        row = found.one_or_none()
        return SecondFactor(*row) if row else None

    async def begin(self, secret: bytes) -> bool:
        """Store a sealed secret to be confirmed, replacing an unconfirmed one; False where one counts."""
        new = insert(SecondFactorRow).values(user_id=self._user_id, secret=secret)
        statement = new.on_conflict_do_update(
            index_elements=[SecondFactorRow.user_id],
            set_={"secret": secret, "last_step": None},
            where=SecondFactorRow.confirmed_at.is_(None),
        ).returning(SecondFactorRow.user_id)
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def confirm(self, secret: bytes, now: datetime, code_hashes: Iterable[bytes]) -> bool:
        """Activate the secret, with these recovery codes; False where it was confirmed or replaced before."""
        statement = (
            update(SecondFactorRow)
            .where(self._mine, SecondFactorRow.secret == secret, SecondFactorRow.confirmed_at.is_(None))
            .values(confirmed_at=now)
            .returning(SecondFactorRow.user_id)
        )
        if (await self._session.execute(statement)).scalar_one_or_none() is None:
            return False
        await self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == self._user_id))
        rows = [{"user_id": self._user_id, "code_hash": code_hash} for code_hash in code_hashes]
        await self._session.execute(insert(RecoveryCode).values(rows))
        return True

    async def take_step(self, step: int) -> bool:
        """Record that the code of a time step was used; False where it, or a later one, was used before."""
        statement = (
            update(SecondFactorRow)
            .where(self._mine, or_(SecondFactorRow.last_step.is_(None), SecondFactorRow.last_step < step))
            .values(last_step=step)
        )
        return await self._changed(statement)

    async def take_recovery_code(self, code_hash: bytes, now: datetime) -> bool:
        """Use up a recovery code; False where it does not exist or was used before."""
        statement = (
            update(RecoveryCode)
            .where(
                RecoveryCode.user_id == self._user_id,
                RecoveryCode.code_hash == code_hash,
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=now)
        )
        return await self._changed(statement)

    async def reseal(self, secret: bytes) -> None:
        """Store the same secret, sealed under today's key."""
        await self._session.execute(update(SecondFactorRow).where(self._mine).values(secret=secret))

    async def remove(self) -> None:
        """Delete the second factor: logins need no code any more."""
        await self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == self._user_id))
        await self._session.execute(delete(SecondFactorRow).where(self._mine))

    @property
    def _mine(self) -> Any:
        return SecondFactorRow.user_id == self._user_id

    async def _changed(self, statement: Update) -> bool:
        result = await self._session.execute(statement)
        assert isinstance(result, CursorResult)  # noqa: S101
        return result.rowcount > 0
