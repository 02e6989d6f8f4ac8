"""Plays one simulated day with the faults that are to strike it."""

import logging
from collections.abc import Sequence

from domain import failpoint
from tests.simulation.day import SimulatedDay
from tests.simulation.faults import Fault
from tests.simulation.loop import VirtualLoop
from tests.simulation.played import Played


def play(faults: Sequence[Fault]) -> Played:
    """Play one day with these faults, in milliseconds, always the same way."""
    logging.disable(logging.CRITICAL)  # the run says much on such a day; the ledger says what counts
    loop = VirtualLoop()
    day = SimulatedDay(loop, tuple(faults))
    failpoint.arm(day.failpoint)
    try:
        loop.run_until_complete(day.live())
        return day.played()
    finally:
        loop.run_until_complete(day.end())
        failpoint.disarm()
        logging.disable(logging.NOTSET)
