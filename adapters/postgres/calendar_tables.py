"""Maps the tables of the trading calendar: what the operator says of days, and which files were moved."""

from datetime import date, datetime, time

from sqlalchemy import CheckConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class CalendarDayRow(Base):
    """One thing that the operator says of a day (`domain.operator_days`)."""

    __tablename__ = "calendar_days"
    __table_args__ = (
        CheckConstraint("word IN ('closed', 'open', 'hours')", name="word_known"),
        CheckConstraint("(word = 'hours') = (opens IS NOT NULL AND closes IS NOT NULL)", name="hours_given"),
        CheckConstraint("opens < closes", name="opens_first"),
        CheckConstraint("word = 'hours' OR segment = ''", name="segment_of_hours"),
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True, server_default=sql("''"))
    """Of hours: the segment they are of, empty for all."""
    opens: Mapped[time | None]
    closes: Mapped[time | None]
    source: Mapped[str]
    operator: Mapped[str]
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class CalendarHoursRow(Base):
    """A segment's ordinary hours from a day on, as the operator says (`domain.segment_hours`)."""

    __tablename__ = "calendar_hours"
    __table_args__ = (
        CheckConstraint("opens < closes", name="opens_first"),
        CheckConstraint("mis_cutoff > opens AND mis_cutoff <= closes", name="cutoff_in_hours"),
    )

    since: Mapped[date] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    opens: Mapped[time]
    closes: Mapped[time]
    mis_cutoff: Mapped[time]
    source: Mapped[str]
    operator: Mapped[str]
    written_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class CalendarImportRow(Base):
    """A calendar file that was moved into the table: it is read once."""

    __tablename__ = "calendar_imports"

    digest: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
