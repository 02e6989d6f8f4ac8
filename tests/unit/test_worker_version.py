"""Why no worker takes a new run, with the command that helps."""

import pytest

from domain.worker_version import why_nobody_takes_runs


@pytest.mark.parametrize(
    ("current", "alive"), [("", {""}), ("two", {"two"}), ("two", {"one", "two"}), ("", {"", "one"})]
)
def test_a_worker_of_the_version_for_new_runs_takes_them(current: str, alive: set[str]) -> None:
    assert why_nobody_takes_runs(current, alive) is None


@pytest.mark.parametrize(
    ("current", "alive", "words"),
    [
        ("", set(), "No worker is alive"),
        ("", {"one"}, "set-current-version --deployment-name stopwatch --build-id one --yes"),
        ("one", {"two"}, "New runs go to version one, of which no worker is alive (alive are those of two)"),
        ("one", {""}, "STOPWATCH_BUILD_ID=one"),
    ],
)
def test_where_nobody_takes_them_the_command_is_named(current: str, alive: set[str], words: str) -> None:
    why = why_nobody_takes_runs(current, alive)
    assert why is not None
    assert words in why
