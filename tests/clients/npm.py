"""npm, installed when it is missing and may be; packages at the versions of the lock beside this file."""

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


class NoNpm(Exception):
    """There is no npm, and it could not be installed."""


def installed(into: Path) -> Path:
    """Install the lock's packages into a directory and return it. Raises `NoNpm`."""
    npm = _npm()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, into / name)
    words = [npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(words, cwd=into, check=True, timeout=300)
    return into


def ran(packages: Path, *words: str) -> str:
    """Run a program of these packages and return what it says; it may fail."""
    program = packages / "node_modules" / ".bin" / words[0]
    done = subprocess.run(
        [program, *words[1:]], cwd=packages, capture_output=True, text=True, timeout=300, check=False
    )
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def _npm() -> str:
    found = shutil.which("npm")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for words in (["update"], ["install", "--yes", "--no-install-recommends", "npm"]):
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(
                ["apt-get", *words], env=environment, capture_output=True, timeout=300, check=False
            )
        found = shutil.which("npm")
    if found is None:
        raise NoNpm("the app's types were NOT checked: there is no npm, and apt-get could not install one")
    return found
