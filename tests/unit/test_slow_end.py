"""A process that does not end says what it waits for."""

import asyncio

from structlog.testing import capture_logs

from adapters.process.slow_end import watch_slow_end


async def hold_on() -> None:
    await asyncio.Event().wait()


async def test_what_keeps_a_process_is_named() -> None:
    held = asyncio.ensure_future(hold_on())
    await asyncio.sleep(0)
    with capture_logs() as logs:
        watch_slow_end(0)
        await asyncio.sleep(0.01)
    held.cancel()
    assert "hold_on" in str(logs[0]["tasks"])
