"""Sends an order: takes the right in the store, calls the broker once, and writes down its answer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from domain.budget import WAIT
from domain.deadline import Deadline
from domain.errors import StopwatchError
from domain.failpoint import failpoint
from domain.order import CALL_DEADLINE, CLAIM_LASTS, Attempt, LegKey, OrderRequest
from domain.outcome import Cause, Denied, PlaceOutcome, Rejected, Unknown
from domain.ports import Broker, Brokers, Claimed, Clock, NotClaimed, OrderLog
from execution.order_intent import Barred, Foreign, OrderIntent, TooLate
from execution.policy import Account, Permit
from execution.send_barrier import SendBarrier
from execution.turn_line import TurnLine

ANSWER_WAITS = 0.25
"""Seconds that the answer to an order waits at the most for others that are about to leave."""


class OrderSender:
    """Sends intents whose time has come. Those that leave at one moment come before what follows them."""

    def __init__(self, log: OrderLog, brokers: Brokers, clock: Clock) -> None:
        self._log = log
        self._brokers = brokers
        self._clock = clock
        self._unanswered: set[LegKey] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._barrier = SendBarrier()

    def may_be_in_flight(self, key: LegKey) -> bool:
        """Tell whether this process called the broker for the leg with no answer, or none it could write."""
        return key in self._unanswered

    async def send(self, intent: OrderIntent, attempt: Attempt, permit: Permit) -> None:
        """Take the right to send and call the broker, once; whatever comes back is written down.

        An account that is still to come is waited for once the right is taken; where none does, the intent is
        not placed. Returns without a word where another caller has the right, or the permit is too old.
        Raises `TooLate`, `Barred`, `StoreUnavailable`.
        """
        with self._barrier.leaving() as left:
            claim, ends, crowded = await self._claimed(intent, attempt, permit, left)
            if claim is None:
                return
            if isinstance(claim, NotClaimed):
                if claim.barred is not None:
                    raise Foreign(claim.barred) if claim.foreign else Barred(claim.barred)
                if claim.too_late:
                    raise TooLate(crowded)
                return
            # From here to the written answer nothing may be cut short: only the claimer knows what it did.
            call = asyncio.ensure_future(self._call(intent, claim.attempt, permit, ends, left))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            await asyncio.shield(call)

    async def finished(self) -> None:
        """Wait until every call under way has its answer written down, awaited or not."""
        if self._calls:
            await asyncio.wait(set(self._calls))

    async def _claimed(
        self, intent: OrderIntent, attempt: Attempt, permit: Permit, waits: Callable[[], None]
    ) -> tuple[Claimed | NotClaimed | None, Deadline, str]:
        """Take the right to send, None where the permit is too old; return it with its end.

        The end counts from before the right was asked for, so that it is never later than the store's. The
        last is why an entry's turn came late, in words; empty where no line was before it.
        """
        claim, ends = await self._claim(intent, attempt, permit)
        barred, line = None, TurnLine(intent)
        while isinstance(claim, NotClaimed) and (claim.too_early or claim.over_budget or claim.may_pass):
            # This machine's clock is ahead of the store's, which decides: wait by its difference. Or the
            # account has had its orders of this second: wait for the next one's turn. Or a sale of the user
            # is out, and what it loses counts.
            waits()
            barred = claim.barred
            line.saw(claim)
            await self._clock.sleep(_until_asked_again(claim, intent))
            claim, ends = await self._claim(intent, attempt, permit)
        if isinstance(claim, NotClaimed) and claim.too_late and barred is not None:
            claim = replace(claim, barred=barred)  # why it has become too late
        if isinstance(claim, NotClaimed):
            line.saw(claim)
        return claim, ends, line.why_late

    async def _claim(
        self, intent: OrderIntent, attempt: Attempt, permit: Permit
    ) -> tuple[Claimed | NotClaimed | None, Deadline]:
        ends = Deadline.of(self._clock, CLAIM_LASTS)
        if permit.good_for is not None and permit.good_for.left() <= 0:
            return None, ends
        claim = await self._log.claim(
            *(attempt, permit.quantity, intent.reason, intent.due_at, intent.latest),
            *(permit.price, permit.limit, permit.stop),
        )
        return claim, ends

    async def _call(
        self,
        intent: OrderIntent,
        attempt: Attempt,
        permit: Permit,
        ends: Deadline,
        left: Callable[[], None],
    ) -> None:
        price = permit.limit.price if permit.limit else None
        terms, side = intent.terms, intent.key.leg.side
        order = OrderRequest(terms, side, permit.quantity, attempt.tag, price, permit.stop)
        step = intent.key.leg.value
        self._unanswered.add(intent.key)
        await failpoint(f"{step}.claimed")
        # Claimed a moment ahead, so that what leaves at the instant is only the request itself.
        await self._clock.sleep_until(intent.due_at)
        account = await self._account(permit.account, ends)
        seconds = ends.left()
        left()  # on a warm connection the request is written before this coroutine is left again
        if isinstance(account, Denied):
            outcome: PlaceOutcome = account
        elif seconds <= 0:
            outcome = Denied("the right to send it had expired before it left")
        else:
            outcome = await self._place(order, account, seconds)
        await self._barrier.over(ANSWER_WAITS)
        await failpoint(f"{step}.sent")
        await self._log.answer(attempt, outcome, intent.why)
        if not isinstance(outcome, Unknown):
            self._unanswered.discard(intent.key)
        await failpoint(f"{step}.answered")
        died = isinstance(outcome, Rejected) and outcome.cause is Cause.LOGIN
        if died and not isinstance(account, Denied):
            await self._brokers.login_died(intent.key.user_id, account)

    async def _account(self, opening: Account, ends: Deadline) -> Broker | Denied:
        if not isinstance(opening, asyncio.Future):
            return opening
        try:
            async with asyncio.timeout(max(0.0, ends.left())):
                return await asyncio.shield(opening)
        except (StopwatchError, TimeoutError) as none:
            return Denied(str(none) or "the broker account was not at hand in time")

    async def _place(self, order: OrderRequest, broker: Broker, leave_within: float) -> PlaceOutcome:
        try:
            return await broker.place(order, CALL_DEADLINE, leave_within)
        except Exception as odd:  # the port promises never to raise; if it does, the order may be there
            return Unknown(f"the broker's adapter failed: {type(odd).__name__}")


def _until_asked_again(claim: NotClaimed, intent: OrderIntent) -> float:
    """Return the seconds until a claim that may pass is made again, by the store's clock."""
    if claim.too_early:
        return (intent.due_at - claim.now).total_seconds()
    if claim.over_budget and claim.turn_at is not None:
        return max(WAIT, (claim.turn_at - claim.now).total_seconds())
    return WAIT
