"""The activities of an exit that send nothing: waiting for what lifts a refusal, looking at the account."""

from temporalio import activity

from activities.heartbeat import beating
from domain.run import Exited, ExitOrder, HeldSale, Lift
from execution.exit_lifts import ExitLifts
from execution.exits import Exits


class ExitWaitActivities:
    """May be repeated, and be cut short at any time: nothing depends on having heard the answer."""

    def __init__(self, lifts: ExitLifts, exits: Exits) -> None:
        self._lifts = lifts
        self._exits = exits

    @activity.defn
    async def wait_for_lift(self, held: HeldSale) -> Lift:
        """Wait until the next try of a refused sale is due, or what keeps it back is gone."""
        return await beating(lambda halt: self._lifts.wait(held, halt))

    @activity.defn
    async def look_at_account(self, order: ExitOrder) -> Exited:
        """Say whether the account still shows what is held."""
        return await beating(lambda _: self._exits.look(order))
