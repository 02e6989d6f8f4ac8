"""Debian's Chromium, installed when it is missing and may be."""

import os
import shutil
import subprocess

FLAGS = ["--no-sandbox"]
"""As root Chromium's own sandbox cannot be had; the pages are ours."""


def chromium() -> str | None:
    """Return the path of a Chromium, None where there is none and apt-get cannot install one."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    for words in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", *words], env=environment, capture_output=True, timeout=300, check=False)
    return shutil.which("chromium")
