"""Sends alarms to Amazon CloudWatch: a metric to page an operator, and a log event with the text.

metric Alerts in {namespace}, count 1, once without a dimension and once with Kind log event in group
{namespace}/alerts, stream {process}/{host}: kind, text, user_id, strategy_id, at, data

No caller waits for CloudWatch. Each alarm is logged before it is queued here; while CloudWatch is away the
newest are kept and tried again; alarms that are never delivered are counted and logged.
"""

import asyncio
import json
import socket
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from adapters.alerts.cloudwatch_unset import CloudWatchUnset
from adapters.alerts.log_alerts import LogAlerts, alarm_ids
from adapters.telemetry.redaction import redact_text
from domain.run import Alarm

MOST_WAITING = 1000
BATCH = 100
PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Seconds before a failed delivery is tried again; the last one repeats."""
STALE = timedelta(hours=12)
"""CloudWatch refuses events that span more than a day; so old an alarm is for the log."""
FLUSH_SECONDS = 1.5
"""What is left for delivery when the process ends; `stopwatch up` gives a listener two seconds in all."""
LONGEST_TEXT = 8000
METRIC = "Alerts"

_PATIENCE = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
_MISSING = "ResourceNotFoundException"
_EXISTS = "ResourceAlreadyExistsException"

log = structlog.stdlib.get_logger("cloudwatch")


@dataclass(slots=True)
class _Waiting:
    """A queued alarm. Its two calls fail separately, and a delivered one is not repeated."""

    alarm: Alarm
    at: datetime
    counted: bool = False


class CloudWatchAlerts:
    """Implements `domain.ports.Alerts`. `lost` counts the alarms that are only in the log."""

    def __init__(self, namespace: str, process: str, log_alerts: LogAlerts) -> None:
        self._service = _CloudWatch(namespace, process)
        self._log_alerts = log_alerts
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cloudwatch")
        self._delivering = asyncio.create_task(self._deliver())
        self._away = False
        self.lost = 0

    async def raise_(self, alarm: Alarm) -> None:
        """Write the log line and queue the rest; returns at once."""
        await self._log_alerts.raise_(alarm)
        if len(self._waiting) >= MOST_WAITING:
            self._lose_oldest()
        self._waiting.append(_Waiting(alarm, datetime.now(UTC)))
        self._wake.set()

    async def close(self) -> None:
        """Deliver queued alarms, for a few seconds at most."""
        self._closing.set()
        self._wake.set()
        await asyncio.wait({self._delivering}, timeout=FLUSH_SECONDS)
        self._delivering.cancel()
        await asyncio.gather(self._delivering, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)
        self.lost += len(self._waiting)
        self._waiting.clear()
        if self.lost:
            log.error("alarms did not reach CloudWatch; each is in this log", lost=self.lost)

    async def _deliver(self) -> None:
        failures = 0
        while self._waiting or not self._closing.is_set():
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            last_try = self._closing.is_set()
            if await self._deliver_some():
                failures = 0
            elif last_try:
                return
            else:
                await self._pause(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1

    async def _deliver_some(self) -> bool:
        while self._waiting and datetime.now(UTC) - self._waiting[0].at > STALE:
            self._lose_oldest()
        batch = list(islice(self._waiting, BATCH))
        if batch and not await self._sent(batch):
            return False
        while self._waiting and any(self._waiting[0] is sent for sent in batch):
            self._waiting.popleft()
        return True

    def _lose_oldest(self) -> None:
        self._waiting.popleft()
        self.lost += 1

    async def _sent(self, batch: Sequence[_Waiting]) -> bool:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._service.send, batch)
        except Exception as error:  # whatever it is: an alarm never fails what raised it
            if not self._away:
                log.warning("CloudWatch does not take alarms; they are kept", error=_reason(error))
            self._away = True
            return False
        self._away = False
        return True

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()


class _CloudWatch:
    """The two AWS clients, called in a thread of their own."""

    def __init__(self, namespace: str, process: str) -> None:
        try:
            session = boto3.session.Session()
            self._metrics = session.client("cloudwatch", config=_PATIENCE)
            self._logs = session.client("logs", config=_PATIENCE)
        except (BotoCoreError, ValueError) as wrong:
            raise CloudWatchUnset(
                f"STOPWATCH_CLOUDWATCH_NAMESPACE is set, but CloudWatch cannot be addressed ({wrong}): "
                "set AWS_DEFAULT_REGION, or leave the namespace out."
            ) from wrong
        self._namespace = namespace
        # A namespace may hold colons, a log group may not; a stream neither colons nor asterisks.
        self._group = f"{namespace.replace(':', '-')}/alerts"
        self._stream = f"{process}/{socket.gethostname().replace(':', '-')}"

    def send(self, batch: Sequence[_Waiting]) -> None:
        """Send the metric, then the log events. Raises what boto3 raises."""
        uncounted = [waiting for waiting in batch if not waiting.counted]
        if uncounted:
            data = [datum for waiting in uncounted for datum in _data(waiting)]
            self._metrics.put_metric_data(Namespace=self._namespace, MetricData=data)
            for waiting in uncounted:
                waiting.counted = True
        try:
            self._put_events(batch)
        except ClientError as error:
            if _code(error) != _MISSING:
                raise
            self._make_stream()
            self._put_events(batch)

    def _put_events(self, batch: Sequence[_Waiting]) -> None:
        self._logs.put_log_events(
            logGroupName=self._group,
            logStreamName=self._stream,
            logEvents=[
                {"timestamp": int(waiting.at.timestamp() * 1000), "message": _message(waiting)}
                for waiting in sorted(batch, key=lambda waiting: waiting.at)
            ],
        )

    def _make_stream(self) -> None:
        for make, names in (
            (self._logs.create_log_group, {"logGroupName": self._group}),
            (self._logs.create_log_stream, {"logGroupName": self._group, "logStreamName": self._stream}),
        ):
            try:
                make(**names)
            except ClientError as error:
                if _code(error) != _EXISTS:  # another process was first
                    raise


def _data(waiting: _Waiting) -> list[dict[str, Any]]:
    datum = {"MetricName": METRIC, "Timestamp": waiting.at, "Value": 1, "Unit": "Count"}
    # An alarm in CloudWatch watches one metric and cannot sum over dimensions: the total is a metric too.
    return [datum, {**datum, "Dimensions": [{"Name": "Kind", "Value": waiting.alarm.kind}]}]


def _message(waiting: _Waiting) -> str:
    alarm = waiting.alarm
    message = {
        "kind": alarm.kind,
        "text": redact_text(alarm.text)[:LONGEST_TEXT],
        **alarm_ids(alarm),
        "at": waiting.at.isoformat(),
        "data": {name: redact_text(value)[:LONGEST_TEXT] for name, value in alarm.data.items()},
    }
    return json.dumps(message, ensure_ascii=False)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _reason(error: Exception) -> str:
    # The libraries' own messages may quote addresses and keys: the kind of error is enough to act on.
    return (
        f"{type(error).__name__} {_code(error)}".strip()
        if isinstance(error, ClientError)
        else type(error).__name__
    )
