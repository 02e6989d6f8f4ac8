"""Keeps the memory of processes that hold secrets off the disk and away from other processes."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def no_core_dumps() -> None:
    """Leave no core file when this process or a child of it crashes: its memory holds opened keys."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def untraceable() -> None:
    """Let no other process of the same user read this one's memory or environment; Linux only.

    Also keeps the image from a `core_pattern` that is a program: the kernel does not ask the limit there.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
