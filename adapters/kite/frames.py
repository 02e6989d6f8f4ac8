"""Decodes Kite's binary price frames in bulk; garbage is dropped and counted, never raised.

A frame is `u16 number of packets`, then for each `u16 length` and its body, big-endian. The length says what
the body is: 8 last price, 28 and 32 an index, 44 a quote, 184 everything. A frame of one byte is a heartbeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

import numpy as np

from adapters.kite.ticks import NO_TICKS, Integers, Tick, Ticks
from domain.market_data import HIGHEST

_COUNT = Struct(">H")
_TIME_AT = {32: 28, 184: 60}
"""Where a body carries the exchange's timestamp, epoch seconds."""
_LENGTHS = (8, 28, 32, 44, 184)
_LTP = 8


def _row(length: int) -> np.dtype[np.void]:
    """One packet with its length: token, price, and the timestamp where the body has one."""
    fields = {"length": (">u2", 0), "token": (">u4", 2), "price": (">u4", 6)}
    if length in _TIME_AT:
        fields["at"] = (">u4", 2 + _TIME_AT[length])
    formats, offsets = zip(*fields.values(), strict=True)
    return np.dtype({"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": length + 2})


_ROWS = {length: _row(length) for length in _LENGTHS}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Prices in the order they came, and how many packets were dropped."""

    prices: Ticks
    dropped: int = 0

    @property
    def ticks(self) -> list[Tick]:
        """Return the prices one by one, exact."""
        return list(self.prices)


_NOTHING = Decoded(NO_TICKS)
_GARBAGE = Decoded(NO_TICKS, 1)


def decode(frame: bytes) -> Decoded:
    """Return what a binary frame says. A frame whose lengths do not add up is dropped as a whole."""
    if len(frame) <= 1:
        return _NOTHING
    if len(frame) < _COUNT.size + 2:
        return _NOTHING if frame == b"\0\0" else _GARBAGE
    count = _COUNT.unpack_from(frame)[0]
    length = _COUNT.unpack_from(frame, 2)[0]
    if length in _ROWS and len(frame) == 2 + count * (length + 2):
        rows = np.frombuffer(frame, _ROWS[length], offset=2)
        if (rows["length"] == length).all():
            return _sound(rows["token"], rows["price"], rows["at"] if length in _TIME_AT else None)
    return _mixed(frame, count)


def decode_all(frames: Sequence[bytes]) -> Decoded:
    """Return what frames say that came one right after the other; each is sound or garbage by itself."""
    if len(frames) == 1:
        return decode(frames[0])
    return _all_ltp(frames) or _one_by_one(frames)


def _all_ltp(frames: Sequence[bytes]) -> Decoded | None:
    """Decode frames of nothing but last prices as if they were one; None when they are not."""
    bodies = []
    for frame in frames:
        if len(frame) > 2 and len(frame) == 2 + _COUNT.unpack_from(frame)[0] * (_LTP + 2):
            bodies.append(memoryview(frame)[2:])
        elif len(frame) > 1:
            return None
    if not bodies:
        return None
    rows = np.frombuffer(b"".join(bodies), _ROWS[_LTP])
    return _sound(rows["token"], rows["price"], None) if (rows["length"] == _LTP).all() else None


def _one_by_one(frames: Sequence[bytes]) -> Decoded:
    decoded = [decode(frame) for frame in frames]
    return Decoded(Ticks.joined([one.prices for one in decoded]), sum(one.dropped for one in decoded))


def _mixed(frame: bytes, count: int) -> Decoded:
    rows: list[tuple[int, int, int]] = []
    unknown = 0
    at = 2
    for _ in range(count):
        if at + 2 > len(frame):
            return _GARBAGE
        length = _COUNT.unpack_from(frame, at)[0]
        if at + 2 + length > len(frame):
            return _GARBAGE
        if length in _ROWS:
            row = np.frombuffer(frame, _ROWS[length], count=1, offset=at)[0]
            rows.append((int(row["token"]), int(row["price"]), int(row["at"]) if length in _TIME_AT else 0))
        else:
            unknown += 1
        at += 2 + length
    if at != len(frame):
        return _GARBAGE
    if not rows:
        return Decoded(NO_TICKS, unknown)
    tokens, prices, stamps = np.array(rows, np.uint32).T
    decoded = _sound(tokens, prices, stamps)
    return Decoded(decoded.prices, decoded.dropped + unknown)


def _sound(tokens: Integers, prices: Integers, stamps: Integers | None) -> Decoded:
    """Drop packets without a token or a price; prices are read without a sign."""
    tokens = tokens.astype(np.uint32)
    raws = prices.astype(np.uint32)
    when = None if stamps is None else stamps.astype(np.uint32)
    if not len(raws):
        return _NOTHING
    if raws.max() <= HIGHEST and raws.min() and tokens.min():
        return Decoded(Ticks(tokens, raws.view(np.int32), when))
    sound = (tokens != 0) & (raws != 0) & (raws <= HIGHEST)
    kept = Ticks(tokens[sound], raws[sound].view(np.int32), None if when is None else when[sound])
    return Decoded(kept, len(raws) - len(kept))
