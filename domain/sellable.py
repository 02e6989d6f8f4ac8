"""Decides how much an exit may sell: never more than the account still shows of what this run bought.

The account is not ours alone. Its user sells and converts in the broker's app, the broker squares off, and
several strategies of one user may hold the same shares. A sale of what was once bought, and not of what is
still there, opens a short position.

The shares that the user had before a run's purchase, its `baseline`, are never sold: a sale by hand takes the
run's shares first, the newest run's before an older one's. Until an entry
that was sent long ago is found, its shares are not watched: its run counts as newer than any that buys before
the account is looked at again.

What the account shows (its position; for CNC with what it held before) beyond the baseline, what older runs
hold and what others bought since shares were found missing, and what follows:

- all that is held: sell all;
- nothing at all, of an account that was short by hand before the purchase and is not as the purchase left it:
  closed outside, as if it showed nothing (the broker squares off what is left of both, and a sale would open
  a short that it had just closed);
- less, twice in a row, in books that have settled: sell that much; if it is nothing, it was closed outside;
- less, while the order book disagrees: look again; when `patience` is over sell that much; nothing is called
  gone before the position has shown the same for a while (a conversion leaves the books at odds for the day);
- nothing that could be read: look again; when `patience` is over sell what is left as far as is known, since
  an unread book is not an empty one: all, less what the account was found to miss when it was last read,
  or what the order book shows that others have sold since the purchase, whichever is more; but where that
  leaves nothing, or an attempt before has read less, look until it can be read;
- a position that shows what was bought today, beside holdings that could not be read: look again; when
  `patience` is over sell what the position shows, and nothing while it shows none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from domain.listing import Listing
from domain.order import BrokerOrder, BrokerPosition, OrderTerms, Reason, Side, is_foreign

STOP_WAITS = 2.0
"""Seconds a stop-loss waits for the account to be read (design, section 10)."""
SALE_WAITS = 10.0
"""The same for a sale at its time or at its target: no loss grows while it waits."""
STEADY = 15.0
"""Seconds a position must show the same shortfall to be believed against an order book that disagrees.

