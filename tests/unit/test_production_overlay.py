"""The overlay for a machine that faces the internet: as hard as the rest, and one door only."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.test_containers import ROOT, Compose, _faults_of

PUBLISHED = {"proxy"}
"""What the internet may reach."""


class _Loader(yaml.SafeLoader):
    """Reads Compose's own tags as what they stand for."""


_Loader.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


@pytest.fixture
def base() -> Compose:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


@pytest.fixture
def overlay() -> Compose:
    return dict(yaml.load((ROOT / "deploy" / "production.yml").read_text(), Loader=_Loader))  # noqa: S506 - safe


def added(base: Compose, overlay: Compose) -> dict[str, Any]:
    return {name: one for name, one in overlay["services"].items() if name not in base["services"]}


def test_what_it_adds_is_as_hard_as_the_rest(base: Compose, overlay: Compose) -> None:
    networks = base["networks"] | overlay["networks"]
    for name, service in added(base, overlay).items():
        own = [mount for mount in service.get("volumes", []) if mount.startswith("./deploy/")]
        assert all(mount.endswith(":ro") and Path(ROOT, mount.split(":")[0]).exists() for mount in own), name
        ports = service.get("ports", []) if name in PUBLISHED else []
        rest = service | {
            "volumes": [mount for mount in service.get("volumes", []) if mount not in own],
            "networks": list(service["networks"]),
            "ports": [port for port in service.get("ports", []) if port not in ports],
        }
        assert list(_faults_of(name, rest, networks)) == []


def test_only_the_proxy_is_reached_from_outside(base: Compose, overlay: Compose) -> None:
    for name, service in overlay["services"].items():
        assert bool(service.get("ports")) == (name in PUBLISHED), name
    assert overlay["services"]["proxy"]["ports"] == ["80:8080", "443:8443"]
    assert overlay["services"]["api"]["ports"] == []  # two of them cannot both be this machine's port 8000
    assert set(overlay["services"]["proxy"]["networks"]) == {"public"}


def test_the_api_believes_the_proxys_address_alone(overlay: Compose) -> None:
    proxy = overlay["services"]["proxy"]["networks"]["public"]["ipv4_address"]
    assert overlay["services"]["api"]["environment"]["STOPWATCH_TRUSTED_PROXIES"] == proxy


def test_every_process_that_trades_is_there_twice(overlay: Compose) -> None:
    for name in ("api", "worker", "listener"):
        assert overlay["services"][name]["deploy"]["replicas"] >= 2


def test_backups_are_made_by_the_servers_own_version(base: Compose, overlay: Compose) -> None:
    assert overlay["services"]["backup"]["image"] == base["services"]["postgres"]["image"]


def test_the_proxy_asks_each_api_whether_it_is_ready() -> None:
    routes = yaml.safe_load((ROOT / "deploy" / "routes.yml").read_text())
    balancer = routes["http"]["services"]["api"]["loadBalancer"]
    assert balancer["healthCheck"]["path"] == "/health/ready"
