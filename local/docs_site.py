"""Builds the documentation as a site in `build/site`, from the pages as they lie in the repository.

The pages keep their places, so that their links hold on both sides: README.md is the site's first page.
A warning of the builder ends it with 1.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from local.links import BESIDE

SOURCE = Path("build/pages")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MORE = ("bench/baseline/README.md",)
"""Pages elsewhere that a page links to."""


def main() -> int:
    """Build it; return 1 where a page has a fault."""
    collect(Path(), SOURCE)
    command = (str(Path(sys.executable).parent / "zensical"), "build", "--strict", "--clean")
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own tool
    if done.returncode:
        sys.stderr.write(_COLOUR.sub("", done.stdout + done.stderr))
        sys.stderr.write("The site is not built: mend what is named, then make docs.\n")
        return 1
    sys.stdout.write("The documentation is built: open build/site/index.html.\n")
    return 0


def collect(root: Path, target: Path) -> None:
    """Copy the pages and their pictures to where the site is built from."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / "docs", target / "docs")
    for name in (*BESIDE, *_MORE):
        page = target / name
        page.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, page)


if __name__ == "__main__":
    sys.exit(main())
