"""The desk's own rules and routes with shorter times: what takes minutes there takes a second here."""

import re
from pathlib import Path
from typing import Any

import yaml

from tests.unit.test_observability import DESK

WAIT = "1s"
"""Every `for:`, so that a state of a moment still raises no alert."""
RANGE = "6s"
"""Every range, of minutes: some scrapes fit into it."""
ALL_TO_ONE = {"route": {"receiver": "all", "group_by": ["..."]}, "receivers": [{"name": "all"}]}
_RANGE = re.compile(r"\[\d+m\]")


def rules() -> dict[str, Any]:
    """Return deploy/observability/rules.yml with shorter times, and nothing else changed."""
    loaded: dict[str, Any] = yaml.safe_load((DESK / "rules.yml").read_text())
    for group in loaded["groups"]:
        for rule in group["rules"]:
            rule["expr"] = _RANGE.sub(f"[{RANGE}]", rule["expr"])
            if "for" in rule:
                rule["for"] = WAIT
    return loaded


def routes(webhook: str) -> dict[str, Any]:
    """Return Alertmanager's configuration: to the webhook, at once, firing and resolved.

    Where the desk has one of its own it is that one, with the webhook in its receivers' place.
    """
    own = DESK / "alertmanager.yml"
    loaded: dict[str, Any] = yaml.safe_load(own.read_text()) if own.exists() else ALL_TO_ONE
    receivers = [
        {"name": receiver["name"], "webhook_configs": [{"url": webhook, "send_resolved": True}]}
        for receiver in loaded["receivers"]
    ]
    return loaded | {"route": _at_once(loaded["route"]), "receivers": receivers}


def _at_once(route: dict[str, Any]) -> dict[str, Any]:
    below = [_at_once(one) for one in route.get("routes", [])]
    return route | {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h", "routes": below}


def scraped(port: int, alertmanager: int, targets: dict[str, list[str]], rule_file: Path) -> dict[str, Any]:
    """Return Prometheus' configuration: each job's targets are paths of one server."""
    return {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "400ms", "evaluation_interval": "500ms"},
        "rule_files": [str(rule_file)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{port}"],
                        "labels": {"__metrics_path__": f"/{name}", "instance": name},
                    }
                    for name in names
                ],
            }
            for job, names in targets.items()
        ],
    }
