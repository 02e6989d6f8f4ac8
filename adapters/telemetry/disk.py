"""The disk that the parts write to: how much is left of it, and an alarm before nothing is."""

import shutil
from pathlib import Path

from domain.errors import StandsStill

LEAST = 512 * 1024 * 1024
"""Bytes. Below this a part may be refused its next file: Postgres' own log alone grows by 16 MB."""


class Disk:
    """The disk under a directory: that of the data under `up`, else the host's as the process sees it."""

    def __init__(self, directory: Path, least: int = LEAST) -> None:
        self._directory = directory
        self._least = least

    def free(self) -> float:
        """Return the bytes that are left; NaN where that cannot be found out."""
        return self._usage()[1]

    def size(self) -> float:
        """Return the bytes it has in all; NaN where that cannot be found out."""
        return self._usage()[0]

    async def check(self) -> None:
        """Return while enough is left. Raises `StandsStill` with what is left and what to do."""
        free = self.free()
        if free < self._least:  # not where it is unknown
            raise StandsStill(
                f"The disk under {self._directory} is nearly full: {free / 1e6:.0f} MB are left. When none "
                "are, Postgres and Redis refuse what is to be written: nothing is bought. Free space now: "
                "old backups, logs, core files; never the files of a part."
            )

    def _usage(self) -> tuple[float, float]:
        try:
            usage = shutil.disk_usage(self._directory)
        except OSError:
            return float("nan"), float("nan")
        return float(usage.total), float(usage.free)
