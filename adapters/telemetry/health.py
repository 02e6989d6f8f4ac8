"""Defines how a process is asked for its health."""

from collections.abc import Awaitable, Callable, Mapping

Ill = Callable[[], Awaitable[Mapping[str, str]]]
"""Says which part is ill and why, by name; empty while all is well. Never raises."""
