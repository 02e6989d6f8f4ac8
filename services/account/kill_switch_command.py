"""`stopwatch kill-switch`: turns the operator's kill switch, and says what came of it.

Addresses come from the environment, as `stopwatch` finds them out.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from adapters.postgres.engine import Store
from adapters.postgres.named_database import ADDRESS, named_database
from adapters.postgres.operator import reason_words
from adapters.postgres.order_resolution import NotResolved
from adapters.process.leaving import leave
from adapters.temporal.connection import TemporalAddress, address_in, connect
from domain.errors import StoreUnavailable, Unavailable
from domain.limits import KillExits
from services.account.operator_kill_switch import SwitchOptions, turn
from workflows.client import TemporalOpenRuns


class _Runs:
    """Connects when the first run is told: without Temporal the switch is turned all the same."""

    def __init__(self, address: TemporalAddress | None) -> None:
        self._address = address
        self._runs: asyncio.Task[TemporalOpenRuns] | None = None

    async def sell(self, workflow_id: str, run_id: str, *, by_operator: bool = False) -> bool:
        if self._address is None:
            raise Unavailable("STOPWATCH_TEMPORAL_ADDRESS is not set")
        if self._runs is None:
            self._runs = asyncio.ensure_future(_open(self._address))
        return await (await self._runs).sell(workflow_id, run_id, by_operator=by_operator)


async def _open(address: TemporalAddress) -> TemporalOpenRuns:
    return TemporalOpenRuns(await connect(address, lazy=True), task_queue="")


async def _carry_out(options: SwitchOptions, address: str) -> int:
    store = Store.open(address, pool_size=1, application="stopwatch operator")
    try:
        report = await turn(store, _Runs(address_in(os.environ)), options)
    finally:
        await store.close()
    sys.stdout.write(f"{report.words}\n")
    return 0 if report.done else 1


def main(words: Sequence[str]) -> int:
    """Turn the switch; return the exit status: 1 when it was not turned, or a run could not be told."""
    asked = _parser().parse_args(words)
    address = named_database()
    if address is None:
        return 2
    options = SwitchOptions(KillExits(asked.exits) if asked.state == "on" else None, asked.reason, asked.user)
    try:
        return asyncio.run(_carry_out(options, address))
    except NotResolved as refused:
        sys.stderr.write(f"{refused}\n")
    except StoreUnavailable as away:
        sys.stderr.write(f"Nothing was turned. {away}: check that it runs, and {ADDRESS}.\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    switch = argparse.ArgumentParser(prog="stopwatch kill-switch", description="Stop all buying.")
    switch.add_argument("state", choices=("on", "off"))
    switch.add_argument("--user", help="e-mail or id; without it: everybody")
    switch.add_argument("--exits", choices=[one.value for one in KillExits], default=KillExits.KEEP.value)
    switch.add_argument("--reason", type=reason_words, required=True, help="why, for those who ask")
    return switch


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
