"""The rules of one leg: what may be done next with its attempts. No I/O, no clock.

A leg is the row of its attempts, oldest first. The caller reads them, asks `next_step`, does that one thing,
writes it down and asks again. Every order goes through here, so the rules against sending twice live here.

A leg above what one order may have (`OrderTerms.most`) goes out in slices, one after the other:

| the newest slice of a leg that wants more        | what follows                                      |
|--------------------------------------------------|---------------------------------------------------|
| is filled                                        | the next slice, at once                           |
| was filled in part, cancelled or rejected        | entry: nothing; exit: another try, as of any sale |
| was not placed                                   | the same again, as often as an order may be tried |
| has no answer, and is in no order book           | nothing: it is looked for, by an entry of which   |
|                                                  | others are filled no longer than by a sale        |
| was sent, and a stop, STOP or sell time comes    | it is brought to its end; the leg is closed       |
| was to be sent when the day was over             | nothing                                           |
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.listing import Listing
from domain.order import Attempt, BrokerOrder, BrokerPosition, Leg, OrderStatus, OrderTerms, Side

ATTEMPTS = 3
"""Attempts of an entry, and of an exit before it is an emergency (seed, section 12 A)."""

IN_DOUBT = frozenset({OrderStatus.SENT, OrderStatus.ABSENT, OrderStatus.NOT_PLACED})
"""What the broker may still turn out to have, whatever we were told."""


@dataclass(frozen=True, slots=True)
class Horizons:
    """How long an unanswered send is looked for, counted from its claim."""

    entry: timedelta = timedelta(seconds=120)
    exit_resend: timedelta = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Plan:
    """Write attempt `attempt`, superseding the one before it where there is one."""

    attempt: int
    supersedes: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Claim the right to send `attempt`, and send it."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class LookUp:
    """Read the order book for these tags; nothing else may happen before."""

    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Follow:
    """The broker has it and it is not over."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more will be sent for this leg by these rules."""

    last: Attempt


Step = Plan | Send | LookUp | Follow | Done


def filled(attempts: Iterable[Attempt]) -> int:
    """Return how many shares the leg's attempts have filled."""
    return sum(attempt.filled_quantity for attempt in attempts)


def filled_value(attempts: Iterable[Attempt]) -> Decimal:
    """Return what the filled shares cost or brought, rupees, as far as their prices are known."""
    prices = ((attempt.filled_quantity, attempt.average_price) for attempt in attempts)
    return sum((price * quantity for quantity, price in prices if price is not None), Decimal(0))


def average_price(attempts: Sequence[Attempt]) -> Decimal | None:
    """Return the leg's average fill price; None before the first fill and while a price is not known."""
    quantity = filled(attempts)
    unknown = any(attempt.filled_quantity and attempt.average_price is None for attempt in attempts)
    return None if unknown or not quantity else filled_value(attempts) / quantity


def is_full_slice(attempts: Sequence[Attempt], most: int | None) -> bool:
    """Tell whether the newest attempt is filled, and had as many shares as one order may have.

    What the leg wants beyond that goes out as another order at once: it is no second try.
    """
    last = attempts[-1] if attempts and most is not None else None
    return last is not None and last.status is OrderStatus.COMPLETE and last.filled_quantity == most


def next_step(leg: Leg, attempts: Sequence[Attempt], wanted: int, most: int | None = None) -> Step:
    """Return the one thing to do for a leg that wants `wanted` shares in all, `most` of them in one order.

    An attempt whose answer is unknown blocks everything: it is looked up first. An entry gets at most
    `ATTEMPTS` tries for an order, each after proof that the one before was not placed, and none after it was
    an order that was not a full slice; an exit goes on while shares are left.
    """
    if not attempts:
        return Plan(1)
    unknown = tuple(attempt for attempt in attempts if attempt.status is OrderStatus.SENT)
    if unknown:
        return LookUp(unknown)
    for attempt in attempts:
        if attempt.status is OrderStatus.OPEN:
            return Follow(attempt)
    last = attempts[-1]
    if last.status is OrderStatus.PLANNED:
        return Send(last) if filled(attempts) < wanted else Done(last)
    if filled(attempts) >= wanted:
        return Done(last)
    return _after(leg, attempts, most)


def _after(leg: Leg, attempts: Sequence[Attempt], most: int | None) -> Step:
    last = attempts[-1]
    if leg is Leg.EXIT or (last.verdict is None and is_full_slice(attempts, most)):
        return Plan(last.attempt + 1, last)
    if last.verdict is None and last.status is OrderStatus.NOT_PLACED and _refused(attempts) < ATTEMPTS:
        return Plan(last.attempt + 1, last)
    return Done(last)  # an entry that was an order, or may have been one, is never sent again


