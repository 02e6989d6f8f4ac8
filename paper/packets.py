"""Encodes Kite's binary packets: big-endian, prices as paise (every listed segment divides by 100)."""

import struct

from paper.tape import Tape

LTP, QUOTE, FULL = "ltp", "quote", "full"
MODES = (LTP, QUOTE, FULL)
HEARTBEAT = b"\x00"

_COUNT = struct.Struct(">H")
_LTP = struct.Struct(">II")
_INDEX = struct.Struct(">7I")
_INDEX_FULL = struct.Struct(">8I")
_QUOTE = struct.Struct(">11I")
_FULL_TAIL = struct.Struct(">5I")
_LEVEL = struct.Struct(">IIHxx")


def packet(tape: Tape, mode: str, now: float) -> bytes:
    """Return one instrument's packet in a mode."""
    if mode == LTP:
        return _LTP.pack(tape.instrument.token, tape.last)
    if tape.instrument.is_index:
        return _index(tape, mode, now)
    quote = _quote(tape)
    return quote if mode == QUOTE else quote + _full_tail(tape, now)


def frame(packets: list[bytes]) -> bytes:
    """Return one message with packets of several instruments."""
    parts = [_COUNT.pack(len(packets))]
    for body in packets:
        parts += (_COUNT.pack(len(body)), body)
    return b"".join(parts)


def _index(tape: Tape, mode: str, now: float) -> bytes:
    # Indices have high, low, open, close; shares have open, high, low, close.
    change = abs(tape.last - tape.close)
    figures = (tape.instrument.token, tape.last, tape.high, tape.low, tape.open, tape.close, change)
    return _INDEX.pack(*figures) if mode == QUOTE else _INDEX_FULL.pack(*figures, int(now))


def _quote(tape: Tape) -> bytes:
    buys, sells = tape.depth()
    return _QUOTE.pack(
        tape.instrument.token,
        tape.last,
        tape.last_quantity,
        tape.traded_value // tape.volume if tape.volume else tape.last,
        tape.volume & 0xFFFF_FFFF,
        sum(level[1] for level in buys),
        sum(level[1] for level in sells),
        tape.open,
        tape.high,
        tape.low,
        tape.close,
    )


def _full_tail(tape: Tape, now: float) -> bytes:
    buys, sells = tape.depth()
    levels = b"".join(_LEVEL.pack(quantity, price, orders) for price, quantity, orders in buys + sells)
    return _FULL_TAIL.pack(int(tape.traded_at), 0, 0, 0, int(now)) + levels
