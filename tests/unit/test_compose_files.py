"""The Compose files are what their specification allows, and lead to every setting."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from settings import AS_FILES, Settings
from tests.unit.compose_files import BASE, NEEDED, PRODUCTION, ROOT, Compose, merged, written

SCHEMA = json.loads((ROOT / "tests" / "vendor" / "compose-spec.json").read_text())
NOT_FOR_CONTAINERS = {
    "redis_url_api": "each container has the address of its own user as STOPWATCH_REDIS_URL",
    "redis_url_worker": "the same",
    "redis_url_listener": "the same",
    "ready_file": "who starts a container asks /health",
    "failpoints": "for tests",
    "failpoints_log": "for tests",
}


def complaints(compose: Compose) -> list[str]:
    """Return what the specification does not allow, with its place."""
    checker = validator_for(SCHEMA, Draft202012Validator)(SCHEMA)
    return [f"{list(one.path)}: {one.message[:200]}" for one in checker.iter_errors(compose)]


@pytest.mark.parametrize("path", [BASE, PRODUCTION], ids=lambda path: path.name)
def test_each_file_is_what_the_specification_allows(path: Path) -> None:
    assert complaints(written(path)) == []


def test_the_specification_notices_what_is_none_of_its_words() -> None:
    wrong = written(BASE)
    wrong["services"]["api"]["stop_grace"] = "20s"
    assert complaints(wrong)


def test_another_program_reads_both_files_as_one() -> None:
    both = merged(BASE, PRODUCTION, environment=NEEDED)
    assert complaints(both) == []
    assert {"api", "api-2", "worker", "worker-2", "listener", "listener-2"} <= both["services"].keys()
    assert {"ops", "paper"} & both["services"].keys() == set()
    assert not both["services"]["api"].get("ports")


def test_one_of_each_runs_where_nothing_else_is_asked_for() -> None:
    alone = merged(BASE)["services"]
    assert {"api", "worker", "listener"} <= alone.keys()
    assert {"api-2", "worker-2", "listener-2", "ops", "paper"} & alone.keys() == set()


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_production_says_what_it_cannot_do_without(name: str) -> None:
    given = {other: value for other, value in NEEDED.items() if other != name}
    with pytest.raises(subprocess.CalledProcessError) as refused:
        merged(BASE, PRODUCTION, environment=given)
    assert name in refused.value.stderr


def settable(compose: Compose) -> set[str]:
    """Return the settings that a container can be given, by name or as a file."""
    names = {name for one in compose["services"].values() for name in one.get("environment") or {}}
    plain = {name.removeprefix("STOPWATCH_").lower() for name in names if name.startswith("STOPWATCH_")}
    return {name.removesuffix("_file") if name.removesuffix("_file") in AS_FILES else name for name in plain}


def test_every_setting_can_be_reached() -> None:
    found = settable(written(BASE))
    assert found <= Settings.model_fields.keys()
    assert Settings.model_fields.keys() - found == NOT_FOR_CONTAINERS.keys()


def test_what_is_set_in_the_environment_arrives_in_the_container() -> None:
    told = merged(BASE, environment={"STOPWATCH_TEMPORAL_ADDRESS": "temporal.example.com:7233"})
    assert told["services"]["worker"]["environment"]["STOPWATCH_TEMPORAL_ADDRESS"] == (
        "temporal.example.com:7233"
    )


def test_each_process_has_the_time_that_it_takes_to_end() -> None:
    """A worker gives back what it holds, a listener waits for the others: docs/growing.md says how long."""
    for name, service in written(BASE)["services"].items():
        if str(service.get("image")).startswith("stopwatch:") and name not in ("migrate", "ops"):
            assert _seconds(service["stop_grace_period"]) >= 20, name
    assert _seconds(written(BASE)["services"]["postgres"]["stop_grace_period"]) >= 60


def _seconds(period: str) -> int:
    found = re.fullmatch(r"(\d+)s", period)
    assert found, period
    return int(found[1])


def test_logs_have_a_bound_wherever_docker_keeps_them() -> None:
    for service in merged(BASE, PRODUCTION, environment=NEEDED)["services"].values():
        driver, options = service["logging"]["driver"], service["logging"]["options"]
        assert driver in ("local", "fluentd")
        assert options["max-size"] if driver == "local" else options["fluentd-async"] == "true"


def test_the_second_of_each_is_the_same_as_the_first() -> None:
    services = merged(BASE, PRODUCTION, environment=NEEDED)["services"]
    for name in ("api", "worker", "listener"):
        assert services[f"{name}-2"] == services[name]
        assert services[name]["networks"]["metrics"]["aliases"] == [name]
