"""The demo of `make run`, as a newcomer sees it: a worker is killed before their eyes, all is sold once."""

import asyncio
import html
import io
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from tests.e2e.product import Product

pytestmark = [pytest.mark.proof, pytest.mark.timeout(240)]
PICTURE = Path("docs/timeline.svg")
ANYWHERE = "0.0.0.0"  # how a phone gets in is part of what is printed
LAST = "(docs/growing.md)"
"""The end of what is printed."""
LINES = 40
"""What a newcomer reads before the story begins, at most."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what the demo printed, up to its end, at which it was stopped."""
    product = Product.start(tmp_path_factory.mktemp("demo"), "--demo", "--host", ANYWHERE, COLUMNS="130")
    try:
        while LAST not in product.terminal:
            assert product.process.poll() is None, product.terminal
            time.sleep(0.5)
        assert asyncio.run(product.end()) == 0
    finally:
        product.process.kill()
    return product.terminal


def test_the_worker_that_is_killed_is_gone(told: str) -> None:
    found = re.search(r"kill -9 (\d+)", told)
    assert found, told
    with pytest.raises(ProcessLookupError):
        os.kill(int(found[1]), 0)
    assert re.search(rf"worker \(pid {found[1]}\) ended: .*SIGKILL", told), told


def test_each_is_bought_and_sold_once_by_the_exchanges_own_book(told: str) -> None:
    book = next(line for line in told.splitlines() if line.startswith("The exchange's own book"))
    assert set(book.removeprefix("The exchange's own book: ").rstrip(".").split(", ")) == {
        "1 × BUY 20 TCS",
        "1 × SELL 20 TCS",
        "1 × BUY 10 INFY",
        "1 × SELL 10 INFY",
    }


def test_the_end_of_the_story_names_the_outcome_and_the_money_after_charges(told: str) -> None:
    assert re.search(r"TCS .* sold ", told), told
    assert re.search(r"INFY .* stop_loss ", told), told
    assert re.search(r"Both together: [+-][\d,.]+ rupees of paper money, after charges\.", told), told


def test_a_newcomer_gets_a_login_and_the_way_in_for_a_phone(told: str) -> None:
    assert re.search(r"login .*: demo-\w+@example\.com, password \S+", told), told
    assert re.search(r"On a phone +http://[\d.]+:\d+/app", told), told
    assert "█" in told
    assert "unencrypted" in told


def test_what_is_printed_before_the_story_is_short(told: str) -> None:
    before, _ = told.split("Times are the exchange's.")
    assert len(before.splitlines()) <= LINES


def test_the_picture_in_the_readme_shows_what_is_printed(told: str) -> None:
    """Both have the same lines, but for the numbers in them. `STOPWATCH_PICTURES=1` draws it anew."""
    if os.environ.get("STOPWATCH_PICTURES"):
        draw(story(told))
    by_line: defaultdict[int, str] = defaultdict(str)
    for line, text in re.findall(r"<text[^>]*-line-(\d+)\)[^>]*>([^<]*)</text>", PICTURE.read_text()):
        by_line[int(line)] += html.unescape(text).replace("\xa0", " ")
    assert patterns(by_line.values()) == patterns(story(told))


def story(told: str) -> list[str]:
    """Return the lines from the first of the story to its sum."""
    lines = told.splitlines()
    first = next(at for at, line in enumerate(lines) if "Times are the exchange's" in line)
    last = next(at for at, line in enumerate(lines) if line.startswith("The exchange's own book"))
    return lines[first : last + 1]


def patterns(lines: Iterable[str]) -> set[str]:
    """Return the lines without what differs from run to run: numbers, widths, the order of lines.

    Of a line of the timeline its symbol and its first word: whether the broker's answer or its order book
    tells first of an order differs as well.
    """
    found = {re.sub(r"[+-]?\d[\d,.:]*", "0", line.rstrip()) for line in lines}
    found = {re.sub(r"^ +0 +(\w+) +(\w+).*", r"\1 \2", line).replace("Found", "The") for line in found}
    return {re.sub(r"([ ━─])\1+", r"\1", line) for line in found} - {""}


def draw(lines: Iterable[str]) -> None:
    """Draw the lines as a terminal shows them."""
    console = Console(record=True, width=140, file=io.StringIO())
    for line in lines:
        styled = Text(line, style="yellow" if "kill -9" in line or "pid" in line else "")
        styled.highlight_words(["TCS"], "cyan")
        styled.highlight_words(["INFY"], "magenta")
        console.print(styled, soft_wrap=True)
    PICTURE.write_text(console.export_svg(title="make run"))
