"""Scans for secrets in `make check`: a new text that looks like one fails it until it is reviewed.

`.secrets.baseline` holds reviewed texts that are no secrets (hashes, no text): examples, names of settings,
the passwords of tests. After reviewing what is new, `python -m local.secret_scan --accept` writes it anew.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BASELINE = Path(".secrets.baseline")
# Recorded histories are payloads of tests in base64, the lock is hashes: nothing there was typed by a person.
LEFT_OUT = ("tests/histories/", "requirements.lock", "requirements.image.lock", str(BASELINE))
MEASURED = "bench/results.json"
_COMMIT = re.compile(r"[0-9a-f]{12}")
"""The commit that a figure was measured at, new with each measurement."""
_NOT_OURS = {".venv", ".git", ".stopwatch", "__pycache__", "build", "dist"}


def main(words: Sequence[str]) -> int:
    """Scan the project's files; return 1 when a new text looks like a secret."""
    files = project_files(Path())
    if "--accept" in words:
        BASELINE.write_text(json.dumps(accepted(files), indent=1, sort_keys=True) + "\n")
        sys.stdout.write(f"{BASELINE} is written anew from {len(files)} files.\n")
        return 0
    found = new_secrets(files, json.loads(BASELINE.read_text()))
    for where, kind in found:
        sys.stderr.write(f"{where}: this looks like a secret ({kind}).\n")
    if found:
        sys.stderr.write(
            "Take it out, and replace it wherever it is in use: who can read the repository has it. If it is "
            f"none, `python -m local.secret_scan --accept` notes that in {BASELINE}.\n"
        )
        return 1
    sys.stdout.write(f"Secret scan: nothing new in {len(files)} files.\n")
    return 0


def project_files(root: Path) -> list[str]:
    """Return the files that git tracks; in a tree without git, all but generated ones."""
    asked = subprocess.run(  # noqa: S603 # nosec B607
        ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    names = asked.stdout.splitlines() if asked.returncode == 0 else _walked(root)
    return [name for name in names if not name.startswith(LEFT_OUT) and (root / name).is_file()]


def accepted(files: Sequence[str]) -> dict[str, list[str]]:
    """Return the current baseline: hashes of what was found, by file."""
    known: dict[str, set[str]] = {}
    for name, _, _, digest in _scanned(files):
        known.setdefault(name, set()).add(digest)
    return {name: sorted(digests) for name, digests in known.items()}


def new_secrets(files: Sequence[str], baseline: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return the places and kinds of texts that look like secrets and are not in the baseline."""
    return [
        (f"{name}:{line}", kind)
        for name, line, kind, digest in _scanned(files)
        if digest not in baseline.get(name, ())
    ]


def _scanned(files: Sequence[str]) -> list[tuple[str, int, str, str]]:
    # A tool of the checks, not of the product: imported where it is used.
    from detect_secrets.core.secrets_collection import SecretsCollection
    from detect_secrets.settings import default_settings

    found = SecretsCollection()
    with default_settings():
        found.scan_files(*files, num_processors=2)
    return sorted(
        (name, secret.line_number, secret.type, secret.secret_hash)
        for name, secret in found
        if not (name == MEASURED and _COMMIT.fullmatch(str(secret.secret_value)))
    )


def _walked(root: Path) -> list[str]:
    paths = (path.relative_to(root) for path in sorted(root.rglob("*")))
    return [str(path) for path in paths if not _NOT_OURS & set(path.parts)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
