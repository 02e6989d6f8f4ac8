"""Malformed frames for the feed's fault."""

import os

from paper.packets import frame

INFOSYS = 408065


def garbage(tokens: list[int]) -> list[bytes | str]:
    """Return frames that no client should use: torn, unknown, impossible prices, JSON of the wrong shape."""
    token = tokens[0] if tokens else INFOSYS
    return [
        os.urandom(7),
        b"\x00\x05\x00\x08" + token.to_bytes(4, "big"),
        frame([token.to_bytes(4, "big") + (0).to_bytes(4, "big")]),
        frame([token.to_bytes(4, "big") + b"\xff\xff\xff\xff"]),
        frame([os.urandom(13)]),
        "{not json",
        "[1, 2, 3]",
        '{"type": "order", "data": null}',
        '{"type": "instruments_meta", "data": {"count": 1}}',
    ]
