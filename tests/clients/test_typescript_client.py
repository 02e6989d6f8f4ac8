"""A TypeScript client, made by openapi-typescript from our document, drives a day on the real product."""

import asyncio
import json
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.clients.document import write_document
from tests.clients.npm import HERE, NoNpm, installed, ran
from tests.e2e.product import Product

pytestmark = [pytest.mark.proof, pytest.mark.timeout(400)]
OPTIONS = [
    "--target",
    "es2022",
    "--module",
    "es2022",
    "--moduleResolution",
    "bundler",
    "--strict",
    "--types",
    "node",
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return installed(tmp_path_factory.mktemp("npm"))
    except NoNpm as missing:
        warnings.warn(str(missing), stacklevel=1)
        pytest.skip(str(missing))


def program(packages: Path) -> Path:
    """Make the client's types, compile the day against them, and return it."""
    write_document(packages / "openapi.json")
    assert ran(packages, "openapi-typescript", "openapi.json", "--output", "api-types.d.ts") == ""
    shutil.copy(HERE / "day.ts", packages / "day.ts")
    assert ran(packages, "tsc", *OPTIONS, "day.ts") == ""
    return (packages / "day.js").rename(packages / "day.mjs")


def played(packages: Path, words: list[str]) -> dict[str, Any]:
    """Run the day by Node and return what it says in the end."""
    done = subprocess.run(
        ["node", *words], cwd=packages, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


async def test_a_day_by_a_generated_typescript_client(packages: Path, tmp_path: Path) -> None:
    day = program(packages)
    product = await Product.start(tmp_path / "stopwatch").ready()
    try:
        account: dict[str, Any] = await product.paper("/_paper/accounts", cash=1_000_000)
        words = [account["api_key"], account["api_secret"], account["access_token"]]
        address = product.endpoints["api"]
        told = await asyncio.to_thread(played, packages, [str(day), address, "asha@example.com", *words])
        assert (told["outcome"], told["sides"], told["days"]) == ("stopped", ["BUY", "SELL"], 1)
        assert told["buy_at"].endswith("+05:30")
    finally:
        await product.end()
