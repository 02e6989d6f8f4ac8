"""The order log: intents, claims, answers and fills."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.order import Attempt, BrokerOrder, LegKey, Limit, OrderTerms, Reason
from domain.outcome import PlaceOutcome
from domain.run import SaleLine
from domain.sellable import OtherClaims
from domain.stop_prices import StopPrices
from domain.strategy import Outcome


@dataclass(frozen=True, slots=True)
class Claimed:
    """The caller has the right to send, once. `now` is the store's clock at the claim."""

    attempt: Attempt
    now: datetime


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Another caller has it; or `latest` has passed (`too_late`); or `due_at` is over two seconds away.

    `too_early` is judged by the store's clock: the caller's is ahead. `over_budget`: the account has sent as
    many orders as it may for now (`domain.budget`). In both cases nothing was written: ask again.
    """

    attempt: Attempt
    now: datetime
    too_late: bool = False
    too_early: bool = False
    over_budget: bool = False
    barred: str | None = None
    """Why an entry may not be sent (`domain.limits`), in the user's words; nothing was written."""
    may_pass: bool = False
    """What bars it may be over in a moment: ask again."""
    foreign: bool = False
    """It is barred because no START was written down that buys this: a stranger asks, or a lost database."""
    turn_at: datetime | None = None
    """When an entry's turn comes, where more of its user's are due with it than the broker takes at once."""
    due_together: int = 1
    """The user's entries that are due at its instant, with it; those that have ended since count as well."""
    started_before: int = 0
    """How many of these were started before it."""


class OrderLog(Protocol):
    """The intents and their outcomes: the table `orders`."""

    async def leg(self, key: LegKey) -> Sequence[Attempt]:
        """Return the leg's attempts, oldest first."""
        ...

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None) -> Attempt:
        """Write the intent unless it exists; return the row that is there now."""
        ...

    async def supersede(
        self, attempt: Attempt, terms: OrderTerms, *, absent: bool, message: str, due_at: datetime
    ) -> Attempt:
        """Plan attempt n+1; where n is still sent, mark it (absent, or not placed) in the same transaction.

        Returns attempt n+1 as it is there now. Does nothing to n when it is no longer sent with no answer,
        and then returns n: the caller reads the leg again.
        """
        ...

    async def claim(
        self,
        attempt: Attempt,
        quantity: int,
        reason: Reason,
        due_at: datetime,
        latest: datetime | None,
        price: Decimal | None = None,
        limit: Limit | None = None,
        stop: StopPrices | None = None,
    ) -> Claimed | NotClaimed:
        """Take the right to send, by one committed UPDATE … WHERE sent_at IS NULL.

        `latest` is the last instant, by the store's clock, at which an entry may be sent. `price` is the
        highest it may cost, or the last one known: an entry's value is judged by it. `limit`: of a LIMIT
        order, None at the market. `stop`: of one that rests, which is not had once its leg's exit has begun.
        An entry is had only as the START that was written down says: its shares,
        account, day and round, no more of them, and not above its limit. A sale is never refused for that.
        """
        ...

    async def move(self, attempt: Attempt, price: Decimal) -> bool:
        """Take the right to ask the broker for a new price of an open order; written down before it is asked.

        False, and nothing is written, where another caller has asked since `attempt` was read, the order is
        not open any more, the price is above its ceiling, or the account has sent as much as it may for now.
        """
        ...

    async def answer(self, attempt: Attempt, outcome: PlaceOutcome, why: SaleLine | None = None) -> Attempt:
        """Write the outcome of sending; of a sale, why it was sent comes first, once for its START.

        Accepted → open; rejected for good (`Cause.FINAL`) → rejected; rejected otherwise, and denied → not
        placed; unknown leaves it sent, with the message.
        """
        ...

    async def deny(self, attempt: Attempt, message: str, verdict: Outcome | None = None) -> Attempt:
        """Mark an intent that was never sent as not placed; a `verdict` keeps its leg from sending more.

        One that is not placed already only gets the verdict.
        """
        ...

    async def close(self, key: LegKey, message: str, verdict: Outcome) -> Sequence[Attempt]:
        """Have no attempt follow the leg's newest one, whatever becomes of it; return the leg's attempts.

        Where that one was never sent, it is denied.
        """
        ...

    async def give_up(self, attempt: Attempt, message: str) -> Attempt:
        """Mark a sent attempt absent: its horizon has passed."""
        ...

    async def saw(self, attempt: Attempt, row: BrokerOrder) -> Attempt:
        """Write what the order book shows. Filled quantities only grow.

        The first filled share of an entry makes the position `bought` in the same transaction, writes the
        exit's first intent and the timeline's line; an exit's fills move it to `sold` when nothing is left.
        """
        ...

    async def looked_up(self, attempt: Attempt, message: str) -> None:
        """Record a look-up that found nothing."""
        ...

    async def other_claims(self, key: LegKey) -> OtherClaims:
        """Return what the user's other strategies hold of the same shares in the same product."""
        ...

    async def held_up(self, key: LegKey, kind: str, text: str, once: str) -> bool:
        """Add a line about what keeps the sale from being sent, and show it with the strategy.

        Shown until an order of the sale is taken, or the run ends. Tells whether the line is new: `once`.
        """
        ...

    async def say(self, key: LegKey, kind: str, text: str, once: str) -> bool:
        """Add a line to the strategy's timeline; `once` prevents duplicates. Tells whether it is new."""
        ...
