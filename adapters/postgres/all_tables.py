"""Imports every table, for the comparison with the migrations."""

from adapters.postgres import (
    account_mail_tables,
    audit_tables,
    book_tables,
    calendar_tables,
    isin_tables,
    limit_tables,
    notification_tables,
    operation_tables,
    probe_tables,
    reading_tables,
    series_tables,
    tables,
    user_tables,
    watch_tables,
)
from adapters.postgres.table_base import Base

METADATA = Base.metadata
for _row in (
    account_mail_tables.AccountMailRow,
    audit_tables.AuditRow,
    book_tables.FinishedRoundRow,
    calendar_tables.CalendarDayRow,
    isin_tables.IsinRow,
    limit_tables.BreachRow,
    notification_tables.NotificationRow,
    operation_tables.WorkerRow,
    probe_tables.ProbeRow,
    reading_tables.AccountReadRow,
    series_tables.SeriesRow,
    tables.StrategyRow,
    user_tables.User,
    watch_tables.ListenerRow,
):
    assert _row.metadata is METADATA  # noqa: S101 - importing them is what adds them
