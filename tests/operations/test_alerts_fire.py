"""Every alert of the rules fires, through Prometheus and Alertmanager to a webhook, and goes quiet again.

Debian's programs evaluate the desk's own rules on the processes' own metrics pages. Only times are shorter.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.product import free_port
from tests.operations import quick_rules
from tests.operations.causes import CAUSES, COMES_WITH, EXPORTED
from tests.operations.debian import program
from tests.operations.told_desk import TARGETS, ToldDesk
from tests.receivers import Hook, hook
from tests.unit.test_observability import RULES, named

pytestmark = [pytest.mark.proof, pytest.mark.timeout(120)]
PATIENCE = 60


@dataclass(frozen=True)
class Watch:
    """A desk that is watched, and where its alerts are sent."""

    desk: ToldDesk
    webhook: Hook

    def last(self) -> dict[str, dict[str, Any]]:
        """Return the newest word on each alert, by its name: the firing one of several."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for notice in self.webhook.notices:
            for alert in notice["alerts"]:
                found[alert["labels"]["alertname"], alert["fingerprint"]] = alert
        by_name: dict[str, dict[str, Any]] = {}
        for (name, _), alert in found.items():
            if name not in by_name or alert["status"] == "firing":
                by_name[name] = alert
        return by_name

    def firing(self) -> set[str]:
        return {name for name, alert in self.last().items() if alert["status"] == "firing"}

    async def until(self, holds: Callable[[], bool], again: Callable[[], None] = lambda: None) -> None:
        """Wait until it holds; do something `again` while it waits."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                again()
                await asyncio.sleep(0.3)


@pytest.fixture(scope="module")
async def watch(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watch]:
    home = tmp_path_factory.mktemp("alerts")
    desk, prometheus, alertmanager = ToldDesk(), free_port(), free_port()
    async with hook() as webhook, desk.served():
        files = {
            "rules.yml": quick_rules.rules(),
            "alertmanager.yml": quick_rules.routes(webhook.url),
            "prometheus.yml": quick_rules.scraped(desk.port, alertmanager, TARGETS, home / "rules.yml"),
        }
        for name, content in files.items():
            (home / name).write_text(yaml.safe_dump(content, sort_keys=False))
        async with (
            running(
                home,
                program("prometheus-alertmanager"),
                f"--config.file={home}/alertmanager.yml",
                f"--storage.path={home}/notified",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
                ready=f"http://127.0.0.1:{alertmanager}/-/ready",
            ),
            running(
                home,
                program("prometheus"),
                f"--config.file={home}/prometheus.yml",
                f"--storage.tsdb.path={home}/numbers",
                f"--web.listen-address=127.0.0.1:{prometheus}",
                ready=f"http://127.0.0.1:{prometheus}/-/ready",
            ),
        ):
            await scraped_twice(prometheus)
            yield Watch(desk, webhook)


@asynccontextmanager
async def running(home: Path, command: str, *words: str, ready: str) -> AsyncIterator[None]:
    """Run a program, and wait until it says that it is ready."""
    log = home / f"{Path(command).name}.log"
    with log.open("ab") as said:
        process = subprocess.Popen([command, *words], stdout=said, stderr=said)  # noqa: ASYNC220 - forks at once
    try:
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as client:
            while not await answers(client, ready):
                assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.1)
        yield
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)


async def answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def scraped_twice(prometheus: int) -> None:
    """Wait until each target was asked several times: before, a counter has no increase."""
    count = sum(len(pages) for pages in TARGETS.values())
    query = f"count(count_over_time(up[1m]) > 2) == {count}"
    url = f"http://127.0.0.1:{prometheus}/api/v1/query"
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as client:
        while True:
            async with client.get(url, params={"query": query}) as answer:
                if (await answer.json())["data"]["result"]:
                    return
            await asyncio.sleep(0.3)


@pytest.mark.parametrize("alert", [rule["alert"] for rule in RULES])
async def test_an_alert_fires_and_goes_quiet_again(watch: Watch, alert: str) -> None:
    ill, well = CAUSES[alert]
    allowed = {alert} | COMES_WITH.get(alert, set())
    assert watch.firing() == set(), "nothing is left of the one before"
    await watch.until(lambda: alert in watch.firing(), again=lambda: ill(watch.desk))
    assert watch.firing() <= allowed
    (rule,) = (rule for rule in RULES if rule["alert"] == alert)
    told = watch.last()[alert]
    assert told["labels"]["severity"] == rule["labels"]["severity"]
    assert told["annotations"]["runbook"] == rule["annotations"]["runbook"]
    assert "error" not in told["annotations"]["summary"], "a template that does not work"
    well(watch.desk)
    await watch.until(lambda: not watch.firing())


def test_every_metric_of_the_rules_is_one_that_is_exposed() -> None:
    desk = ToldDesk()
    desk.api.answered("GET", "/strategies", 200, 0.1)  # from its first answer on
    pages = [desk.text(page).decode() for pages in TARGETS.values() for page in pages]
    ours = {
        sample.name
        for page in pages
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    for rule in RULES:
        for name in named(rule["expr"]) - EXPORTED.keys():
            assert {name, f"{name}_bucket"} & ours, f"{rule['alert']}: no process serves {name}"
