"""The reconciler tells people in the morning, once at each time, and goes round for ever."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.reconciler import Look, Looked, Reconciled, due_alerts
from domain.session import exchange_time
from workflows.reconciler import Reconciler
from workflows.sandbox import workflow_runner


@dataclass
class Rounds:
    """Counts the rounds, and when people were told."""

    looks: list[Look] = field(default_factory=list)
    told: list[datetime] = field(default_factory=list)

    @activity.defn(name="reconcile")
    async def reconcile(self, look: Look) -> Reconciled:
        self.looks.append(look)
        return Reconciled()

    @activity.defn(name="tell_people")
    async def tell_people(self) -> int:
        self.told.append(activity.info().started_time)
        return 1


def ist(hour: int, minute: int, second: int = 0) -> datetime:
    """Return a moment of a Monday, exchange time, as UTC."""
    return datetime(2026, 11, 23, hour, minute, second, tzinfo=UTC) - timedelta(hours=5, minutes=30)


@pytest.mark.parametrize(
    ("since", "now", "due"),
    [
        (ist(8, 29, 58), ist(8, 30, 3), (time(8, 30),)),
        (ist(8, 30), ist(8, 30, 5), ()),
        (ist(8, 0), ist(9, 30), (time(8, 30), time(9, 0))),
        (ist(9, 0, 1), ist(23, 0), ()),
    ],
)
def test_people_are_told_once_at_each_time(since: datetime, now: datetime, due: Sequence[time]) -> None:
    assert due_alerts(since, now) == due


async def test_morning_is_told_once_while_rounds_go_on(env: WorkflowEnvironment) -> None:
    rounds = Rounds()
    while (now := exchange_time(await env.get_current_time())).time() < time(9, 0, 1):
        await env.sleep(timedelta(minutes=30))
    async with Worker(
        env.client,
        task_queue="reconciler",
        workflows=[Reconciler],
        activities=[rounds.reconcile, rounds.tell_people],
        workflow_runner=workflow_runner(),
    ):
        looked = Looked(now.replace(hour=8, minute=0))
        handle = await env.client.start_workflow(
            Reconciler.run,
            looked,
            id=f"reconciler-{uuid4()}",
            task_queue="reconciler",
            execution_timeout=timedelta(days=3),
        )
        for _ in range(6):
            await env.sleep(timedelta(seconds=5))
        await handle.terminate()
    assert len(rounds.looks) > 3
    assert len(rounds.told) == 1
