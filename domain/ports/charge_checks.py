"""Which finished rounds the broker's own charges were compared with."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Protocol

from domain.charge_check import AccountRounds
from domain.finished_round import RoundKey


class ChargeChecks(Protocol):
    """The rounds of a day that are to be checked, over all processes. Raises `StoreUnavailable`."""

    async def take(self, day: date, most: int) -> Sequence[AccountRounds]:
        """Take the rounds whose last day is `day`, of at most `most` accounts, each for this caller alone.

        That counts as a try: a round that is not written as checked is taken again after `AGAIN`, and at
        most `TRIES` times in all. Each account comes with all of its rounds that traded on the day.
        """
        ...

    async def differed(self, day: date) -> bool:
        """Tell whether charges of that day were found to differ already."""
        ...

    async def write(self, keys: Collection[RoundKey], *, agrees: bool) -> None:
        """Note that rounds were checked: they are not taken again."""
        ...
