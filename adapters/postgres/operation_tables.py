"""The tables of operation: workers, the reconciler, outages, backups, drills, turns to ask the broker."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Identity, Index, String, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class WorkerRow(Base):
    """A worker's last heartbeat."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    alive_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    build_id: Mapped[str] = mapped_column(server_default=sql("''"))
    """Its version to Temporal; empty without versions."""


class ReconcilerRound(Base):
    """When the reconciler's last round ended: one row. NULL before the first."""

    __tablename__ = "reconciler_round"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=sql("true"))
    ended_at: Mapped[datetime | None]


class OutageRow(Base):
    """A time in which no worker lived, as the first one after it found. By the database's clock."""

    __tablename__ = "outages"
    __table_args__ = (CheckConstraint("began_at < ended_at", name="begins_before_it_ends"),)

    began_at: Mapped[datetime] = mapped_column(primary_key=True)
    """The last sign of life before it: two workers that start together find the same one."""
    ended_at: Mapped[datetime]


class BackupRow(Base):
    """A backup that was written and verified, as `deploy/backup.sh` or `deploy/base-backup.sh` reports it."""

    __tablename__ = "backups"
    __table_args__ = (
        CheckConstraint("bytes > 0", name="bytes_positive"),
        CheckConstraint("kind IN ('dump', 'base')", name="kind_known"),
        Index("ix_backups_finished_at", "finished_at"),
    )

    backup_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    name: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    finished_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[str] = mapped_column(server_default=sql("'dump'"))
    """A dump of one database, or a base backup of the whole server, which the WAL archive goes on from."""


class WalArchiveRow(Base):
    """How far the WAL archive is, as `deploy/wal-archive.sh` reports it: one row."""

    __tablename__ = "wal_archive"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=sql("true"))
    marked_at: Mapped[datetime | None]
    """When the newest mark was set."""
    marked_lsn: Mapped[str | None]
    """Where in the WAL that was: the archive reaches the mark once it has everything before it."""
    archived_until: Mapped[datetime | None]
    """What was committed before this instant is in the archive. NULL before the first mark was reached."""


class RestoreDrillRow(Base):
    """A restore of the newest backup into a scratch server, and what was wrong with what came out."""

    __tablename__ = "restore_drills"

    drill_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    backup: Mapped[str]
    restored_to: Mapped[datetime | None]
    """The newest commit that came back; NULL where nothing could be restored."""
    faults: Mapped[list[str]] = mapped_column(ARRAY(String), server_default=sql("'{}'"))
    finished_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class QuoteTurnRow(Base):
    """The process that may ask the broker for an account's prices, the last answer, and the turns to read it.

    UNLOGGED: nothing in it is valid for longer than a second.
    """

    __tablename__ = "quote_turns"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    account: Mapped[str] = mapped_column(primary_key=True)
    """A mark of the account's key at the broker, the same for every user."""
    turn: Mapped[int] = mapped_column(BigInteger)
    free_at: Mapped[datetime]
    """From when on the next turn may be taken."""
    login: Mapped[str | None]
    """A mark of the login that asked: what it heard is shared with no other."""
    heard_at: Mapped[datetime | None]
    """When the answer reached the process that asked, or sooner: never later."""
    prices: Mapped[dict[str, Any] | None]
    reads_from: Mapped[datetime | None]
    """Where the next turn to read the account is, were none given at once (`read_turns.py`)."""
