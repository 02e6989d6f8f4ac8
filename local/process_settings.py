"""The user's settings for `up`: a given address or secret replaces an embedded or generated one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "STOPWATCH_"


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """The STOPWATCH_ settings of the environment and of `.env`, without the prefix."""

    settings: Mapping[str, str] = field(repr=False)

    def get(self, name: str) -> str | None:
        """Return a setting; an empty one counts as not given."""
        return self.settings.get(name) or None


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of `stopwatch up`."""

    data_dir: Path
    host: str
    """The IPv4 address of this machine at which the API listens."""
    port: int
    workers: int
    listeners: int
    demo: bool
    given: ProcessSettings
    # The environment the processes inherit, without settings that are not for all of them.
    environment: Mapping[str, str] = field(repr=False)
