"""The app's files agree with each other and with the API: what is cached, what is said about problems."""

import re
from pathlib import Path

from api.http import problem_codes

WEB = Path(__file__).parents[2] / "api" / "web"
UNSTORED = {"sw.js", "index.html", "icon-maskable.png", "vendor/LICENSES.txt"}
"""The service worker itself, the page under its other name, and what no screen shows."""
TYPES_ALONE = {"vendor/preact.d.ts", "vendor/hooks.d.ts", "vendor/htm.d.ts"}
OWN = {"offline", "internal"}
"""Codes of the app itself, and of an answer that no call documents."""


def files() -> set[str]:
    return {path.relative_to(WEB).as_posix() for path in WEB.rglob("*") if path.is_file()}


def test_whoever_is_offline_has_every_file_of_the_app() -> None:
    listed = set(re.findall(r'"(\w[\w./-]*\.(?:js|css|svg|png|webmanifest))"', (WEB / "sw.js").read_text()))
    assert listed - {"lightweight-charts.js"} == files() - UNSTORED - TYPES_ALONE


def test_the_app_has_words_for_codes_that_exist() -> None:
    words = (WEB / "problems.js").read_text()
    by_code = words[words.index("const BY_CODE") : words.index("const LABELS")]
    said = set(re.findall(r"^  (\w+):", by_code, re.MULTILINE)) - OWN
    known = {code for codes in problem_codes.OF_STATUS.values() for code in codes}
    known |= {c for call in problem_codes.OF_CALL.values() for codes in call.values() for c in codes}
    assert said - known == set()


def test_no_file_of_the_app_asks_another_host() -> None:
    links = r"https?://(?!www\.tradingview\.com)[\w.-]+"
    sources = [path for path in WEB.glob("*") if path.suffix in {".js", ".html", ".css"}]
    fetched = [
        line
        for path in sources
        for line in path.read_text().splitlines()
        if re.search(rf"(fetch|import|src|href)[^\n]*{links}", line)
    ]
    assert fetched == []
