"""The tables of people: their logins, their second factor, and their broker account."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    LargeBinary,
    Sequence,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class User(Base):
    """`email` is stored in its normal form: one address, one account.

    A deleted user's row stays without anything personal, since orders and days name it: a pseudonym.
    """

    __tablename__ = "users"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    verified_at: Mapped[datetime | None]
    """When its user proved that mail to it reaches them; before, only the question is mailed there."""
    deleted_at: Mapped[datetime | None]


class LoginRow(Base):
    """One login of one device, from its password to its end: what the app shows as a session."""

    __tablename__ = "logins"

    login_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When its tokens were renewed last."""
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str | None]
    """Where it was used last."""
    network: Mapped[str | None]
    """The same as limits count it: of IPv6 the /64."""
    agent: Mapped[str | None]
    """What the device calls itself, shortened."""


class RefreshSession(Base):
    """One refresh token of a login: opaque, stored as its SHA-256, replaced on use."""

    __tablename__ = "sessions"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    family_id: Mapped[UUID] = mapped_column(ForeignKey("logins.login_id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]


class EndedLogin(Base):
    """A login that ended recently, while its access tokens may still be in use.

    It belongs to no user: every API process reads the few newest rows.
    """

    __tablename__ = "ended_logins"

    login_id: Mapped[UUID] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)


class SecondFactorRow(Base):
    """A user's one-time codes (RFC 6238): asked for at login from `confirmed_at` on."""

    __tablename__ = "second_factors"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed for this row; the API opens it."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    """The newest half minute whose code was taken: neither it nor an older one is taken again."""


class RecoveryCode(Base):
    """A code that stands in for a lost device, once; stored as its SHA-256."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime | None]


LOGIN_VERSIONS = Sequence("login_versions", metadata=Base.metadata)
"""Numbers all logins: an account that is forgotten and connected anew does not begin at one again."""


def account_name(broker: str, broker_user_id: str) -> str:
    """Return the name of a broker account in orders and STARTs: `zerodha:AB1234`."""
    return f"{broker}:{broker_user_id}"


class BrokerKeys(Base):
    """A user's broker account. Secrets are sealed to the server's public key and bound to this row."""

    __tablename__ = "broker_keys"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    broker: Mapped[str]
    broker_user_id: Mapped[str]
    user_name: Mapped[str]
    api_key: Mapped[bytes] = mapped_column(LargeBinary)
    api_secret: Mapped[bytes] = mapped_column(LargeBinary)
    access_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    login_key: Mapped[bytes] = mapped_column(LargeBinary)
    """The api_key again, in a form the API itself can open: Kite's login link carries it in clear."""
    login_version: Mapped[int] = mapped_column(server_default=LOGIN_VERSIONS.next_value())
    """No other login ever has this number: what is noted of an old one says nothing of a new one."""
    login_dead: Mapped[bool] = mapped_column(server_default=sql("false"))
    connected_at: Mapped[datetime]
    token_expires_at: Mapped[datetime | None]
    has_quotes: Mapped[bool | None]
    """Whether its app may ask for prices: a plan without data may not. NULL where that is not known."""
