"""Names the reasons for which a part that answers refuses a write, with what a person does about each."""

from enum import StrEnum


class PartRefusal(StrEnum):
    """What keeps Postgres or Redis from writing."""

    DISK = "disk"
    MEMORY = "memory"
    READ_ONLY = "read_only"


_WHAT = {
    PartRefusal.DISK: "refuses what is to be written, because it cannot write to its disk",
    PartRefusal.MEMORY: "refuses what is to be written, because its memory is full",
    PartRefusal.READ_ONLY: "refuses what is to be written, because it is read-only",
}
_HELP = {
    PartRefusal.DISK: "Its disk is full, most likely: free space there (old backups, logs, core files; never "
    "the part's own files), or give it more; it goes on by itself.",
    PartRefusal.MEMORY: "Give it more memory (maxmemory), or find out what fills it; it goes on by itself.",
    PartRefusal.READ_ONLY: "It is a standby, or in the middle of a failover: see that the address leads to "
    "the primary.",
}


def refused(refusal: PartRefusal) -> str:
    """Return what the part does: `refuses what is to be written, because …`."""
    return _WHAT[refusal]


def help_with(refusal: PartRefusal) -> str:
    """Return what a person does about it."""
    return _HELP[refusal]
