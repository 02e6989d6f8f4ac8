"""The part of an execution that differs between an entry and an exit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from domain.deadline import Deadline
from domain.listing import Listing
from domain.order import Attempt, BrokerOrder, Limit
from domain.ports import Broker
from domain.stop_prices import StopPrices
from execution.order_intent import OrderIntent

Account = Broker | asyncio.Future[Broker]
"""An account that orders can be sent with, or one that soon is."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Permission to send `quantity` shares with `account`.

    `price` is the highest it may cost, or the last one known: an entry's value is judged by it. `limit`: of a
    LIMIT order, None at the market.
    """

    quantity: int
    account: Account
    price: Decimal | None = None
    good_for: Deadline | None = None
    """Until when it may be acted on; None where the claim itself bounds that."""
    limit: Limit | None = None
    stop: StopPrices | None = None
    """Of an order that rests."""


class Login(Protocol):
    """The account of one execution, opened once and passed down."""

    async def account(self) -> Broker:
        """Return the account with a living login."""
        ...

    @property
    def was_away(self) -> bool:
        """Tell whether a login was waited for: much may have happened at the broker."""
        ...

    async def renew(self) -> None:
        """Forget a dead login. Raises `LoginNeeded` where the execution does not wait for a new one."""
        ...


class Policy(Protocol):
    """The rules of one execution: checks before a send, the quantity, and what an absent order means."""

    @property
    def intent(self) -> OrderIntent: ...

    def wanted(self, attempts: Sequence[Attempt]) -> int:
        """Return how many shares the leg wants in all, as far as its attempts show."""
        ...

    def fill_seconds(self, attempts: Sequence[Attempt]) -> float:
        """Return for how many seconds from now on an open order may rest before it is cancelled."""
        ...

    @property
    def login(self) -> Login: ...

    async def may_plan_another(self, attempts: Sequence[Attempt], halt: asyncio.Event) -> bool:
        """Tell whether the leg's `attempts` may be followed by another one now."""
        ...

    async def permit(self, attempts: Sequence[Attempt], missing: int, halt: asyncio.Event) -> Permit | None:
        """Return how many of the `missing` shares of the leg may be sent now; None when halted first.

        Raises what ends the execution: `EntryRefused`, `ClosedOutside`.
        """
        ...

    async def before_look(
        self, attempts: Sequence[Attempt], account: Broker, halt: asyncio.Event
    ) -> Sequence[Attempt]:
        """Do what open orders need before the order book is read; return the leg as it is then."""
        ...

    async def resting(
        self, attempt: Attempt, book: Sequence[BrokerOrder], account: Broker, halt: asyncio.Event
    ) -> None:
        """Do what the rules ask for while an order is open, as the order book shows it."""
        ...

    async def not_in_book(
        self, unknown: Sequence[Attempt], attempts: Sequence[Attempt], book: Listing[BrokerOrder]
    ) -> None:
        """Decide about `unknown` attempts that a readable order book does not show."""
        ...
