"""The overlay for a machine that faces the internet: as hard as the rest, and one door only."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.compose_files import BASE, PRODUCTION, ROOT, Compose, written
from tests.unit.image_facts import IMAGES
from tests.unit.test_containers import _faults_of

PUBLISHED = {"proxy"}
"""What the internet may reach."""
OWNERS = "owners"
"""The one container that is root: it gives volumes away, and ends."""
MONITORS = {"host-numbers": {"/proc:/host/proc:ro", "/sys:/host/sys:ro"}}
"""What counts the machine sees the machine's counters, and may not write to them."""


@pytest.fixture
def base() -> Compose:
    return written(BASE)


@pytest.fixture
def overlay() -> Compose:
    return written(PRODUCTION)


def added(base: Compose, overlay: Compose) -> dict[str, Any]:
    return {
        name: one
        for name, one in overlay["services"].items()
        if name not in base["services"] and name != OWNERS
    }


def test_what_it_adds_is_as_hard_as_the_rest(base: Compose, overlay: Compose) -> None:
    networks = base["networks"] | overlay["networks"]
    for name, service in added(base, overlay).items():
        own = {mount for mount in service.get("volumes", []) if mount.startswith("./deploy/")}
        assert all(mount.endswith(":ro") and Path(ROOT, mount.split(":")[0]).exists() for mount in own), name
        own |= MONITORS.get(name, set())
        ports = service.get("ports", []) if name in PUBLISHED else []
        rest = service | {
            "volumes": [mount for mount in service.get("volumes", []) if mount not in own],
            "networks": list(service["networks"]),
            "ports": [port for port in service.get("ports", []) if port not in ports],
        }
        assert list(_faults_of(name, rest, networks)) == []


def test_only_the_proxy_is_reached_from_outside(base: Compose, overlay: Compose) -> None:
    for name, service in overlay["services"].items():
        open_ = [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
        assert bool(open_) == (name in PUBLISHED), name
    assert overlay["services"]["proxy"]["ports"] == ["80:8080", "443:8443"]
    assert overlay["services"]["api"]["ports"] == []  # two of them cannot both be this machine's port 8000
    assert set(overlay["services"]["proxy"]["networks"]) == {"public", "metrics"}


def test_the_api_believes_the_proxys_address_alone(overlay: Compose) -> None:
    proxy = overlay["services"]["proxy"]["networks"]["public"]["ipv4_address"]
    assert overlay["services"]["api"]["environment"]["STOPWATCH_TRUSTED_PROXIES"] == proxy


def test_backups_are_made_by_the_servers_own_version(base: Compose, overlay: Compose) -> None:
    assert overlay["services"]["backup"]["image"] == base["services"]["postgres"]["image"]


def test_what_decides_who_is_sent_requests_asks_whether_a_process_lives(
    base: Compose, overlay: Compose
) -> None:
    """A Redis that is away makes no API ready, and STOP works without it: nobody may be shut out for that."""
    routes = yaml.safe_load((ROOT / "deploy" / "routes.yml").read_text())
    balancer = routes["http"]["services"]["api"]["loadBalancer"]
    assert balancer["healthCheck"]["path"] == "/health/live"
    for compose in (base, overlay):
        checks = {
            name: str(one["healthcheck"]["test"])
            for name, one in compose["services"].items()
            if "healthcheck" in one and str(one.get("image", "")).startswith("stopwatch:")
        }
        assert all("/health/live" in check for check in checks.values()), checks
        pairs = {f"{name}{second}" for name in ("api", "worker", "listener") for second in ("", "-2")}
        assert compose is overlay or set(checks) == pairs


def writers(compose: Compose) -> Iterator[tuple[str, str, str, int]]:
    """Return service, volume, place and uid of everything that writes to a named volume."""
    for name, service in compose["services"].items():
        for mount in service.get("volumes", []):
            volume, place, *how = str(mount).split(":")
            if not volume.startswith((".", "/")) and how != ["ro"]:
                yield name, volume, place, int(str(service["user"]).split(":")[0])


def given_away(overlay: Compose) -> dict[str, int]:
    """Return the volumes that the first container gives to a user."""
    service = overlay["services"][OWNERS]
    volumes = (str(mount).split(":") for mount in service["volumes"])
    places = {place: volume for volume, place in volumes}
    found = re.findall(r"chown (\d+):\d+ (\S+)", service["entrypoint"][-1])
    return {places[place]: int(uid) for uid, place in found}


def unwritable(base: Compose, overlay: Compose) -> list[str]:
    """Name each volume that belongs to another user than the one who writes to it."""
    given, wrong = given_away(overlay), []
    for compose in (base, overlay):
        for name, volume, place, uid in writers(compose):
            if name == OWNERS:
                continue
            service = compose["services"][name]
            owner = IMAGES[service["image"]].owns.get(place, 0)
            if OWNERS in service.get("depends_on", {}):
                owner = given.get(volume, owner)
            if owner != uid:
                wrong.append(f"{name} runs as {uid} and {volume} at {place} is {owner}'s")
    return wrong


def test_every_volume_belongs_to_who_writes_to_it(base: Compose, overlay: Compose) -> None:
    assert unwritable(base, overlay) == []
    declared = base["volumes"].keys() | overlay["volumes"].keys()
    assert {volume for one in (base, overlay) for _, volume, _, _ in writers(one)} == declared


def test_the_check_notices_a_volume_that_nobody_gives_away(base: Compose, overlay: Compose) -> None:
    del overlay["services"]["backup"]["depends_on"][OWNERS]
    assert unwritable(base, overlay) == ["backup runs as 999 and backups at /backups is 0's"]


def test_the_images_directories_are_ours_in_the_dockerfile() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "--owner=10001 --group=10001 /var/lib/paper /var/lib/ops" in dockerfile


def test_the_one_container_that_is_root_can_give_away_and_nothing_else(overlay: Compose) -> None:
    service = dict(overlay["services"][OWNERS])
    assert service.pop("user") == "0:0"
    assert service.pop("cap_add") == ["CHOWN"]
    assert service.pop("network_mode") == "none"
    assert service["restart"] == "no"
    assert re.fullmatch(r"chown [\d:]+ /\w+( && chown [\d:]+ /\w+)*", service["entrypoint"][-1])
    assert {"environment", "secrets", "ports", "networks", "env_file"} & service.keys() == set()
    rest = service | {"user": "1:1", "networks": ["store"]}
    assert list(_faults_of(OWNERS, rest, {"store": {}})) == []


def test_backups_are_noted_where_their_age_is_read(overlay: Compose) -> None:
    backup = overlay["services"]["backup"]
    assert backup["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert int(backup["environment"]["EVERY"]) <= 24 * 3600
    assert "-mmin -1560" in str(backup["healthcheck"]["test"])
