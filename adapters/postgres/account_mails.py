"""Stores mails about accounts: asked for by the API, decided, claimed and settled by the worker.

The worker makes a link's token in the transaction that claims its mail, and stores the hash: no other
process, no row, no payload of Temporal and no log ever holds the token.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.account_mail_tables import AccountMailRow, MailState, MailTokenRow
from adapters.postgres.audit import audit
from adapters.postgres.engine import Store, act_as, set_for_now
from adapters.postgres.outbox import NOW
from adapters.postgres.user_tables import User
from domain.account_mail import MAIL_KEPT, TOKEN_LIVES, AskedMail, MailPurpose, mail_to_send
from domain.audit import Action, AuditLine, Role
from domain.notification import Delivery, NotificationStatus, settled

_ASK = text("INSERT INTO account_mails (email, purpose) VALUES (:email, :purpose)")
"""Not the table's own insert: that asks for the new row's key, and the API may not read it."""
_TOKEN_BYTES = 32
_LOOKED_AT = 50
"""Wishes that are looked at in one step: those for addresses without an account hold up no other."""


class MailRequests:
    """Mails that the API asks for. It says for which address, and reads nothing of them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def are_sent(self) -> bool:
        """Tell whether a worker sends them."""
        return bool(await self._session.scalar(select(MailState.sends)))

    async def ask(self, email: str, purpose: MailPurpose) -> None:
        """Ask for a mail to an address in its normal form, whether or not it has an account."""
        await self._session.execute(_ASK, {"email": email, "purpose": purpose.value})


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """Whose link a token is of, and where it was mailed."""

    user_id: UUID
    email: str


class MailTokens:
    """Tokens of mailed links, for the API, which finds one by its hash alone."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def owner(self, token_hash: bytes, purpose: MailPurpose) -> TokenOwner | None:
        """Return whose it is while it is good; the unit of work continues as that user."""
        await set_for_now(self._session, "app.token", token_hash.hex())
        query = select(MailTokenRow.user_id, MailTokenRow.email).where(*_good(token_hash, purpose))
        row = (await self._session.execute(query)).one_or_none()
        if row is None:
            return None
        await act_as(self._session, row.user_id)
        return TokenOwner(row.user_id, row.email)

    async def use_up(self, token_hash: bytes, purpose: MailPurpose) -> bool:
        """Delete a good token and tell whether it was there: of two that use it at once, one has used it."""
        gone = delete(MailTokenRow).where(*_good(token_hash, purpose)).returning(MailTokenRow.user_id)
        return (await self._session.execute(gone)).scalar_one_or_none() is not None

    async def end_all(self, user_id: UUID) -> None:
        """Make every link that was mailed to a user worthless."""
        await self._session.execute(delete(MailTokenRow).where(MailTokenRow.user_id == user_id))


def _good(token_hash: bytes, purpose: MailPurpose) -> tuple[Any, ...]:
    return (
        MailTokenRow.token_hash == token_hash,
        MailTokenRow.purpose == purpose.value,
        MailTokenRow.expires_at > NOW,
    )


def mail_token_hash(token: str) -> bytes:
    """Return what is stored of a link's token."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A mail that this worker sends now; `token` is None where it has no link."""

    mail_id: UUID
    email: str
    purpose: MailPurpose
    token: str | None = field(repr=False)
    attempts: int


