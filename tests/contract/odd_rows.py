"""Rows of a broker's lists, each with one fault."""

from collections.abc import Iterator
from typing import Any

ODD: list[Any] = [None, "5", 5.5, True, [], float("nan")]


def broken(good: dict[str, Any], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Rows of which one field is missing, or of another type."""
    for name in names:
        yield {key: value for key, value in good.items() if key != name}
        for odd in ODD:
            if not isinstance(odd, type(good[name])) or isinstance(odd, bool):
                yield {**good, name: odd}
