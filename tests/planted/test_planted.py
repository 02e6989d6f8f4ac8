"""The table of planted bugs stays true to the code; `python -m tests.planted` runs them."""

import ast

import pytest

from tests.planted.bug import Bug
from tests.planted.bugs import BUGS
from tests.planted.runner import ROOT


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_can_be_planted(bug: Bug) -> None:
    text = (ROOT / bug.path).read_text()
    assert text.count(bug.old) == 1, f"{bug.path} has changed: say where this bug would be now"
    ast.parse(text.replace(bug.old, bug.new))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_names_tests_that_exist(bug: Bug) -> None:
    for test in bug.tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file()
        assert not name or f"def {name}(" in (ROOT / file).read_text()
