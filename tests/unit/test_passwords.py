"""Passwords are hashed beside everything else, at each priority that a process can be started with."""

import os
import threading

import pytest

from services.auth.passwords import NICENESS, _step_back


@pytest.mark.parametrize(("niceness", "then"), [(0, NICENESS), (19, 19)])
def test_a_thread_that_hashes_never_asks_for_more_priority_than_it_has(niceness: int, then: int) -> None:
    """The system lets root alone have more: under `nice make run` every registration would fail."""
    found: list[int] = []

    def hashes() -> None:
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))
        before = os.getpriority(os.PRIO_PROCESS, thread)
        _step_back()
        found.extend((before, os.getpriority(os.PRIO_PROCESS, thread)))

    thread = threading.Thread(target=hashes)
    thread.start()
    thread.join()
    before, after = found
    assert after == max(then, before)
