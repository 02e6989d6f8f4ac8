"""Raises the limit of open files: each connection is one."""

import resource
from contextlib import suppress

WANTED = 65_536
"""A thousand orders at one instant need as many connections, and so do as many clients."""


def allow_open_files() -> int:
    """Raise the process's limit as far as it may; return how many files may be open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return WANTED if soft == resource.RLIM_INFINITY else soft
