"""Kite's binary price frames, decoded in bulk; what is garbage is dropped and counted, never raised.

A frame is `u16 number of packets`, then for each `u16 length` and its body, big-endian. The length says what
the body is: 8 last price, 28 and 32 an index, 44 a quote, 184 everything. A frame of one byte is a heartbeat.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from struct import Struct
from typing import NamedTuple

_PLACES = {3: -7, 6: -4, 12: -4}
"""Decimal places by segment, the low byte of a token: currencies 7, BSE currencies and NSE commodities 4."""
_USUAL_PLACES = -2
_COUNT = Struct(">H")
_HIGHEST = 2**31 - 1
"""Prices are read without a sign; beyond this they are negative numbers or nonsense."""
_TIME_AT = {32: 28, 184: 60}
"""Where a body carries the exchange's timestamp, epoch seconds."""
_LENGTHS = frozenset({8, 28, 32, 44, 184})


def _rows(length: int) -> Struct:
    """One packet with its length: token, price, and the timestamp where the body has one."""
    start = f">HII{(_TIME_AT[length] - 8)}xI" if length in _TIME_AT else ">HII"
    known = Struct(start).size
    return Struct(f"{start}{length + 2 - known}x")


_ROWS = {length: _rows(length) for length in _LENGTHS}


class Tick(NamedTuple):
    """A last price as it came: rupees, and the exchange's time in seconds where the frame carries one."""

    token: int
    price: Decimal
    at: int = 0

    @property
    def traded_at(self) -> datetime | None:
        """The exchange's timestamp, aware, UTC; None in the modes that carry none."""
        return datetime.fromtimestamp(self.at, UTC) if self.at else None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame's prices, in the order they came, and how many packets were dropped."""

    ticks: list[Tick]
    dropped: int = 0


_NOTHING = Decoded([])


def decode(frame: bytes) -> Decoded:
    """Return what a binary frame says. A frame whose lengths do not add up is dropped as a whole."""
    if len(frame) <= 1:
        return _NOTHING
    if len(frame) < _COUNT.size + 2:
        return _NOTHING if frame == b"\0\0" else Decoded([], 1)
    count = _COUNT.unpack_from(frame)[0]
    length = _COUNT.unpack_from(frame, 2)[0]
    if length in _ROWS and len(frame) == 2 + count * (length + 2):
        rows = list(_ROWS[length].iter_unpack(memoryview(frame)[2:]))
        if all(row[0] == length for row in rows):
            return _ticks(rows, 0)
    return _mixed(frame, count)


def _mixed(frame: bytes, count: int) -> Decoded:
    rows: list[tuple[int, ...]] = []
    unknown = 0
    at = 2
    for _ in range(count):
        if at + 2 > len(frame):
            return Decoded([], 1)
        length = _COUNT.unpack_from(frame, at)[0]
        if at + 2 + length > len(frame):
            return Decoded([], 1)
        if length in _ROWS:
            rows.append(_ROWS[length].unpack_from(frame, at))
        else:
            unknown += 1
        at += 2 + length
    return _ticks(rows, unknown) if at == len(frame) else Decoded([], 1)


def _ticks(rows: list[tuple[int, ...]], unknown: int) -> Decoded:
    ticks = [
        Tick(row[1], price(row[1], row[2]), *row[3:]) for row in rows if row[1] and 0 < row[2] <= _HIGHEST
    ]
    return Decoded(ticks, unknown + len(rows) - len(ticks))


def price(token: int, raw: int) -> Decimal:
    """Return a price of the wire in rupees."""
    return Decimal(raw).scaleb(_PLACES.get(token & 0xFF, _USUAL_PLACES))
