"""A CloudWatch of our own for a test: moto's server on a port of its own, ended by its pid."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import boto3
from botocore.config import Config


class MotoProcess:
    """Start, kill and start again on the same port; a new start has forgotten everything."""

    def __init__(self) -> None:
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 reads: any credentials will do."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_DEFAULT_REGION": "ap-south-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }

    async def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: ASYNC220 - forks at once, nothing to wait for
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        async with asyncio.timeout(40):
            while not _answers(self.port):  # noqa: ASYNC110 - a port is no event
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def metrics(self, namespace: str) -> dict[str, float]:
        """Return the sum of the metric `Alerts` by kind; what has no kind, the total, under an empty one."""
        found = self._client("cloudwatch").list_metrics(Namespace=namespace)["Metrics"]
        kinds = [part["Value"] for metric in found for part in metric["Dimensions"] if part["Name"] == "Kind"]
        sums = {kind: self._sum(namespace, [{"Name": "Kind", "Value": kind}]) for kind in kinds}
        # moto takes a question without dimensions for one about all of them; AWS does not.
        total = self._sum(namespace, []) - sum(sums.values())
        return {**sums, **({"": total} if total else {})}

    def _sum(self, namespace: str, dimensions: list[dict[str, str]]) -> float:
        now = time.time()
        told = self._client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName="Alerts",
            Dimensions=dimensions,
            StartTime=now - 3600,
            EndTime=now + 3600,
            Period=60,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in told["Datapoints"]))

    def events(self, group: str) -> list[dict[str, Any]]:
        """Return the log events of a group, oldest first; none where the group is not there yet."""
        client = self._client("logs")
        with suppress(client.exceptions.ResourceNotFoundException):
            found = client.filter_log_events(logGroupName=group)["events"]
            return [{"stream": event["logStreamName"], **json.loads(event["message"])} for event in found]
        return []

    def _client(self, service: str) -> Any:
        return boto3.session.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name="ap-south-1"
        ).client(service, endpoint_url=self.environment["AWS_ENDPOINT_URL"], config=Config(read_timeout=10))


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
