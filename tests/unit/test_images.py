"""What the Compose files use of each image is what that image is: its user, ports, programs, directories."""

import re
from collections.abc import Iterator

from tests.unit.compose_files import BASE, NEEDED, PRODUCTION, Compose, merged, written
from tests.unit.image_facts import IMAGES
from tests.unit.test_observability import listens

OWNERS = "owners"
"""The one that is root, and gives volumes away (tests/unit/test_production_overlay.py)."""


def services() -> dict[str, Compose]:
    """Return all services of both files, those of the profiles too."""
    return dict(merged(BASE, PRODUCTION, profiles=("ops", "paper", "pairs"), environment=NEEDED)["services"])


def test_every_image_is_known_and_no_other() -> None:
    assert {one["image"] for one in services().values()} == IMAGES.keys()


def test_each_runs_as_its_images_own_user() -> None:
    """Another user may find its files closed."""
    for name, service in services().items():
        uid = int(service["user"].split(":")[0])
        assert name == OWNERS or uid == (IMAGES[service["image"]].uid or uid) != 0, name


def test_each_port_that_is_published_is_listened_at() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            assert int(port.split(":")[-1]) in listens(service), f"{name}: {port}"


def programs(service: Compose) -> Iterator[str]:
    """Return the programs that a service's check and its entrypoint call."""
    test = service.get("healthcheck", {}).get("test", [])
    if test[:1] == ["CMD"]:
        yield test[1]
    if test[:1] == ["CMD-SHELL"]:
        yield from ("sh", *(part.split()[0] for part in re.split(r"\s*\|\|?\s*|&&", test[1])))
    entrypoint = service.get("entrypoint") or []
    words = [entrypoint] if isinstance(entrypoint, str) else entrypoint
    yield from (word.removeprefix("/bin/") if word == "/bin/sh" else word for word in words[:1])


def test_each_program_that_is_called_is_in_its_image() -> None:
    for name, service in services().items():
        assert set(programs(service)) <= IMAGES[service["image"]].programs, name


def test_an_image_without_a_shell_is_asked_for_none() -> None:
    """The exporter from scratch, and those without a system: a check would fail for ever."""
    bare = {name for name, one in services().items() if "sh" not in IMAGES[one["image"]].programs}
    assert bare == {"redis-numbers", "loki", "logs"}
    assert not [name for name in bare if "healthcheck" in services()[name]]


def test_each_address_inside_is_a_service_that_listens_there() -> None:
    every = services()
    said = [BASE.read_text(), PRODUCTION.read_text()]
    said += [path.read_text() for path in (BASE.parent / "deploy").rglob("*.yml")]
    for text in said:
        for name, port in re.findall(r"(?:[/@\s]|:-)([a-z][a-z-]*):(\d{4,5})\b", text):
            if name not in every:
                continue
            assert int(port) in listens(every[name]), f"{name}:{port}"


def test_temporals_tool_and_server_and_command_are_of_one_version() -> None:
    images = {name: service["image"] for name, service in written(BASE)["services"].items()}
    versions = {images[name].split(":")[1] for name in ("temporal", "temporal-schema", "temporal-namespace")}
    assert len(versions) == 1
