"""A list from the broker: its readable rows, and the symbols of the unreadable ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

Row = TypeVar("Row", covariant=True)


@dataclass(frozen=True, slots=True)
class Listing(Sequence[Row]):
    """The readable rows, in the broker's order.

    `unreadable` holds the symbols of the rows that could not be read; None stands for a row that does not
    even say its symbol. One unreadable row costs that row. Code that needs *all* rows of a symbol, to prove
    that something is not there, asks `covers` first.
    """

    rows: tuple[Row, ...] = ()
    unreadable: frozenset[str | None] = frozenset()

    def covers(self, symbol: str) -> bool:
        """Tell whether every row of `symbol` was read: an unread row is not an absent one."""
        return not self.unreadable & {symbol, None}

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        return self.rows[at]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)
