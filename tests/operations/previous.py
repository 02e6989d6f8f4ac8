"""The version before this one: the code from before the newest migration, out of the repository's history."""

import io
import subprocess
import tarfile
from pathlib import Path

from tests.operations.site import ROOT

VERSIONS = "migrations/versions"


class NoHistory(Exception):
    """The checkout does not go back to the version before; fails the test."""


def newest_migration() -> str:
    """Return the path of the newest migration, in the repository."""
    return max(str(path.relative_to(ROOT)) for path in (ROOT / VERSIONS).glob("[0-9]*.py"))


def unpacked(directory: Path) -> Path:
    """Put the code from before the newest migration there. Raises `NoHistory`."""
    if _git("rev-parse", "--is-shallow-repository") == b"true\n":
        _git("fetch", "--unshallow")
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", newest_migration()).decode().strip()
    archive = _git("archive", f"{added}^") if added else b""
    if not archive:
        raise NoHistory(
            f"the history here does not go back to the commit that added {newest_migration()}, so old code "
            "was NOT run on the new schema: check out the whole history (git fetch --unshallow)"
        )
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    assert not (directory / newest_migration()).exists()
    return directory


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False).stdout
