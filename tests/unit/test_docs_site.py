"""The documentation's site has every page in its order by reader, or in the list of all pages."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.docs_site import collect


def named(nav: list[dict[str, Any]]) -> Iterator[str]:
    for entry in nav:
        for pages in entry.values():
            yield from [pages] if isinstance(pages, str) else pages


def test_each_page_but_a_decision_has_its_reader(tmp_path: Path) -> None:
    collect(Path(), tmp_path)
    there = {str(page.relative_to(tmp_path)) for page in tmp_path.rglob("*.md")}
    nav = set(named(tomllib.loads(Path("zensical.toml").read_text())["project"]["nav"]))
    assert nav - there == set(), "named, and not there"
    assert {page for page in there - nav if "/adr/" not in page} == {"bench/baseline/README.md"}
