"""Reads from `GET /portfolio/holdings` how many shares of before today an account may sell.

A share lies in the demat account once, by its ISIN, and Kite lists it under NSE or BSE, whichever it was
bought on. The rows that count for a symbol:

| row | counts |
|---|---|
| the symbol on its own exchange | yes |
| the same ISIN under another exchange or symbol | yes |
| the symbol on the other exchange, with no row on its own | yes |
| the symbol on the other exchange, with another ISIN than the row on its own | no: another company |
| another product than CNC (shares bought on margin) | no |

`quantity` is delivered, `t1_quantity` was bought yesterday and is on its way: both may be sold. Where
`quantity` is the sum of `realised_quantity` and `t1_quantity`, it holds the latter already. What was sold
today (`used_quantity`) leaves the row at settlement only; the position book shows it as a negative quantity,
so it is not subtracted here a second time. Pledged shares (`collateral_quantity`) and those not authorised
yet are not told apart: the broker's refusal says what to do about them.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.kite.fields import Malformed, an_object, quantity, text, text_or_empty
from adapters.kite.instrument_list import SHARES
from domain.errors import BrokerUnavailable
from domain.held_shares import Share
from domain.isin import is_isin

DELIVERED = frozenset({"", "CNC"})
_SYMBOL = re.compile(r"[A-Z0-9&*-]{1,40}")
"""How Kite writes the symbols of shares."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One readable row. `isin` is empty where the row has none."""

    exchange: str
    symbol: str
    isin: str
    sellable: int


def sellable_holdings(data: Any, exchange: str, symbol: str) -> int:
    """Return the shares of before today.

    Raises `BrokerUnavailable` where it is no list, or where an unread row may be of this share.
    """
    if not isinstance(data, list):
        raise BrokerUnavailable("the broker's holdings could not be understood: it is not a list")
    rows, unread = _read(data)
    isins = _isins(rows, exchange, symbol)
    if any(_may_be(row, symbol, isins) for row in unread):
        raise BrokerUnavailable(f"a row of the broker's holdings that may be of {symbol} could not be read")
    own = [row for row in rows if (row.exchange, row.symbol) == (exchange, symbol)]
    return sum(row.sellable for row in rows if row in own or _counts(row, own, exchange, symbol, isins))


def named_isins(data: Sequence[Any]) -> Mapping[Share, str]:
    """Return the ISINs that the rows state, by exchange and symbol as they are listed.

    Left out are a row without a valid one, and a share of which two rows state different ones.
    """
    named: defaultdict[Share, set[str]] = defaultdict(set)
    for row in data:
        if isinstance(row, dict) and is_isin(isin := text_or_empty(row, "isin")):
            exchange, symbol = text_or_empty(row, "exchange"), text_or_empty(row, "tradingsymbol")
            if exchange in SHARES and _SYMBOL.fullmatch(symbol):
                named[exchange, symbol].add(isin)
    return {share: isins.pop() for share, isins in named.items() if len(isins) == 1}


def _read(data: Sequence[Any]) -> tuple[list[Holding], list[Any]]:
    rows: list[Holding] = []
    unread: list[Any] = []
    for row in data:
        try:
            rows.append(_holding(an_object(row)))
        except Malformed:
            unread.append(row)
    return rows, unread


def _holding(row: dict[str, Any]) -> Holding:
    where = text(row, "exchange"), text(row, "tradingsymbol")
    counts = text_or_empty(row, "product") in DELIVERED
    return Holding(*where, text_or_empty(row, "isin"), _sellable(row) if counts else 0)


def _sellable(row: dict[str, Any]) -> int:
    net, on_their_way = quantity(row, "quantity"), quantity(row, "t1_quantity")
    if row.get("realised_quantity") is not None and net == quantity(row, "realised_quantity") + on_their_way:
        return net
    return net + on_their_way


def _isins(rows: Sequence[Holding], exchange: str, symbol: str) -> frozenset[str]:
    """Return the ISIN of a share, as far as the rows name it: its own exchange's before the other's."""
    named = [row for row in rows if row.symbol == symbol and row.isin and row.exchange in SHARES]
    own = [row for row in named if row.exchange == exchange]
    return frozenset(row.isin for row in own or named)


def _counts(row: Holding, own: Sequence[Holding], exchange: str, symbol: str, isins: frozenset[str]) -> bool:
    if exchange not in SHARES or row.exchange not in SHARES:
        return False
    return row.isin in isins or (row.symbol == symbol and not own)


def _may_be(row: Any, symbol: str, isins: frozenset[str]) -> bool:
    if not isinstance(row, dict):
        return True
    named = text_or_empty(row, "tradingsymbol")
    return not named or named == symbol or text_or_empty(row, "isin") in isins
