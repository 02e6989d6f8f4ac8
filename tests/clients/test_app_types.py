"""The app's JavaScript fits the API's own document, and what it brings of others is what they published."""

import json
import warnings
from pathlib import Path

import pytest

from tests.clients.document import write_document
from tests.clients.npm import NoNpm, installed, ran

pytestmark = [pytest.mark.proof, pytest.mark.timeout(400)]
WEB = Path(__file__).parents[2] / "api" / "web"
VENDORED = {
    "preact.js": "preact/dist/preact.mjs",
    "hooks.js": "preact/hooks/dist/hooks.mjs",
    "htm.js": "htm/dist/htm.module.js",
    "pico.css": "@picocss/pico/css/pico.min.css",
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return installed(tmp_path_factory.mktemp("npm"))
    except NoNpm as missing:
        warnings.warn(str(missing), stacklevel=1)
        pytest.skip(str(missing))


def compiler(packages: Path, *sources: Path) -> str:
    """Return what the type checker says of the sources; nothing where all is well."""
    modules = packages / "node_modules"
    options = {
        "target": "es2022",
        "module": "es2022",
        "moduleResolution": "bundler",
        "lib": ["es2023", "dom", "dom.iterable"],
        "types": [],
        "allowJs": True,
        "checkJs": True,
        "noEmit": True,
        "strictNullChecks": True,
        "paths": {
            "api-types": [f"{packages}/api-types.d.ts"],
            "preact": [f"{modules}/preact"],
            "preact/hooks": [f"{modules}/preact/hooks"],
        },
    }
    config = {"compilerOptions": options, "files": [str(source) for source in sources]}
    (packages / "tsconfig.json").write_text(json.dumps(config))
    return ran(packages, "tsc", "--project", "tsconfig.json")


@pytest.fixture(scope="module")
def typed(packages: Path) -> Path:
    """The packages, with the types of today's API beside them."""
    write_document(packages / "openapi.json")
    assert ran(packages, "openapi-typescript", "openapi.json", "--output", "api-types.d.ts") == ""
    return packages


def test_the_app_uses_the_api_as_its_document_says(typed: Path) -> None:
    assert compiler(typed, *(path for path in WEB.glob("*.js") if path.name != "sw.js")) == ""


def test_a_field_that_the_api_does_not_have_is_noticed(typed: Path, tmp_path: Path) -> None:
    """The check is not empty: a strategy has no such field."""
    wrong = tmp_path / "wrong.js"
    wrong.write_text(
        '/** @param {import("api-types").components["schemas"]["StrategyOut"]} one */\n'
        "export const gain = (one) => one.profit;\n"
    )
    assert "'profit' does not exist" in compiler(typed, wrong)


@pytest.mark.parametrize("name", VENDORED)
def test_a_vendored_file_is_what_its_package_published(packages: Path, name: str) -> None:
    published = (packages / "node_modules" / VENDORED[name]).read_text()
    lines = [line for line in published.splitlines() if not line.startswith("//# sourceMappingURL")]
    expected = "\n".join(lines).replace('from"preact"', 'from"./preact.js"').strip()
    assert (WEB / "vendor" / name).read_text().strip() == expected


def test_every_vendored_file_has_its_licence_beside_it() -> None:
    notes = (WEB / "vendor" / "LICENSES.txt").read_text()
    assert all(name in notes for name in VENDORED)
    assert "MIT License" in notes
    assert "Apache License" in notes
