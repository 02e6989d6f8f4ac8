"""The desk's files agree with the code: metrics, their page, the rules, the dashboard and the runbooks."""

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from adapters.telemetry.alert_counter import KINDS, CountedAlerts
from adapters.telemetry.worker_metrics import WorkerMetrics
from api.http.metrics import Metrics
from listener.metrics import ListenerMetrics
from tests.fakes.alerts import MemoryAlerts
from tests.unit.compose_files import BASE, NEEDED, PRODUCTION, ROOT, Compose, merged
from tests.unit.image_facts import IMAGES

DESK = ROOT / "deploy" / "observability"
PAGE = (ROOT / "docs" / "metrics.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
RULES = [
    rule for group in yaml.safe_load((DESK / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((DESK / "grafana" / "desk.json").read_text())
_NAME = re.compile(r"\b(?:stopwatch|temporal|process|traefik)_\w+|\bup\b")
_SERIES = re.compile(r"_(bucket|count|sum)$")


def defined() -> set[str]:
    """Return what the three processes serve of ours, under the names that Prometheus gets."""
    worker, listener = WorkerMetrics(), ListenerMetrics()
    worker.alerts(MemoryAlerts())
    CountedAlerts(MemoryAlerts(), listener.registry)
    return {
        name
        for registry in (worker.registry, listener.registry, Metrics()._registry)
        for name in families(registry)
        if name.startswith("stopwatch_")
    }


def families(registry: CollectorRegistry) -> Iterator[str]:
    for family in registry.collect():
        yield f"{family.name}_total" if family.type == "counter" else family.name


def rows(heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]


def listed(heading: str) -> set[str]:
    return {name for row in rows(heading) for name in re.findall(r"`(\w+)`", row)}


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


def named(expression: str) -> set[str]:
    return {_SERIES.sub("", name) for name in _NAME.findall(expression)}


def anchors(page: str) -> set[str]:
    """Return a page's headings as GitHub and most others link to them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_metric_of_the_code_is_in_the_page_and_the_reverse() -> None:
    assert listed("Ours") == defined()


def test_every_metric_of_the_page_is_in_the_dashboard_or_a_rule_and_the_reverse() -> None:
    used = set().union(*map(named, expressions()))
    assert used == listed("Ours") | listed("Others'")


def test_no_metric_names_a_user_or_a_strategy() -> None:
    section = PAGE.split("## Ours\n")[1].split("\n## ")[0]
    labels = {line.split("|")[3].strip() for line in section.splitlines() if line.startswith("| `")}
    assert labels == {
        *("", "leg", "leg, outcome", "part", "kind", "reason"),
        *("method, route, status", "method, route"),
    }


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_expression_is_promql(expression: str) -> None:
    promql_parser.parse(expression.replace("$__rate_interval", "1m"))


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) >= 15
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (page, anchor) == ("docs/operations.md", rule["alert"].lower())
        assert anchor in anchors(OPERATIONS), f"no runbook for {rule['alert']}"


def test_every_runbook_belongs_to_an_alert() -> None:
    section = OPERATIONS.split("\n## Alerts\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (\w+)$", section, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_the_kinds_that_are_counted_are_those_the_operator_reads_of() -> None:
    table = OPERATIONS.split("| kind |")[1].split("\n## ")[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(KINDS) == sorted(kind for cell in first for kind in re.findall(r"`(\w+)`", cell))


def test_every_kind_that_is_raised_is_counted_from_the_start() -> None:
    raised = set()
    for room in ("domain", "activities", "execution", "workflows", "listener", "adapters"):
        for path in (ROOT / room).rglob("*.py"):
            raised |= set(re.findall(r'\bAlarm\(\s*"(\w+)"', path.read_text()))
    assert len(raised) >= 6
    assert raised <= set(KINDS)


def test_every_panel_shows_something_and_asks_the_datasource_that_is_there() -> None:
    (source,) = yaml.safe_load((DESK / "grafana" / "datasources.yml").read_text())["datasources"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) >= 20
    for panel in DASHBOARD["panels"]:
        if panel["type"] != "row":
            assert panel["targets"], panel["title"]
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}


def test_compose_gives_the_files_to_whoever_reads_them() -> None:
    compose = merged(BASE, PRODUCTION, environment=NEEDED)
    services, configs = compose["services"], compose["configs"]
    mounts = [str(mount).split(":")[0] for one in services.values() for mount in one.get("volumes", [])]
    files = {(ROOT / path).resolve() for path in (*(one["file"] for one in configs.values()), *mounts)}
    assert {path for path in DESK.rglob("*") if path.is_file()} <= files
    mounted = {
        name: {one["target"]: configs[one["source"]]["file"] for one in services[name]["configs"]}
        for name in ("prometheus", "grafana")
    }
    config = yaml.safe_load((DESK / "prometheus.yml").read_text())
    assert set(config["rule_files"]) <= mounted["prometheus"].keys()
    (provider,) = yaml.safe_load((DESK / "grafana" / "dashboards.yml").read_text())["providers"]
    path = provider["options"]["path"]
    assert {f"{path}/desk.json", f"{path}/logs.json"} <= mounted["grafana"].keys()


def test_prometheus_asks_each_process_where_it_serves() -> None:
    services = merged(BASE, PRODUCTION, environment=NEEDED)["services"]
    config = yaml.safe_load((DESK / "prometheus.yml").read_text())
    (alerts,) = config["alerting"]["alertmanagers"]
    for source in (one for job in (*config["scrape_configs"], alerts) for one in job["dns_sd_configs"]):
        (name,) = source["names"]
        assert "metrics" in services[name]["networks"], name
        assert source["port"] in listens(services[name]), name


def listens(service: Compose) -> set[int]:
    """Return the ports of a service: its image's, and those that its command or its file names."""
    named = re.findall(r"address=:(\d+)", str(service.get("command")))
    own = {24224, 2020} if str(service["image"]).startswith("fluent/") else set()
    return set(IMAGES[service["image"]].ports) | {int(port) for port in named} | own
