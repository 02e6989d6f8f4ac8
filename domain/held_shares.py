"""Holds one reading of an account's holdings: how many shares may be sold, and their ISINs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Share = tuple[str, str]
"""Exchange and symbol."""


@dataclass(frozen=True, slots=True)
class HeldShares:
    """`sellable`: shares of before today, of those asked for; absent where a row could not be read.

    `isins`: of every share that the holdings list with a valid one, asked for or not.
    """

    sellable: Mapping[Share, int] = field(default_factory=dict)
    isins: Mapping[Share, str] = field(default_factory=dict)
