"""Under `stopwatch up` each process is given its own secrets and no other's."""

from pathlib import Path

import pytest

from local.data_dir import DataDir
from local.listening import Listening
from local.processes import _SECRET, Processes

SETTINGS = {name: f"the {name}" for name in _SECRET}
HALVES = {"ENCRYPTION_KEYS", "SEAL_KEY", "PUSH_PRIVATE_KEY", "PUSH_PUBLIC_KEY"}


@pytest.mark.parametrize(
    ("process", "given"),
    [
        ("api", {"SEAL_KEY", "PUSH_PUBLIC_KEY"}),
        ("worker", {"ENCRYPTION_KEYS", "SEAL_KEY", "PUSH_PRIVATE_KEY"}),
        ("listener", {"ENCRYPTION_KEYS"}),
        ("migrate", set()),
    ],
)
def test_private_halves_of_keys_go_to_those_that_use_them(
    process: str, given: set[str], tmp_path: Path
) -> None:
    made = Processes(DataDir(tmp_path), {}, SETTINGS)
    environments = {
        "api": made.api(Listening("127.0.0.1", 8000)).environment,
        "worker": made.worker(1, 1).environment,
        "listener": made.listener(1, 1).environment,
        "migrate": made.migration()[1],
    }
    seen = {name.removeprefix("STOPWATCH_") for name in environments[process]}
    assert seen & HALVES == given
