"""Parses Kite's instrument dump: a CSV of some 117,000 lines, once a day."""

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


BROKEN = "\N{REPLACEMENT CHARACTER}"
"""What decoding leaves where a byte was no UTF-8."""
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
LONGEST_LINE = 2000
"""Characters; the longest line of the real list has some 150. What is longer is no line of it."""
LARGEST_TOKEN = 2**32 - 1
"""The feed packs tokens into 32 bits."""
LARGEST_LOT = 10_000_000
LARGEST_TICK = Decimal(1000)
CUT_UP = "the line that may be its own has too many or too few fields, or bytes that are no text"


class UnreadableList(ValueError):
    """The dump is not what Kite documents; none of it is used."""


class Odd(ValueError):
    """One line cannot be read; the message says why."""


@dataclass(slots=True)
class InstrumentList:
    """One day's instruments. An unreadable one counts as existing but unknown, never as absent.

    `odd` says by key what is wrong with a line; `unplaced` are lines that do not even say which they are.
    """

    by_key: dict[Key, Instrument] = field(default_factory=dict)
    by_token: dict[int, Instrument] = field(default_factory=dict)
    odd: dict[Key, str] = field(default_factory=dict)
    unplaced: list[str] = field(default_factory=list)
    shares: list[Instrument] = field(default_factory=list)
    derivatives: list[Instrument] = field(default_factory=list)

    def add(self, row: Instrument) -> None:
        """Add an instrument. Raises `Odd` where its key or token is another line's already."""
        key = row.exchange, row.symbol
        other = self.by_key.get(key) or self.by_token.get(row.token)
        if other == row:
            return
        if other is not None:
            self._drop(other)
            raise Odd(f"its line and another ({other.key}, token {other.token}) contradict each other")
        if key in self.odd:
            raise Odd(self.odd[key])
        self.by_key[key] = row
        self.by_token[row.token] = row
        if row.segment is Segment.DERIVATIVES:
            self.derivatives.append(row)
        elif row.tradable:
            self.shares.append(row)

    def _drop(self, row: Instrument) -> None:
        """Make an instrument unknown: which of two lines is right cannot be known."""
        self.odd[row.exchange, row.symbol] = "its line and another contradict each other"
        del self.by_key[row.exchange, row.symbol]
        del self.by_token[row.token]
        part = self.derivatives if row.segment is Segment.DERIVATIVES else self.shares
        if row in part:
            part.remove(row)

    def unread(self, exchange: str, symbol: str) -> str | None:
        """Return what is wrong with an instrument's unreadable line, None where no such line may be its."""
        if (exchange, symbol) in self.odd:
            return self.odd[exchange, symbol]
        if (exchange, symbol) in self.by_key:
            return None
        return CUT_UP if any(symbol in line or BROKEN in line for line in self.unplaced) else None

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
    """Read a dump. Raises `UnreadableList` when it is empty, cut off at its end, or lacks a column.

    A line that cannot be read is one line: `text` may hold `BROKEN` where a byte was no UTF-8.
    """
    listed = InstrumentList()
    underlyings = _underlyings(_lines(text, []))
    ticks: dict[str, Decimal] = {}
    for line in _lines(text, listed.unplaced):
        exchange, symbol, name, token, tick, lot, kind, part = map(str.strip, line)
        segment = _segment(exchange, symbol, kind, part, underlyings)
        if segment is None:
            if exchange in SHARES and not kind:
                listed.odd[exchange, symbol] = "its instrument type is empty"
            continue
        try:
            if BROKEN in name or BROKEN in token:
                raise Odd("it holds bytes that are no text")
            tick_size = ticks[tick] if tick in ticks else ticks.setdefault(tick, _tick(tick))
            listed.add(
                Instrument(
                    sys.intern(exchange),
                    symbol,
                    sys.intern(name),
                    _token(token),
                    tick_size if segment is Segment.INDEX else _above_zero(tick_size, "tick size"),
                    _number(lot, "lot size") if segment is Segment.INDEX else _lot(lot),
                    segment,
                )
            )
        except Odd as odd:
            listed.odd[exchange, symbol] = str(odd)
    if not listed.by_key:
        raise UnreadableList("it is empty")
    return listed


def _lines(text: str, unplaced: list[str]) -> Iterator[Fields]:
    """Yield the picked fields of complete lines; add the others to `unplaced`.

    Each line is parsed by itself: an unclosed quote would swallow the lines after it.
    """
    if not text.endswith("\n"):
        raise UnreadableList("it is cut off: its last line has no end" if text else "it is empty")
    rows = io.StringIO(text.removeprefix(BOM), newline="\n")
    header = [name.strip() for name in _fields(next(rows).rstrip("\r\n"))]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UnreadableList(f"it has no column {missing[0]}")
    pick = itemgetter(*(header.index(name) for name in COLUMNS))
    for row in rows:
        line = row.rstrip("\r\n")
        fields = _fields(line) if len(line) <= LONGEST_LINE else []
        if len(fields) == len(header) and not _is_broken(chosen := pick(fields)):
            yield chosen
        elif line.strip():
            unplaced.append(line[:LONGEST_LINE])


def _is_broken(fields: Fields) -> bool:
    """Tell whether an undecodable byte may be part of the symbol."""
    return BROKEN in fields[0] or BROKEN in fields[1]


def _fields(line: str) -> list[str]:
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []


def _underlyings(lines: Iterator[Fields]) -> frozenset[str]:
    """Return the underlyings of futures: their `name` is the share's symbol, or the index's name."""
    return frozenset(line[2] for line in lines if line[6] == "FUT" and line[0] in DERIVATIVES)


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Odd(f"its {name} is {text[:20] or 'empty'}") from None


def _token(text: str) -> int:
    token = _number(text, "instrument token")
    if not 0 < token <= LARGEST_TOKEN:
        raise Odd(f"its instrument token is {text[:20]}")
    return token


def _lot(text: str) -> int:
    lot = int(_above_zero(Decimal(_number(text, "lot size")), "lot size"))
    if lot > LARGEST_LOT:
        raise Odd(f"its lot size is {text[:20]}")
    return lot


def _above_zero(number: Decimal, name: str) -> Decimal:
    if number <= 0:
        raise Odd(f"its {name} is {number}")
    return number


def _tick(text: str) -> Decimal:
    try:
        tick = Decimal(text)
    except InvalidOperation:
        tick = Decimal("NaN")
    if not tick.is_finite() or tick > LARGEST_TICK:
        raise Odd(f"its tick size is {text[:20] or 'empty'}")
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
