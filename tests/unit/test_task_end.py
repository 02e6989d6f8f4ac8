"""Tasks end when they are told to, also when a library loses the cancellation."""

import asyncio

import pytest

from execution import task_end
from execution.task_end import ended


async def test_a_task_ends_whose_driver_loses_one_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_end, "AGAIN", 0.01)
    lost = 0

    async def work() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    await asyncio.wait_for(ended([task]), 5)
    assert task.cancelled()
    assert lost == 2


async def test_a_task_that_fails_while_it_ends_has_ended() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    await ended([task])
    assert isinstance(task.exception(), ValueError)


async def test_what_has_ended_is_not_waited_for() -> None:
    task = asyncio.ensure_future(asyncio.sleep(0))
    await task
    await ended([task])
    assert not task.cancelled()