def _refused(attempts: Sequence[Attempt]) -> int:
    """Return how many of the newest attempts were not placed, one after the other."""
    return next(
        (at for at, one in enumerate(reversed(attempts)) if one.status is not OrderStatus.NOT_PLACED),
        len(attempts),
    )


def found(attempts: Iterable[Attempt], book: Iterable[BrokerOrder]) -> dict[str, BrokerOrder]:
    """Return the broker's rows that carry an attempt's tag, by tag."""
    tags = {attempt.tag for attempt in attempts}
    return {tag: row for row in book for tag in row.tags & tags}


def entry_is_absent(
    attempt: Attempt, book: Listing[BrokerOrder], terms: OrderTerms, now: datetime, horizons: Horizons
) -> bool:
    """Tell whether an entry that `book` does not show has passed its horizon; it is never sent again.

    A book with unread rows of its symbol proves nothing: one of them may be this order.
    """
    past = attempt.sent_at is not None and now - attempt.sent_at >= horizons.entry
    return past and book.covers(terms.symbol)


def sales_are_explained(
    book: Listing[BrokerOrder], positions: Listing[BrokerPosition], terms: OrderTerms
) -> bool:
    """Tell whether what the position book says was sold today is what the visible SELL orders come to.

    Not while a row of the symbol could not be read, in either book: an unread row is not zero. What the
    position book shows beyond the visible orders, of this product and of the symbol's other ones:

    | sold of it | bought of others | bought of it | sold of others | explained |
    |---|---|---|---|---|
    | nothing | | | | yes |
    | n | n | m | m | yes: n were converted to another product, m back from one |
    | n | less | | | no: a sale that the order book hides |
    | n | n | m | not m | no: the order book hides more than a conversion |
    """
    if not (book.covers(terms.symbol) and positions.covers(terms.symbol)):
        return False
    return _sold_today(positions, terms) == _explained_sales(book, terms) or only_converted(
        book, positions, terms
    )


def only_converted(
    book: Sequence[BrokerOrder], positions: Sequence[BrokerPosition], terms: OrderTerms
) -> bool:
    """Tell whether a conversion is all by which the two books differ; also where they do not differ."""
    if any(row.side is None and (row.exchange, row.symbol) == (terms.exchange, terms.symbol) for row in book):
        return False  # an order whose side could not be read explains neither purchase nor sale
    ours, others = _beyond_orders(book, positions, terms)
    return ours[Side.SELL] == others[Side.BUY] and ours[Side.BUY] == others[Side.SELL]


def exit_may_be_resent(
    attempts: Sequence[Attempt],
    book: Listing[BrokerOrder],
    positions: Listing[BrokerPosition],
    terms: OrderTerms,
    now: datetime,
    horizons: Horizons,
) -> bool:
    """Tell whether an exit in doubt is proven absent, from one full and successful read of both books.

    All of it must hold: the horizon has passed; no attempt's tag is in the order book; and what the position
    book says was sold today is what the visible SELL orders explain. If the books disagree, nothing is sent.
    How much the next attempt may sell is another question (`domain.sellable`).
    """
    return (
        all(_past(attempt, now, horizons.exit_resend) for attempt in attempts)
        and not found((a for a in attempts if a.status in IN_DOUBT), book)
        and sales_are_explained(book, positions, terms)
    )


def _past(attempt: Attempt, now: datetime, horizon: timedelta) -> bool:
    if attempt.status is not OrderStatus.SENT:
        return True
    return attempt.sent_at is not None and now - attempt.sent_at >= horizon


def _of(terms: OrderTerms, row: BrokerOrder | BrokerPosition) -> bool:
    return (row.exchange, row.symbol, row.product) == (terms.exchange, terms.symbol, terms.product)


def _sold_today(positions: Sequence[BrokerPosition], terms: OrderTerms) -> int:
    return sum(row.day_sell_quantity for row in positions if _of(terms, row))


def _beyond_orders(
    book: Sequence[BrokerOrder], positions: Sequence[BrokerPosition], terms: OrderTerms
) -> tuple[Counter[Side], Counter[Side]]:
    """Return by how many shares the positions show more than the orders: of this product, and of others."""
    beyond: tuple[Counter[Side], Counter[Side]] = Counter(), Counter()
    here = terms.exchange, terms.symbol
    for row in positions:
        if (row.exchange, row.symbol) == here:
            of = beyond[row.product != terms.product]
            of[Side.BUY] += row.day_buy_quantity
            of[Side.SELL] += row.day_sell_quantity
    for order in book:
        if (order.exchange, order.symbol) == here and order.side is not None:
            beyond[order.product != terms.product][order.side] -= order.filled_quantity
    return beyond


def _explained_sales(book: Sequence[BrokerOrder], terms: OrderTerms) -> int:
    return sum(row.filled_quantity for row in book if _of(terms, row) and row.side is Side.SELL)
