"""The jobs of the Compose files, on a real Postgres and a real Temporal: they may run again and again."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from tests.integration.test_backup import script
from tests.unit.compose_files import BASE, NEEDED, PRODUCTION, merged, written

DAY = 24 * 3600


def shell_of(service: dict[str, Any]) -> str:
    """Return what a service's shell is given, as Compose gives it: `$$` is a dollar."""
    (text,) = service["command"]
    return str(text).replace("$$", "$")


async def test_the_exporters_role_reads_numbers_and_no_rows(database: str, tmp_path: Path) -> None:
    odd, password = f'it\'s "{tmp_path.name}"', tmp_path / "password"
    password.write_text(f"{odd}\n")
    for _ in range(2):
        status, said = await script("monitor-role.sh", database, MONITOR_PASSWORD_FILE=str(password))
        assert (status, said.strip()) == (0, "the role stopwatch_monitor may read numbers")
    address = make_url(database).set(drivername="postgresql", username="stopwatch_monitor", password=odd)
    connection = await asyncpg.connect(address.render_as_string(hide_password=False))
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query <> ''")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT count(*) FROM users")
    finally:
        await connection.close()


async def test_the_namespace_is_made_and_keeps_its_closed_runs_for_thirty_days_at_least(
    temporal_binary: str,
) -> None:
    service = written(BASE)["services"]["temporal-namespace"]
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=temporal_binary) as env:
        for retention in ("720h", "2160h"):
            given = {
                "PATH": f"{Path(temporal_binary).parent}:{os.environ['PATH']}",
                "TEMPORAL_ADDRESS": env.client.service_client.config.target_host,
                "NAMESPACE": "desk",
                "RETENTION": retention,
            }
            job = await asyncio.create_subprocess_exec("/bin/sh", "-euc", shell_of(service), env=given)
            assert await job.wait() == 0
            assert await kept(env.client, "desk") == int(retention[:-1]) * 3600
    default = merged(BASE)["services"]["temporal-namespace"]["environment"]
    assert int(default["RETENTION"].removesuffix("h")) * 3600 >= 30 * DAY


async def kept(client: Client, namespace: str) -> int:
    """Return for how many seconds a namespace keeps closed runs."""
    request = DescribeNamespaceRequest(namespace=namespace)
    answer = await client.workflow_service.describe_namespace(request)
    return int(answer.config.workflow_execution_retention_ttl.seconds)


def test_the_webhooks_address_is_put_into_alertmanagers_file_as_it_is(tmp_path: Path) -> None:
    service = merged(BASE, PRODUCTION, environment=NEEDED)["services"]["alertmanager"]
    template = BASE.parent / "deploy" / "observability" / "alertmanager.yml"
    first = shell_of(service).split("exec ")[0]
    here = first.replace(">/tmp/", f">{tmp_path}/").replace("/etc/alertmanager/template.yml", str(template))
    hook = {"WEBHOOK": NEEDED["STOPWATCH_ALERT_WEBHOOK"], "PATH": os.environ["PATH"]}
    subprocess.run(["/bin/sh", "-euc", here], env=hook, check=True)
    made = (tmp_path / "alertmanager.yml").read_text()
    assert made.count(f"url: '{NEEDED['STOPWATCH_ALERT_WEBHOOK']}'") == 2
    assert "alert-webhook.invalid" not in made.replace("# ", "")
