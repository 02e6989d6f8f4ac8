"""The checks of `make check` find what they are for: a secret, a dangerous call, an unpinned package."""

import json
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from local.secret_scan import accepted, new_secrets, project_files

ROOT = Path(__file__).parent.parent.parent


def planted_secrets() -> dict[str, str]:
    # Made here: written out, they would be found in this file.
    letters = "".join(secrets.choice("ABCDEFGHIJKLMNOP234567") for _ in range(16))
    return {
        "aws": f"AWS_ACCESS_KEY_ID = 'AKIA{letters}'",
        "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
        "url": f"DATABASE = 'postgresql://stopwatch:{letters}@db.internal/stopwatch'",
        "keyword": f"api_secret = '{secrets.token_urlsafe(24)}'",
        "token": f"headers = {{'x': '{secrets.token_hex(32)}'}}",
    }


@pytest.mark.parametrize("kind", planted_secrets())
def test_a_planted_secret_is_found_until_somebody_has_looked_at_it(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "planted.py"
    file.write_text(planted_secrets()[kind] + "\n")
    found = new_secrets([str(file)], {})
    assert [where for where, _ in found][:1] == [f"{file}:1"]
    assert new_secrets([str(file)], accepted([str(file)])) == []


def test_the_scan_reads_what_people_write() -> None:
    files = set(project_files(ROOT))
    assert {"settings.py", "docker-compose.yml", "Makefile", ".env.example", "README.md"} <= files
    assert len([name for name in files if name.startswith("tests/")]) > 100
    assert not [name for name in files if name.startswith((".venv/", "tests/histories/"))]


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run(command, shell=True)",
        "import pickle\npickle.loads(data)",
        "eval(text)",
        "import hashlib\nhashlib.md5(password)",
        "import requests\nrequests.get(url, verify=False)",
        "import yaml\nyaml.load(text)",
    ],
)
def test_bandit_with_our_settings_finds_a_planted_dangerous_call(source: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(source + "\n")
    bandit = Path(sys.executable).with_name("bandit")
    done = subprocess.run(
        [bandit, "-q", "-c", ROOT / "pyproject.toml", "-r", tmp_path], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout


def locked(name: str) -> dict[str, list[str]]:
    """Return what a lock names, as name==version, and the hashes of each."""
    lock = (ROOT / name).read_text()
    assert "://" not in lock
    blocks = [block for block in re.split(r"\n(?=[a-z0-9])", lock) if re.match(r"[a-z0-9]", block)]
    pinned = {}
    for block in blocks:
        named = re.match(r"([\w.\-]+)(?:\[[\w,]+\])?==(\S+) ", block)
        assert named, block[:60]
        pinned["==".join(named.groups())] = re.findall(r"--hash=sha256:(\w+)", block)
        assert all(pinned.values()), block[:60]
    return pinned


@pytest.mark.parametrize(("lock", "least"), [("requirements.lock", 150), ("requirements.image.lock", 80)])
def test_every_package_is_pinned_by_hash_and_comes_from_no_named_index(lock: str, least: int) -> None:
    assert len(locked(lock)) > least


def test_the_image_gets_what_was_tested_and_none_of_the_tools() -> None:
    tested, image = locked("requirements.lock"), locked("requirements.image.lock")
    assert {name for name in image if image[name] != tested.get(name)} == set()
    names = {name.partition("==")[0] for name in image}
    assert {"temporalio", "sqlalchemy", "setuptools"} <= names
    assert not names & {"pytest", "moto", "flask", "bandit", "schemathesis", "matplotlib", "pip"}
    assert "requirements.image.lock" in (ROOT / "Dockerfile").read_text()


def test_the_bill_of_materials_lists_the_image_package_by_package_with_its_hashes() -> None:
    made = ["-o", ".venv/ready", "-o", ".venv/tools"]
    subprocess.run(["make", "--no-print-directory", *made, "sbom"], cwd=ROOT, check=True)
    bill = json.loads((ROOT / "build" / "sbom.json").read_text())
    listed = {
        f"{part['name']}=={part['version']}": {
            one["content"] for source in part["externalReferences"] for one in source.get("hashes", ())
        }
        for part in bill["components"]
    }
    assert listed == {name: set(hashes) for name, hashes in locked("requirements.image.lock").items()}
    assert bill["metadata"]["component"]["name"] == "stopwatch-trading"
