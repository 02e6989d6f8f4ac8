"""Runs the dependency audit of `make check`: known vulnerabilities fail it; missing data is reported.

pip-audit without access to the data prints "no known vulnerabilities" unless it is strict: a green audit then
means nothing, so what could not be looked up is SKIPPED, never passed.
"""

import json
import subprocess
import sys
from pathlib import Path

_COMMAND = ("--strict", "--disable-pip", "--require-hashes", "--progress-spinner", "off", "-f", "json")


def main(lock: str = "requirements.lock") -> int:
    """Audit the lock; return 1 when a package in it is known to be vulnerable."""
    audit = Path(sys.executable).with_name("pip-audit")
    done = subprocess.run(  # noqa: S603 - our own environment's tool on our own file
        [str(audit), *_COMMAND, "-r", lock], capture_output=True, text=True, check=False
    )
    vulnerable = _vulnerable(done.stdout)
    if vulnerable:
        sys.stderr.write(f"Known vulnerabilities: {', '.join(vulnerable)}. Move to versions without them.\n")
        return 1
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
        sys.stdout.write(f"Dependency audit SKIPPED, its data cannot be reached here: {reason}\n")
        return 0
    sys.stdout.write("Dependency audit: no known vulnerabilities.\n")
    return 0


def _vulnerable(report: str) -> list[str]:
    try:
        dependencies = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return []
    return [f"{found['name']} {found['version']}" for found in dependencies if found.get("vulns")]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
