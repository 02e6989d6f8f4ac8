"""Reading Kite's instrument dump: a CSV of some 117,000 lines, once a day."""

import csv
import heapq
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from operator import itemgetter

from domain.instrument import Instrument, Segment

COLUMNS = (
    "exchange",
    "tradingsymbol",
    "name",
    "instrument_token",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
)
SHARES = frozenset({"NSE", "BSE"})
DERIVATIVES = frozenset({"NFO", "BFO"})
"""Currencies and commodities trade at hours of their own, and commodities in lots: they are left out."""

Key = tuple[str, str]
Fields = tuple[str, str, str, str, str, str, str, str]
"""The columns of one line, in the order of `COLUMNS`."""


class UnreadableList(ValueError):
    """The dump is not what Kite documents; nothing of it is used."""


@dataclass(slots=True)
class InstrumentList:
    """One day's instruments. `odd` are the keys of lines that could not be read: they exist, unknown."""

    by_key: dict[Key, Instrument] = field(default_factory=dict)
    by_token: dict[int, Instrument] = field(default_factory=dict)
    odd: set[Key] = field(default_factory=set)
    shares: list[Instrument] = field(default_factory=list)
    derivatives: list[Instrument] = field(default_factory=list)

    def add(self, row: Instrument) -> None:
        self.by_key[row.exchange, row.symbol] = row
        self.by_token[row.token] = row
        if row.segment is Segment.DERIVATIVES:
            self.derivatives.append(row)
        elif row.tradable:
            self.shares.append(row)

    def search(self, query: str, limit: int) -> list[Instrument]:
        """Return tradable instruments that match: shares before derivatives, the best match first."""
        words = query.strip().upper()
        best: list[Instrument] = []
        for part in (self.shares, self.derivatives):
            if not words or len(best) >= limit:
                break
            hits = [row for row in part if words in row.symbol or words in row.name.upper()]
            best += heapq.nsmallest(limit - len(best), hits, lambda row: _rank(row, words))
        return best


def read_list(text: str) -> InstrumentList:
    """Read a dump. Raises `UnreadableList` when it is empty, cut off, or lacks a column."""
    listed = InstrumentList()
    underlyings = _underlyings(text)
    ticks: dict[str, Decimal] = {}
    for line in _lines(text):
        exchange, symbol, name, token, tick, lot, kind, part = line
        segment = _segment(exchange, symbol, kind, part, underlyings)
        if segment is None:
            continue
        try:
            tick_size = ticks[tick] if tick in ticks else ticks.setdefault(tick, _tick(tick))
            listed.add(
                Instrument(
                    sys.intern(exchange),
                    symbol,
                    sys.intern(name),
                    int(token),
                    tick_size,
                    int(lot),
                    segment,
                )
            )
        except (ValueError, InvalidOperation):
            listed.odd.add((exchange, symbol))
    if not listed.by_key:
        raise UnreadableList("it is empty")
    return listed


def _lines(text: str) -> Iterator[Fields]:
    lines = csv.reader(io.StringIO(text))
    header = next(lines, [])
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UnreadableList(f"it has no column {missing[0]}")
    pick = itemgetter(*(header.index(name) for name in COLUMNS))
    for line in lines:
        if line and len(line) != len(header):
            raise UnreadableList(f"line {lines.line_num} is cut off")
        if line:
            yield pick(line)


def _underlyings(text: str) -> frozenset[str]:
    """Return what futures are written on: their `name` is the share's symbol, or the index's name."""
    return frozenset(line[2] for line in _lines(text) if line[6] == "FUT" and line[0] in DERIVATIVES)


def _tick(text: str) -> Decimal:
    tick = Decimal(text)
    if not tick.is_finite():
        raise InvalidOperation
    return tick


def _segment(exchange: str, symbol: str, kind: str, part: str, underlyings: frozenset[str]) -> Segment | None:
    if part == "INDICES":
        return Segment.INDEX
    if exchange in SHARES and kind == "EQ":
        return Segment.CASH_CAS if symbol in underlyings else Segment.CASH
    return Segment.DERIVATIVES if exchange in DERIVATIVES else None


def _rank(row: Instrument, words: str) -> tuple[int, int, bool, str]:
    """Order hits: the symbol itself, its beginning, the name's; then the shorter symbol, NSE first."""
    name = row.name.upper()
    if row.symbol == words:
        match = 0
    elif row.symbol.startswith(words):
        match = 1
    else:
        match = 2 if name.startswith(words) or f" {words}" in name else 3
    return match, len(row.symbol), row.exchange != "NSE", row.symbol
