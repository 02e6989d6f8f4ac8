"""Makes the rounds of a probe: buys one share, rests a stop, changes it, sells; each by the person's word.

Round 1: buy, try what is to be refused, rest an SL-M, move its trigger, try a trigger above the last price,
change it to MARKET. Round 2, where it is wanted: buy, rest, cancel, sell. What is seen is noted under the
names of `services.probe.expectations`. Whatever does not go on raises `Stopped`; `services.probe.closing`
then looks at what is open.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from domain.money import decimal_text, tick_above, tick_below
from domain.order import OrderStatus, Side
from domain.quote import Quote
from domain.stop_prices import LOW_PRICE, OrderKind, StopPrices
from services.probe.account import ONE, ProbeAccount, Row, Sent, answer_text, is_refusal
from services.probe.expectations import NAMES, WAITS
from services.probe.person import Person

FILLS_WITHIN, SHOWN_WITHIN, TAKEN_WITHIN = 20.0, 10.0, 5.0
"""Seconds in which an order at the market is filled, a change is shown, and what is not refused is shown."""
REFUSED_LOOKS = 1.5
"""Seconds in which the order book is looked at after a refusal, which is to change nothing."""
STOP_AT, MOVED_TO, WIDE_AT, ABOVE = Decimal("0.96"), Decimal("0.965"), Decimal("0.97"), Decimal("1.02")
"""Triggers, as parts of the last price."""
WIDE_GAP, WIDE_LOW_GAP = Decimal("0.95"), Decimal(2)
"""The refused limit: this part of its trigger; for triggers up to ₹50 so many rupees below it."""


class Stopped(Exception):
    """The round does not go on. The message says what happened."""


@dataclass(slots=True)
class Rounds:
    """One probe of one account."""

    account: ProbeAccount
    person: Person
    seen: dict[str, str] = field(default_factory=dict)

    async def first(self) -> None:
        """Make the first round. Raises `Stopped`, and what reads of the account raise."""
        await self._buy("buy")
        await self._try_a_wide_stop()
        sent, row = await self._rest("stop")
        row = await self._move(sent, row)
        row = await self._try_above(sent, row)
        await self._sell_by_the_stop(sent, row)

    async def second(self) -> None:
        """Make the second round. Raises as `first`."""
        await self._buy(None)
        sent, row = await self._rest(None)
        await self._cancel(sent, row)
        await self._sell_anew()

    async def _buy(self, name: str | None) -> None:
        await self._ask(
            "BUY one share at the market. It is paid with its price, which you have back by the sale"
        )
        sent, reply = await self.account.send(Side.BUY, "the purchase")
        self._note(name, "answer", answer_text(reply))
        if sent.refused:
            raise Stopped(f"The purchase was refused: {reply.message or answer_text(reply)}.")
        row = await self.account.until(sent, _is_filled, FILLS_WITHIN)
        self._note_row(name, sent, row)
        if row is None or row.order.status is not OrderStatus.COMPLETE:
            raise Stopped(f"The purchase is not filled: {_shown(row)}.")
        price = row.order.average_price
        self.person.say(f"Bought, at {decimal_text(price) if price else 'a price that is not shown'}.")

    async def _try_a_wide_stop(self) -> None:
        stop = self._wide(await self.account.quote())
        if stop is None:
            self.person.say("The refused limit would be below the limit of the day: not tried.")
            return
        await self._ask(
            f"Try an SL with trigger {decimal_text(stop.trigger)} and limit "
            f"{decimal_text(stop.limit or Decimal())}, which is to be refused. It costs nothing; if it is "
            "taken, it is cancelled at once"
        )
        sent, reply = await self.account.send(Side.SELL, "the SL that was to be refused", stop)
        row = None if sent.refused else await self.account.until(sent, _rests, TAKEN_WITHIN)
        if row is None and not sent.refused:
            raise Stopped(f"It was answered with {answer_text(reply)}, and the order book does not show it.")
        message = reply.message if row is None else row.order.message
        if row is None or row.order.status is OrderStatus.REJECTED:
            self._note("wide", "taken", "refused" if row is not None or is_refusal(reply) else "not known")
            self._note("wide", "message", message)
            return
        self._note("wide", "taken", f"taken, {row.status}")
        await self.account.cancel(row)
        row = await self.account.until(sent, _never, FILLS_WITHIN)
        if row is None or row.order.status is not OrderStatus.CANCELLED:
            raise Stopped(f"It was taken, and could not be cancelled: {_shown(row)}.")

    async def _rest(self, name: str | None) -> tuple[Sent, Row]:
        trigger = await self._trigger(STOP_AT)
        await self._ask(
            f"Rest an SL-M to SELL the share at {decimal_text(trigger)}. It costs nothing; if the price "
            "falls to it, the share is sold there"
        )
        stop = StopPrices(OrderKind.SL_M, trigger)
        sent, reply = await self.account.send(Side.SELL, "the stop", stop)
        self._note(name, "answer", answer_text(reply))
        if sent.refused:
            raise Stopped(f"The stop was refused: {reply.message or answer_text(reply)}.")
        row = await self.account.until(sent, _waits, SHOWN_WITHIN)
        self._note_row(name, sent, row)
        self._note_trigger(name, row, trigger)
        return sent, _resting(row)

    async def _move(self, sent: Sent, row: Row) -> Row:
        trigger = await self._trigger(MOVED_TO)
        await self._ask(f"Move its trigger to {decimal_text(trigger)}. It costs nothing")
        reply = await self.account.change(row, StopPrices(OrderKind.SL_M, trigger))
        self._note("move", "answer", answer_text(reply))
        # On its way the order may be shown with the new trigger under a passing status.
        moved = await self.account.until(sent, lambda one: _waits_at(one, trigger), SHOWN_WITHIN)
        self._note_row("move", sent, moved)
        self._note_trigger("move", moved, trigger)
        await self._note_number("move", sent, row)
        return _resting(moved)

    async def _try_above(self, sent: Sent, row: Row) -> Row:
        above = await self._trigger(ABOVE)
        await self._ask(
            f"Try to move its trigger to {decimal_text(above)}, above the last price, which is to be "
            "refused. It costs nothing; if it is taken, the share is sold at the market"
        )
        before = row.order.trigger
        reply = await self.account.change(row, StopPrices(OrderKind.SL_M, above))
        seconds = REFUSED_LOOKS if is_refusal(reply) else TAKEN_WITHIN
        after = await self.account.until(sent, lambda one: one.order.trigger == above, seconds)
        if after is not None and not _waits(after):
            after = await self.account.until(sent, _waits, SHOWN_WITHIN)
        as_it_was = after is not None and _waits(after) and after.order.trigger == before
        refused = as_it_was or is_refusal(reply)
        self._note("above", "taken", "refused" if refused else f"{answer_text(reply)}, {_shown(after)}")
        if reply.message:
            self._note("above", "message", reply.message)
        self._note("above", "left", "as it was" if as_it_was else _shown(after))
        return _resting(after)

    async def _sell_by_the_stop(self, sent: Sent, row: Row) -> None:
        await self._ask("Change the stop to MARKET, which sells the share now")
        reply = await self.account.change(row, None)
        self._note("sale", "answer", answer_text(reply))
        sold = await self.account.until(sent, _is_filled, FILLS_WITHIN)
        self._note_row("sale", sent, sold)
        await self._note_number("sale", sent, row)
        _sold(sold)
        await self._note_left("sale")

    async def _cancel(self, sent: Sent, row: Row) -> None:
        await self._ask("Cancel the stop. It costs nothing; the share is then held without one")
        reply = await self.account.cancel(row)
        self._note("cancel", "answer", answer_text(reply))
        over = await self.account.until(sent, _never, FILLS_WITHIN)
        self._note_row("cancel", sent, over)
        if over is None or over.order.status is not OrderStatus.CANCELLED:
            raise Stopped(f"The stop is not cancelled: {_shown(over)}.")

    async def _sell_anew(self) -> None:
        await self._ask("SELL the share at the market")
        sent, reply = await self.account.send(Side.SELL, "the sale")
        self._note("after", "answer", answer_text(reply))
        if sent.refused:
            raise Stopped(f"The sale was refused: {reply.message or answer_text(reply)}.")
        sold = await self.account.until(sent, _is_filled, FILLS_WITHIN)
        self._note_row("after", sent, sold)
        _sold(sold)
        await self._note_left("after")

    async def _ask(self, what: str) -> None:
        if not await self.person.agrees(f"{what}."):
            raise Stopped("You did not agree to this step.")

    async def _trigger(self, part: Decimal) -> Decimal:
        last = (await self.account.quote()).last_price
        return tick_above(last * part, self.account.share.tick_size)

    def _wide(self, quote: Quote) -> StopPrices | None:
        """Return an SL with a limit over the permitted range; None where the day's limits take none."""
        tick = self.account.share.tick_size
        trigger = tick_above(quote.last_price * WIDE_AT, tick)
        wide = trigger - WIDE_LOW_GAP if trigger <= LOW_PRICE else trigger * WIDE_GAP
        limit = tick_below(wide, tick)
        if limit < (quote.lower_circuit or tick):
            return None
        return StopPrices(OrderKind.SL, trigger, limit)

    def _note(self, name: str | None, what: str, seen: str) -> None:
        """Note what was seen, where the table has a line for it; of the second round's steps it has few."""
        if name is not None and f"{name}.{what}" in NAMES:
            self.seen[f"{name}.{what}"] = seen

    def _note_row(self, name: str | None, sent: Sent, row: Row | None) -> None:
        if row is None:
            self._note(name, "status", "not in the order book")
            return
        order = row.order
        self._note(name, "status", row.status)
        self._note(name, "order_type", order.order_type)
        self._note(name, "filled", str(order.filled_quantity))
        self._note(name, "quantity", str(order.quantity))
        self._note(name, "tag", "found" if sent.tag in order.tags else "not found")

    def _note_trigger(self, name: str | None, row: Row | None, asked: Decimal) -> None:
        shown = None if row is None else row.order.trigger
        words = "none" if shown is None else decimal_text(shown)
        seen = "as asked" if shown == asked else f"{words}, not {decimal_text(asked)}"
        self._note(name, "trigger", seen)

    async def _note_number(self, name: str, sent: Sent, before: Row) -> None:
        numbers = {row.number for row in await self.account.rows_of(sent)}
        seen = "same" if numbers == {before.number} else f"{', '.join(sorted(numbers))}, not {before.number}"
        self._note(name, "number", seen)

    async def _note_left(self, name: str) -> None:
        """Note the net position of the day, once it is zero or has had its time."""
        ends = self.account.clock.monotonic() + SHOWN_WITHIN
        while (left := (await self.account.holding()).today) != 0:
            if self.account.clock.monotonic() >= ends:
                break
            await self.account.clock.sleep(1)
        self._note(name, "left", str(left))


def _resting(row: Row | None) -> Row:
    if row is None or not _waits(row):
        raise Stopped(f"The stop does not rest: {_shown(row)}.")
    return row


def _sold(row: Row | None) -> None:
    if row is None or row.order.filled_quantity != ONE:
        raise Stopped(f"The share is not sold: {_shown(row)}.")


def _shown(row: Row | None) -> str:
    if row is None:
        return "the order book does not show it"
    why = f", {row.order.message}" if row.order.message else ""
    return f"order {row.number} is {row.status} with {row.order.filled_quantity} filled{why}"


def _waits(row: Row) -> bool:
    return row.status == WAITS


def _waits_at(row: Row, trigger: Decimal) -> bool:
    return _waits(row) and row.order.trigger == trigger


def _rests(row: Row) -> bool:
    return row.status in (WAITS, "OPEN")


def _is_filled(row: Row) -> bool:
    return row.order.status is OrderStatus.COMPLETE


def _never(row: Row) -> bool:
    return False  # it is awaited until it is over
