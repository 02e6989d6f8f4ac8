"""The wall clock returns at the instant, not before it."""

from datetime import UTC, datetime, timedelta

from adapters.process.clock import SystemClock


async def test_sleep_until_never_returns_early_when_timers_do() -> None:
    clock = SystemClock()
    for milliseconds in (0.3, 1, 2.7, 20):
        instant = clock.now() + timedelta(milliseconds=milliseconds)
        await clock.sleep_until(instant)
        assert clock.now() >= instant


async def test_sleep_until_returns_at_once_when_the_instant_has_passed() -> None:
    clock = SystemClock()
    await clock.sleep_until(clock.now() - timedelta(days=1))


def test_now_is_aware_and_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


class JumpyClock(SystemClock):
    """A wall clock that an operator sets forward by an hour while somebody sleeps."""

    def __init__(self) -> None:
        self.reads = 0

    def now(self) -> datetime:
        self.reads += 1
        return super().now() + (timedelta(hours=1) if self.reads > 2 else timedelta(0))


async def test_sleep_until_notices_when_the_clock_is_set_forward() -> None:
    clock = JumpyClock()
    await clock.sleep_until(clock.now() + timedelta(minutes=30))  # the test's time limit is two minutes
    assert clock.reads == 3
