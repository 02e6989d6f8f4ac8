"""Every table there is: what migrations are compared with."""

from adapters.postgres import notification_tables as notice_tables
from adapters.postgres import tables

METADATA = tables.Base.metadata
assert notice_tables.NotificationRow.metadata is METADATA  # noqa: S101 - importing them is what adds them
