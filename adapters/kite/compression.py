"""Decompresses an answer's body, up to a maximum size."""

import zlib

PACKED = frozenset({"gzip", "x-gzip", "deflate"})
GZIP = b"\x1f\x8b"
ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS


class TooLarge(ValueError):
    """The decompressed body is larger than any the broker sends."""


def unpacked(body: bytes | bytearray, encoding: str, largest: int) -> bytes:
    """Return the body without its content encoding. Raises `TooLarge`, `zlib.error` where it is cut off."""
    if encoding.strip().lower() not in PACKED:
        return bytes(body)
    try:
        return _inflate(body, ZLIB_OR_GZIP, largest)
    except zlib.error:
        return _inflate(body, -zlib.MAX_WBITS, largest)  # "deflate" as some servers understand it


def _inflate(packed: bytes | bytearray, form: int, largest: int) -> bytes:
    """Return all members: a gzip body may be several, one behind the other (RFC 1952)."""
    body = bytearray()
    left = bytes(packed)
    while left or not body:
        inflating = zlib.decompressobj(form)
        body += inflating.decompress(left, largest + 1 - len(body))
        if len(body) > largest:
            raise TooLarge("it is too large")
        if not inflating.eof:
            raise zlib.error("the packed body is cut off")
        left = inflating.unused_data
        if not left.startswith(GZIP):
            break
    return bytes(body)
