"""Checks the documentation's links for `make check`: every link has a target, every page is reachable.

A link is dead when its file is not there, or its `#anchor` is no heading of that page by GitHub's rules. A
page under `docs/` is lost when no chain of links leads to it from `docs/README.md`. Links to other hosts are
not followed.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

INDEX = Path("docs/README.md")
BESIDE = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
"""Pages of the repository's root; everything else that is read is under `docs/`."""

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINKS = (
    re.compile(r"\]\(\s*<?([^)<>\s]+)>?(?:\s+[\"'][^)]*)?\s*\)"),  # [words](target "title"), pictures too
    re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s<>]+)", re.MULTILINE),  # [words]: target
    re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']+)", re.IGNORECASE),
)
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.+?)(?:\s+#+)?\s*$")
_NAMED = re.compile(r"<a\b[^>]*?\b(?:id|name)=[\"']([^\"']+)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.\-]*:|//", re.IGNORECASE)
_WORDS_OF_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Link:
    """A link as a page writes it, and its line."""

    line: int
    target: str


def main() -> int:
    """Check the links; return 1 when one is dead or a page is lost."""
    root = Path()
    wrong = [*dead_links(root), *lost_pages(root)]
    for problem in wrong:
        sys.stderr.write(f"{problem}\n")
    if wrong:
        sys.stderr.write(
            "Correct the path, or write the anchor as GitHub does: the heading in small letters, without "
            f"punctuation, a hyphen for each space. Name a lost page in {INDEX}, or in a page it leads to.\n"
        )
        return 1
    sys.stdout.write(f"Links: none is dead in {len(pages(root))} pages, and none of them is lost.\n")
    return 0


def pages(root: Path) -> list[Path]:
    """Return the pages that are read, relative to `root`."""
    found = [root / name for name in BESIDE if (root / name).is_file()]
    return [page.relative_to(root) for page in (*found, *sorted((root / "docs").rglob("*.md")))]


def dead_links(root: Path) -> list[str]:
    """Return each dead link with its place and its fault."""
    return [
        f"{page}:{link.line}: {why}"
        for page in pages(root)
        for link in links_of((root / page).read_text())
        if (why := _why_dead(root, page, link.target))
    ]


def lost_pages(root: Path) -> list[str]:
    """Return the pages under `docs/` that no link leads to from the index."""
    known = {page for page in pages(root) if page.parts[0] == "docs"}
    reached: set[Path] = set()
    ahead = {INDEX} & known
    while ahead:
        reached |= ahead
        ahead = {target for page in ahead for target in _led_to(root, page)} & known - reached
    return [f"{page}: nothing leads to this page from {INDEX}" for page in sorted(known - reached)]


def links_of(text: str) -> list[Link]:
    """Return a page's links in order, except those in code."""
    prose = _without(_COMMENT, _without(_CODE, "\n".join(_outside_fences(text))))
    found = (match for pattern in _LINKS for match in pattern.finditer(prose))
    links = [Link(prose.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]
    return sorted(links, key=lambda link: link.line)


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page: its headings as GitHub writes them, and its own."""
    anchors: set[str] = set()
    for line in _outside_fences(text):
        anchors.update(_NAMED.findall(line))
        if heading := _HEADING.match(line):
            anchors.add(_unused(slug(heading[1]), anchors))
    return anchors


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    words = _WORDS_OF_LINK.sub(r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def _unused(name: str, anchors: set[str]) -> str:
    # Of equal headings the second is `name-1`, the third `name-2`.
    number, free = 0, name
    while free in anchors:
        number += 1
        free = f"{name}-{number}"
    return free


def _why_dead(root: Path, page: Path, target: str) -> str | None:
    if _ELSEWHERE.match(target):
        return None
    path, _, anchor = target.partition("#")
    place = _place(root, page, path)
    if place is None:
        return f"{target} leads out of the repository"
    if not (root / place).exists():
        return f"{target}: there is no {place}"
    if anchor and place.suffix == ".md" and unquote(anchor) not in anchors_of((root / place).read_text()):
        return f"{target}: no heading of {place} is called #{anchor}"
    return None


def _led_to(root: Path, page: Path) -> Iterator[Path]:
    for link in links_of((root / page).read_text()):
        if not _ELSEWHERE.match(link.target):
            place = _place(root, page, link.target.partition("#")[0])
            if place is not None:
                yield place


def _place(root: Path, page: Path, path: str) -> Path | None:
    """Return the target of a path on a page, relative to `root`; None outside of it."""
    if not path:
        return page
    start = root if path.startswith("/") else (root / page).parent
    place = (start / unquote(path).lstrip("/")).resolve()
    return place.relative_to(root.resolve()) if place.is_relative_to(root.resolve()) else None


def _outside_fences(text: str) -> Iterator[str]:
    """Yield the page line by line, with an empty one for each in a block of code."""
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                fence = ""
            yield ""
        elif mark:
            fence = mark[1]
            yield ""
        else:
            yield line


def _without(pattern: re.Pattern[str], text: str) -> str:
    # As many lines as before: a dead link is named by its line.
    return pattern.sub(lambda match: "\n" * match[0].count("\n"), text)


if __name__ == "__main__":
    sys.exit(main())