class PostgresAccountMails:
    """The worker's side, for its role. Every method raises `StoreUnavailable`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def announce(self, sends: bool) -> None:
        """Write down whether mails are sent, where that has changed."""
        async with self._store.work() as session:
            await session.execute(update(MailState).where(MailState.sends != sends).values(sends=sends))

    async def any_due(self) -> bool:
        """Tell whether something is to be sent: cheap, since it is asked often."""
        async with self._store.statement() as connection:
            return bool(await connection.scalar(select(_due(1).exists())))

    async def claim(self, most: int) -> Sequence[ClaimedMail]:
        """Claim what is due, committed before anything is sent; drop what is not to be mailed."""
        async with self._store.work() as session:
            # One at a time counts how many mails an address has had.
            await session.execute(select(MailState.one).with_for_update())
            claimed: list[ClaimedMail] = []
            for row in await session.scalars(_due(_LOOKED_AT).with_for_update(skip_locked=True)):
                mail = await _decided(session, row)
                claimed += [mail] if mail is not None else []
                if len(claimed) == most:
                    break
        return claimed

    async def settle(self, mail: ClaimedMail, delivery: Delivery) -> None:
        """Write the outcome of a try; one that certainly did not arrive is due again, later and later."""
        end = settled(delivery, mail.attempts)
        change = (
            update(AccountMailRow)
            .where(AccountMailRow.mail_id == mail.mail_id, AccountMailRow.attempts == mail.attempts)
            .values(status=end.status, due_at=NOW + (end.pause or timedelta()))
        )
        async with self._store.work() as session:
            await session.execute(change)

    async def forget(self) -> None:
        """Delete mails of more than an hour ago, and tokens that are good no more."""
        old = func.coalesce(AccountMailRow.claimed_at, AccountMailRow.asked_at) < NOW - MAIL_KEPT
        async with self._store.work() as session:
            await session.execute(delete(AccountMailRow).where(old, _OLD))
            # Without asking which they were: the worker reads no token's hash.
            expired = delete(MailTokenRow).where(MailTokenRow.expires_at < NOW)
            await session.execute(expired.execution_options(synchronize_session=False))


async def _decided(session: AsyncSession, row: AccountMailRow) -> ClaimedMail | None:
    query = select(User.user_id, User.verified_at).where(User.email == row.email, User.deleted_at.is_(None))
    user = (await session.execute(query)).one_or_none()
    verified = user.verified_at is not None if user is not None else None
    lately = (await session.execute(_sent_lately(row))).scalar_one()
    purpose = mail_to_send(AskedMail(MailPurpose(row.purpose), verified, lately))
    if purpose is None or user is None:
        row.status = NotificationStatus.FAILED
        return None
    row.status, row.sent_as, row.attempts = NotificationStatus.SENDING, purpose.value, row.attempts + 1
    row.claimed_at = await session.scalar(select(NOW))
    token = await _new_token(session, user.user_id, row.email, purpose)
    await session.flush()
    if purpose is MailPurpose.RESET:
        why = "a link for a new password is mailed"
        line = AuditLine(user.user_id, Action.PASSWORD_RESET_MAILED, Role.WORKER, "worker", reason=why)
        await audit(session, line)
    return ClaimedMail(row.mail_id, row.email, purpose, token, row.attempts)


async def _new_token(session: AsyncSession, user_id: UUID, email: str, purpose: MailPurpose) -> str | None:
    lives = TOKEN_LIVES.get(purpose)
    if lives is None:
        return None
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    await session.execute(
        insert(MailTokenRow).values(
            token_hash=mail_token_hash(token),
            user_id=user_id,
            purpose=purpose.value,
            email=email,
            expires_at=NOW + lives,
        )
    )
    return token


def _due(most: int) -> Any:
    return (
        select(AccountMailRow)
        .where(AccountMailRow.status == NotificationStatus.WAITING, AccountMailRow.due_at <= NOW, ~_OLD)
        .order_by(AccountMailRow.due_at)
        .limit(most)
    )


def _sent_lately(row: AccountMailRow) -> Any:
    return select(func.count()).where(
        AccountMailRow.email == row.email,
        AccountMailRow.mail_id != row.mail_id,
        AccountMailRow.sent_as.in_([purpose.value for purpose in TOKEN_LIVES]),
        AccountMailRow.claimed_at > NOW - MAIL_KEPT,
    )


_OLD = AccountMailRow.asked_at < NOW - MAIL_KEPT