A conversion leaves the two at odds for the rest of the day; a position book that lags catches up in a second.
"""
FOUND_LATE = timedelta(seconds=10)
"""An entry that is found so long after it was sent may have been sold by hand or squared off before."""
LOOKED_AT_WITHIN = timedelta(seconds=60)
"""The account is compared so often: by then what an entry that was found late still has is known."""
FILL_IS_KNOWN = timedelta(seconds=10)
"""A fill is written down so long after it happened, at the most, as long as the order book can be read."""
LATE = timedelta(seconds=10)
"""A sale that is later than this comes after an outage: much may have happened at the broker."""


@dataclass(frozen=True, slots=True)
class OtherClaims:
    """Claims on the same shares in the same product that come before this strategy's.

    `older`: unsold shares of the user's strategies whose claim is older than this one's. `in_flight`: an
    order of another strategy is on its way, so the account and the order log may disagree for a moment.
    `baseline`: shares that were in the account before this strategy's purchase and no strategy's, negative
    for a short; None where the account could not be read then. `holdings`: those of before the day, as they
    were read with the baseline. `missing`: shares of this strategy that the account does not show, as
    `domain.account_watch` has found it. `later`: shares that others bought since that was found: they
    replace none of it. `since`: when this strategy's first share was filled.
    """

    older: int = 0
    in_flight: bool = False
    baseline: int | None = None
    holdings: int | None = None
    missing: int = 0
    later: int = 0
    since: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Account:
    """One reading of the account, for one symbol: shares. `holdings` are those of before today (CNC only)."""

    net: int
    holdings: int = 0
    claims: OtherClaims = OtherClaims()

    def sellable(self, unsold: int) -> int:
        """Return how many of `unsold` shares of this run are still there to be sold."""
        shown, others = self.net + self.holdings, self.claims.older + self.claims.later
        own = self.claims.baseline
        if own is None:  # the user's own cannot be told from the run's
            return max(0, min(unsold, shown - others))
        if own < 0 and not shown and own + others + unsold:
            return 0
        return max(0, min(unsold, shown - others - own))


def left_unread(
    unsold: int, claims: OtherClaims, book: Listing[BrokerOrder] | None, terms: OrderTerms
) -> int:
    """Return how many of `unsold` shares may be sold of a position that cannot be read.

    An order book that cannot be read (None), or not for the symbol, says nothing about sales by others.
    """
    gone = [claims.missing]
    if book is not None and book.covers(terms.symbol):
        gone.append(sold_by_others(book, terms, claims.since))
    return max(0, unsold - max(gone))


def sold_by_others(book: Iterable[BrokerOrder], terms: OrderTerms, since: datetime | None) -> int:
    """Return how many shares more others sold than bought, in the symbol and product, since an instant.

    An order whose time is not known counts. So do those of the seconds before: a fill is known a moment after
    it happened.
    """
    from_then = None if since is None else since - FILL_IS_KNOWN
    others = [
        row
        for row in book
        if _is_of(terms, row)
        and row.product == terms.product
        and is_foreign(row.tags)
        and (from_then is None or row.updated_at is None or row.updated_at >= from_then)
    ]
    traded = {side: sum(row.filled_quantity for row in others if row.side is side) for side in Side}
    return max(0, traded[Side.SELL] - traded[Side.BUY])


def claims_from(sent_at: datetime | None, found_at: datetime) -> datetime | None:
    """Return since when an entry's claim counts, by when it was found at the broker; None: its first fill.

    An entry in doubt may turn up after the broker has squared it off. A strategy that buys the same shares
    before the account is looked at again would hide that, and have its own sold as the other's.
    """
    if sent_at is None or found_at - sent_at <= FOUND_LATE:
        return None
    return found_at + LOOKED_AT_WITHIN


def net_position(positions: Listing[BrokerPosition], terms: OrderTerms) -> int | None:
    """Return the day's net quantity in the symbol and product; negative for a short.

    None where a row of the symbol could not be read: an unread row is not a position of zero.
    """
    if not positions.covers(terms.symbol):
        return None
    return sum(
        row.quantity
        for row in positions
        if (row.exchange, row.symbol, row.product) == (terms.exchange, terms.symbol, terms.product)
    )


def position_to_sell(positions: Listing[BrokerPosition], terms: OrderTerms) -> int | None:
    """Return the same for a sale, which a row that names no symbol must not hold up for ever.

    The broker lists a symbol and product once: where its own row was read, such a row is another's. Without
    one the shares may be in that row, and the position stays unknown.
    """
    named = replace(positions, unreadable=positions.unreadable - {None})
    is_there = any(_is_of(terms, row) and row.product == terms.product for row in positions)
    return net_position(named if is_there else positions, terms)


def bought_today(positions: Listing[BrokerPosition], terms: OrderTerms) -> int:
    """Return the shares that the position book shows as bought today, in the symbol and product."""
    return sum(
        row.day_buy_quantity for row in positions if _is_of(terms, row) and row.product == terms.product
    )


def books_agree(book: Listing[BrokerOrder], positions: Listing[BrokerPosition], terms: OrderTerms) -> bool:
    """Tell whether both books show the same purchases and sales of the symbol today.

    A book that lags shows shares that are gone, or hides some that were bought. Over all products: a
    conversion moves what was bought from one row to another.
    """
    if not (book.covers(terms.symbol) and positions.covers(terms.symbol)):
        return False
    return (
        sum(row.day_buy_quantity for row in positions if _is_of(terms, row)) >= _filled(book, terms, Side.BUY)
    ) and (
        sum(row.day_sell_quantity for row in positions if _is_of(terms, row))
        == _filled(book, terms, Side.SELL)
    )


def patience(reason: Reason, late: timedelta) -> float | None:
    """Return the seconds a sale waits for the account to be read; None: until it is read.

    A stop-loss and a sale at its time or target must not be held up for ever by a broker that answers no
    question.
    Every other sale comes after something else: an outage, a takeover, a person's word.
    """
    if late > LATE:
        return None
    if reason is Reason.STOPLOSS:
        return STOP_WAITS
    return SALE_WAITS if reason in (Reason.SELL, Reason.TARGET) else None


_SHOWS = "the account shows "


def shows_less_text(found: int, wanted: int) -> str:
    """Say that a look at the account showed less than an attempt was to sell."""
    return f"{_SHOWS}{found} of the {wanted} that were bought; it is read again"


def has_shown_less(messages: Iterable[str]) -> bool:
    """Tell whether an attempt of a sale was given up because the account showed less, by their messages."""
    return any(message.startswith(_SHOWS) for message in messages)


def _filled(book: Listing[BrokerOrder], terms: OrderTerms, side: Side) -> int:
    return sum(row.filled_quantity for row in book if _is_of(terms, row) and row.side is side)


def _is_of(terms: OrderTerms, row: BrokerOrder | BrokerPosition) -> bool:
    return (row.exchange, row.symbol) == (terms.exchange, terms.symbol)
