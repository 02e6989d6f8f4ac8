"""Kite's binary frames: every length, every segment's scale, and garbage that never raises."""

import struct
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kite.frames import decode, decode_all
from adapters.kite.ticks import Tick

TCS = 2953217
STAMP = int(datetime(2026, 11, 20, 4, 30, tzinfo=UTC).timestamp())


def packet(token: int, price: int, length: int = 8, stamp: int = STAMP) -> bytes:
    body = bytearray(struct.pack(">II", token, price) + bytes(length - 8))
    if length in (32, 184):
        struct.pack_into(">I", body, {32: 28, 184: 60}[length], stamp)
    return struct.pack(">H", length) + bytes(body)


def frame(*packets: bytes) -> bytes:
    return struct.pack(">H", len(packets)) + b"".join(packets)


@pytest.mark.parametrize("length", [8, 28, 32, 44, 184])
def test_price_is_read_from_packets_of_every_length(length: int) -> None:
    decoded = decode(frame(*(packet(TCS, 351240 + n, length) for n in range(3))))
    assert [tick.price for tick in decoded.ticks] == [
        Decimal("3512.40"),
        Decimal("3512.41"),
        Decimal("3512.42"),
    ]
    assert decoded.dropped == 0


@pytest.mark.parametrize(
    ("length", "stamped"), [(8, False), (28, False), (44, False), (32, True), (184, True)]
)
def test_exchange_time_is_read_where_the_packet_has_one(length: int, stamped: bool) -> None:
    (tick,) = decode(frame(packet(TCS, 351240, length))).ticks
    assert tick.traded_at == (datetime(2026, 11, 20, 4, 30, tzinfo=UTC) if stamped else None)


@pytest.mark.parametrize(
    ("segment", "raw", "price"),
    [
        (1, 351240, "3512.40"),
        (2, 15005, "150.05"),
        (3, 951234567, "95.1234567"),
        (4, 351240, "3512.40"),
        (6, 951234, "95.1234"),
        (9, 2450010, "24500.10"),
        (12, 951234, "95.1234"),
    ],
)
def test_price_is_scaled_by_the_segment_of_its_token(segment: int, raw: int, price: str) -> None:
    token = 1000 * 256 + segment
    assert decode(frame(packet(token, raw))).ticks == [Tick(token, Decimal(price))]


def test_packets_of_mixed_lengths_are_all_read() -> None:
    decoded = decode(
        frame(packet(TCS, 100), packet(265, 2450010, 32), packet(TCS, 200, 184), packet(TCS, 300))
    )
    assert [tick.price for tick in decoded.ticks] == [
        Decimal(1),
        Decimal("24500.10"),
        Decimal(2),
        Decimal(3),
    ]


@pytest.mark.parametrize("beat", [b"", b"\0", b"\x07", b"\0\0"])
def test_heartbeat_is_neither_a_price_nor_garbage(beat: bytes) -> None:
    decoded = decode(beat)
    assert (decoded.ticks, decoded.dropped) == ([], 0)


@pytest.mark.parametrize("price", [0, 2**31, 2**32 - 1, 2**32 - 351240])
def test_price_of_zero_or_below_is_dropped_alone(price: int) -> None:
    decoded = decode(frame(packet(TCS, price), packet(TCS, 351240)))
    assert [tick.price for tick in decoded.ticks] == [Decimal("3512.40")]
    assert decoded.dropped == 1


def test_unknown_length_is_skipped_and_counted() -> None:
    odd = struct.pack(">H", 12) + bytes(12)
    decoded = decode(frame(odd, packet(TCS, 351240)))
    assert [tick.price for tick in decoded.ticks] == [Decimal("3512.40")]
    assert decoded.dropped == 1


@pytest.mark.parametrize("cut", [2, 3, 5, 11, 13, 20])
def test_truncated_frame_is_dropped_as_a_whole(cut: int) -> None:
    decoded = decode(frame(packet(TCS, 351240), packet(TCS, 100))[:cut])
    assert (decoded.ticks, decoded.dropped) == ([], 1)


def test_frame_with_bytes_left_over_is_dropped_as_a_whole() -> None:
    decoded = decode(frame(packet(TCS, 351240)) + b"\0")
    assert (decoded.ticks, decoded.dropped) == ([], 1)


@given(st.binary(max_size=400))
def test_no_bytes_whatsoever_raise(garbage: bytes) -> None:
    for tick in decode(garbage).ticks:
        assert tick.price > 0
        assert tick.price.is_finite()
        assert tick.token > 0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from([8, 28, 32, 44, 184, 12])
        ),
        max_size=8,
    ),
    st.integers(0, 300),
    st.integers(0, 255),
)
def test_one_flipped_byte_never_raises_and_everything_is_accounted_for(
    rows: list[tuple[int, int, int]], at: int, value: int
) -> None:
    sound = frame(*(packet(token, price, length) for token, price, length in rows))
    decoded = decode(sound)
    assert len(decoded.ticks) + decoded.dropped == len(rows)
    broken = bytearray(sound)
    if at < len(broken):
        broken[at] = value
    decode(bytes(broken))


packets = st.tuples(
    st.sampled_from([0, TCS, 265]),
    st.sampled_from([0, 1, 351240, 2**31 - 1, 2**31]),
    st.sampled_from([8, 8, 8, 184, 12]),
)
frames = st.lists(packets, max_size=4).map(lambda rows: frame(*(packet(*row) for row in rows)))
anything = st.one_of(frames, st.just(b"\0"), st.binary(max_size=24))


@given(st.lists(anything, min_size=1, max_size=6))
def test_frames_read_together_say_what_each_says_by_itself(several: list[bytes]) -> None:
    together, alone = decode_all(several), [decode(one) for one in several]
    assert together.ticks == [tick for one in alone for tick in one.ticks]
    assert together.dropped == sum(one.dropped for one in alone)
