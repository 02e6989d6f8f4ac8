"""Says what order an entry would be at a last price, before it is due."""

from dataclasses import dataclass
from decimal import Decimal

from domain.entry_price import NO_LIMIT, first_limit
from domain.entry_size import Buying, sized, worst_price
from domain.instrument import is_option
from domain.order import Limit
from domain.strategy import Strategy
from domain.terms import Entry, EntryKind, Size


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """How many shares, and at what limit; `price` is None at the market.

    `shares`: None where it takes a last price that is not known, 0 where nothing would be bought; then
    `problem` says why, without a full stop.
    """

    shares: int | None
    price: Decimal | None = None
    problem: str = ""
    too_little: bool = False
    """Nothing would be bought because its money is less than one lot's."""


def entry_order(strategy: Strategy, last_price: Decimal | None, tick: Decimal | None, lot: int) -> EntryOrder:
    """Return the order that a strategy would send at this last price; None: it is not known.

    `tick` and `lot` are the symbol's: its price step, and how many shares are traded at once.
    """
    entry, size = strategy.terms.entry, strategy.terms.size
    if last_price is None and (_needs_a_price(entry) or (size is not None and entry is None)):
        return EntryOrder(strategy.quantity)
    limit = None
    if entry is not None:
        limit = first_limit(entry, Decimal(0) if last_price is None else last_price, tick)
        if limit is None:
            return EntryOrder(0, problem=NO_LIMIT)
    price = None if limit is None else limit.price
    if size is None:
        return EntryOrder(strategy.quantity, price)
    return _sized(strategy, size, limit, last_price, Buying(entry, size, strategy.terms.stop, tick, lot))


def _sized(
    strategy: Strategy, size: Size, limit: Limit | None, last_price: Decimal | None, how: Buying
) -> EntryOrder:
    option = is_option(strategy.exchange, strategy.symbol)
    last = Decimal(0) if last_price is None else last_price
    found = sized(size, strategy.stop_loss, how, worst_price(limit, last, is_option=option, tick=how.tick))
    price = None if limit is None else limit.price
    return EntryOrder(found.shares, price, "" if found.shares else found.words, found.too_little)


def _needs_a_price(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is EntryKind.CHASE
