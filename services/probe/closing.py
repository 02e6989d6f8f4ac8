"""Looks at what a probe has left open at the broker, says it, and closes it where the person agrees.

A stop that rests is sold by: it is changed to MARKET, since one order number cannot sell twice. Only what
the order book shows unsold, with no order left that could sell it, is sold by a new order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.errors import BrokerNotConnected, BrokerRefused, LoginNeeded, Unavailable
from domain.order import OrderStatus, Side
from services.probe.account import ProbeAccount, Row, Sent
from services.probe.person import Person

UNREAD = (Unavailable, LoginNeeded, BrokerRefused, BrokerNotConnected)
"""What reading an account may end with."""
OVER_WITHIN = 15.0
"""Seconds in which an order that is closed is over."""
TURNS_UP_WITHIN = 20.0
"""Seconds in which an order without an answer is looked for."""


@dataclass(frozen=True, slots=True)
class Open:
    """What is open: shares held by the probe, its orders that live, and those that were never seen."""

    held: int
    live: Sequence[tuple[Sent, Row]]
    missing: Sequence[Sent]

    @property
    def is_nothing(self) -> bool:
        return not self.held and not self.live and not self.missing


@dataclass(slots=True)
class Closing:
    """Ends a probe. `last`: what was open when it could last be read; None: never read since."""

    account: ProbeAccount
    person: Person
    last: Open | None = None

    async def close(self) -> bool:
        """Say what is open and close it, as long as the person agrees; tell whether nothing is left."""
        while True:
            found = await self._look()
            if found is not None and found.is_nothing:
                self.person.say("Nothing of the probe is open at the broker.")
                return True
            self._say_open(found)
            if not await self.person.agrees(self._question(found)):
                self.say_how()
                return False
            try:
                await self._end(found)
            except UNREAD as away:
                self.person.say(f"That could not be finished: {away}")

    def say_how(self) -> None:
        """Say how a person closes by hand what is open, or may be."""
        share = self.account.share.key
        self.person.say(
            "How to close it: in Kite, first look under Orders and cancel the open orders in "
            f"{share}; then look under Positions, and exit what is held of {share} today. Its orders have "
            f"tags that begin with {self.account.prefix}."
        )

    async def _look(self) -> Open | None:
        """Read what is open; an order without an answer has its time to turn up. None: unreadable."""
        ends = self.account.clock.monotonic() + TURNS_UP_WITHIN
        while True:
            try:
                self.last = await self._read()
            except UNREAD as away:
                self.person.say(f"The account could not be read: {away}")
                return None
            if not self.last.missing or self.account.clock.monotonic() >= ends:
                return self.last
            await self.account.clock.sleep(1)

    async def _read(self) -> Open:
        rows = await self.account.rows()
        bought, sold = (_filled(rows, side) for side in (Side.BUY, Side.SELL))
        found = {sent.tag for sent, _ in rows}
        return Open(
            held=bought - sold,
            live=[(sent, row) for sent, row in rows if not row.is_over],
            missing=[sent for sent in self.account.sent if not sent.refused and sent.tag not in found],
        )

    def _say_open(self, found: Open | None) -> None:
        share = self.account.share.key
        if found is None:
            orders = ", ".join(f"{sent.what} (tag {sent.tag})" for sent in self.account.sent)
            self.person.say(f"OPEN: not known. In {share} these orders were sent: {orders}.")
            return
        if found.held > 0:
            self.person.say(f"OPEN: {found.held} share of {share} is held.")
        if found.held < 0:
            self.person.say(f"OPEN: {-found.held} share of {share} was sold too much: buy it back in Kite.")
        for sent, row in found.live:
            self.person.say(f"OPEN: {sent.what}, order {row.number}, is {row.status}.")
        for sent in found.missing:
            self.person.say(
                f"OPEN: {sent.what} had no answer, and the order book does not show its tag {sent.tag}. It "
                "may still turn up: look again in two minutes."
            )

    def _question(self, found: Open | None) -> str:
        if found is None or not (found.held > 0 or found.live):
            return "Look again?"
        what = [
            *(["sell the share at the market"] if found.held > 0 else []),
            *(["cancel what rests"] if found.live and found.held <= 0 else []),
        ]
        return f"Close it now ({', '.join(what)})?"

    async def _end(self, found: Open | None) -> None:
        if found is None:
            return
        for sent, row in found.live:
            if sent.side is Side.BUY:
                await self._cancel(sent, row)
        selling = [(sent, row) for sent, row in found.live if sent.side is Side.SELL]
        for number, (sent, row) in enumerate(selling):
            if number == 0 and found.held > 0 and await self._sold_by(sent, row):
                continue
            await self._cancel(sent, row)
        await self._sell_what_is_unsold()

    async def _sold_by(self, sent: Sent, row: Row) -> bool:
        """Change a stop to MARKET; tell whether it is over."""
        await self.account.change(row, None)
        after = await self.account.until(sent, _is_complete, OVER_WITHIN)
        return after is not None and after.is_over

    async def _cancel(self, sent: Sent, row: Row) -> None:
        await self.account.cancel(row)
        await self.account.until(sent, _is_complete, OVER_WITHIN)

    async def _sell_what_is_unsold(self) -> None:
        left = await self._read()
        if left.held <= 0 or left.live or any(sent.side is Side.SELL for sent in left.missing):
            return  # what lives, or may turn up, could sell it as well
        sent, reply = await self.account.send(Side.SELL, "the sale that ends the probe")
        if sent.refused:
            self.person.say(f"The sale was refused: {reply.message or reply.failure}.")
            return
        await self.account.until(sent, _is_complete, OVER_WITHIN)


def _filled(rows: Sequence[tuple[Sent, Row]], side: Side) -> int:
    return sum(row.order.filled_quantity for sent, row in rows if sent.side is side)


def _is_complete(row: Row) -> bool:
    return row.order.status is OrderStatus.COMPLETE
