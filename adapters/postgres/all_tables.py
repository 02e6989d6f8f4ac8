"""Imports every table, for the comparison with the migrations."""

from adapters.postgres import notification_tables, tables

METADATA = tables.Base.metadata
assert notification_tables.NotificationRow.metadata is METADATA  # noqa: S101 - importing them is what adds them
