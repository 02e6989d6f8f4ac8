"""The pages that are made from the code are as the code is now."""

import os
from pathlib import Path

import pytest

from api.http.problem_codes import MEANINGS, OF_CALL, OF_STATUS
from tests.reference_pages import ANYWHERE, pages


@pytest.mark.parametrize("page", [*pages()], ids=str)
def test_a_page_says_what_the_code_says(page: Path) -> None:
    """`STOPWATCH_PAGES=1` writes it anew."""
    text = pages()[page]
    if os.environ.get("STOPWATCH_PAGES"):
        page.write_text(text)
    assert page.read_text() == text, f"{page} is stale: write it with STOPWATCH_PAGES=1 pytest {__file__}"


def test_every_code_of_a_call_is_explained() -> None:
    of_calls = {code for of in OF_CALL.values() for codes in of.values() for code in codes}
    usual = {code for codes in OF_STATUS.values() for code in codes}
    assert MEANINGS.keys() == of_calls | usual | ANYWHERE.keys()
