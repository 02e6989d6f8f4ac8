"""The executor: the one loop that carries a leg's orders from plan to end.

Everything here may be raced: by a second worker after a crash, by a worker that was frozen, by the fast path
of a stop. What keeps an order from being sent twice is the intent's row: the caller that wins its claim calls
the broker, once; for every other caller it counts as sent, its answer unknown, and it is looked up by its tag
before anything else happens.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from domain.errors import LoginNeeded
from domain.failpoint import failpoint
from domain.leg import Done, Follow, LookUp, Plan, Send, filled, is_full_slice, next_step
from domain.order import Attempt, OrderStatus
from domain.ports import Clock, OrderLog
from execution.follower import OrderFollower
from execution.intents import plan_another, plan_first
from execution.order_sender import OrderSender
from execution.policy import Policy


@dataclass(frozen=True, slots=True)
class Execution:
    """How far a leg came. `done`: its rules allow nothing more; else the next attempt is the caller's."""

    attempts: Sequence[Attempt]
    done: bool


class _Turn:
    """What one execution may still do: plan an attempt and send it, and the same after each full slice.

    One that was planned and may not be sent, because the day is over, is the last: the loop ends.
    """

    def __init__(self, may_send: bool, most: int | None) -> None:
        self.may_send = may_send
        self.may_plan = may_send
        self._slices = most if may_send else None
        self._sliced = 0
        self._planned_on: Sequence[Attempt] | None = None

    def comes(self, attempts: Sequence[Attempt], halt: asyncio.Event) -> None:
        """Take the leg as it is now: a full slice may be followed by another, once; a halt ends it all.

        Where nothing was planned because the leg had moved on, it may be planned on what it is now.
        """
        planned_on, self._planned_on = self._planned_on, None
        if planned_on is not None and len(attempts) == len(planned_on) and list(attempts) != list(planned_on):
            self.may_plan = True
        if len(attempts) > self._sliced and is_full_slice(attempts, self._slices):
            self._sliced = len(attempts)
            self.may_send = self.may_plan = True
        if halt.is_set():
            self.is_over()

    def planned(self, attempts: Sequence[Attempt]) -> None:
        """Take that an attempt was to be planned on the leg as it was read."""
        self.may_plan, self._planned_on = False, attempts

    def is_over(self) -> None:
        """Plan and send nothing more, unless a slice turns out full."""
        self.may_send = self.may_plan = False


class OrderExecutor:
    """Plans, sends, looks up, follows and cancels, by the rules of `domain.leg` and a policy."""

    def __init__(self, log: OrderLog, sender: OrderSender, follower: OrderFollower, clock: Clock) -> None:
        self._log = log
        self._sender = sender
        self._follower = follower
        self._clock = clock

    async def execute(
        self, policy: Policy, halt: asyncio.Event, attempts: Sequence[Attempt], *, may_send: bool = True
    ) -> Execution:
        """Bring the leg to its end, with one order sent at the most, or one slice after the other.

        Returns how far it came.

        `attempts` is the leg as its caller read it; a scheduled order's caller gives that order alone, and it
        is claimed without asking what became of it, since the claim answers that. After what was found sent
        already nothing is sent: the caller decides when the next attempt is due. Halted, it sends nothing
        more and cancels what is open. Raises what the policy raises, `TooLate`, `Barred`, `StoreUnavailable`.
        """
        key = policy.intent.key
        turn = _Turn(may_send and not halt.is_set(), policy.intent.terms.most)
        if turn.may_send and any(attempt.status is OrderStatus.ABSENT for attempt in attempts):
            await self._follower.count_late(policy, attempts)
            attempts = await self._log.leg(key)
        with self._follower.following(halt) as following:
            while True:
                turn.comes(attempts, halt)
                try:
                    match next_step(key.leg, attempts, policy.wanted(attempts), policy.intent.terms.most):
                        case Plan() as plan if turn.may_plan and await self._planned(
                            plan, policy, attempts, halt
                        ):
                            turn.planned(attempts)
                        case Send(attempt=attempt) if turn.may_send:
                            await failpoint(f"{key.leg}.planned")
                            missing = policy.wanted(attempts) - filled(attempts)
                            permit = await policy.permit(attempts, missing, halt)
                            turn.is_over()
                            if permit is not None:
                                await self._sender.send(policy.intent, attempt, permit)
                        case LookUp():
                            turn.is_over()
                            await self._follower.look_up(policy, attempts, following)
                        case Follow(attempt=attempt):
                            if attempt.resting is None:  # what is left of a stop is sold in the same turn
                                turn.is_over()
                            await self._follower.follow(policy, attempt, attempts, following)
                        case step:
                            return Execution(attempts, isinstance(step, Done))
                except LoginNeeded:  # what was sent is followed with the next login
                    following.until = None
                    await policy.login.renew()
                attempts = await self._log.leg(key)

    async def _planned(
        self, plan: Plan, policy: Policy, attempts: Sequence[Attempt], halt: asyncio.Event
    ) -> bool:
        """Write the next intent; False where the policy, or a halt, keeps it from being written."""
        if plan.supersedes is None:
            await plan_first(self._log, policy.intent)
            return True
        if not await policy.may_plan_another(attempts, halt):
            return False
        await plan_another(self._log, policy.intent, plan.supersedes, self._clock.now())
        return True
