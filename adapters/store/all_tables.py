"""Every table there is: what migrations are compared with."""

from adapters.store import notice_tables, tables

METADATA = tables.Base.metadata
assert notice_tables.NoticeRow.metadata is METADATA  # noqa: S101 - importing them is what adds them
