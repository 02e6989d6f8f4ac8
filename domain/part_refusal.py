"""Names the reasons for which a part that answers refuses us, with what a person does about each."""

from enum import StrEnum


class PartRefusal(StrEnum):
    """What keeps Postgres or Redis from letting us in, or from writing."""

    DISK = "disk"
    MEMORY = "memory"
    READ_ONLY = "read_only"
    LOGIN = "login"


_WHAT = {
    PartRefusal.DISK: "refuses what is to be written, because it cannot write to its disk",
    PartRefusal.MEMORY: "refuses what is to be written, because its memory is full",
    PartRefusal.READ_ONLY: "refuses what is to be written, because it is read-only",
    PartRefusal.LOGIN: "refuses the login: the password in the address is not the user's, or there is no "
    "such user",
}
_HELP = {
    PartRefusal.DISK: "Its disk is full, most likely: free space there (old backups, logs, core files; never "
    "the part's own files), or give it more; it goes on by itself.",
    PartRefusal.MEMORY: "Give it more memory (maxmemory), or find out what fills it; it goes on by itself.",
    PartRefusal.READ_ONLY: "It is a standby, or in the middle of a failover: see that the address leads to "
    "the primary.",
    PartRefusal.LOGIN: "Compare the address in the settings with the server's users: `stopwatch migrate` "
    "gives the roles of Postgres the passwords of the settings; the users of Redis are those of its file.",
}


def refused(refusal: PartRefusal) -> str:
    """Return what the part does: `refuses what is to be written, because …`."""
    return _WHAT[refusal]


def help_with(refusal: PartRefusal) -> str:
    """Return what a person does about it."""
    return _HELP[refusal]
