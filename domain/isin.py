"""Checks ISINs, which identify a share wherever it is listed, and says which one a symbol had on a day.

No list of Kite's has them but the holdings of its users, so they are known of shares that some account has
held, from the day on which a reading showed them. A symbol's ISIN changes when the company splits its shares.

| the day asked for lies                          | its ISIN                    |
|-------------------------------------------------|-----------------------------|
| between the first and last day one was seen     | that one                    |
| before all that were seen                       | the first                   |
| after all that were seen                        | the last                    |
| between two of them                             | not known                   |
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

_FORM = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_TEN = 10


@dataclass(frozen=True, slots=True)
class SeenIsin:
    """An ISIN of a symbol, and the first and last day on which a broker's holdings showed it."""

    isin: str
    first_seen: date
    last_seen: date


def is_isin(text: str) -> bool:
    """Tell whether a text is an ISIN by ISO 6166: a country, nine letters or digits, and a check digit."""
    if not _FORM.fullmatch(text):
        return False
    digits = [int(digit) for sign in text for digit in str(int(sign, 36))]
    doubled = (digit * (1 + at % 2) for at, digit in enumerate(reversed(digits)))
    return sum(value // _TEN + value % _TEN for value in doubled) % _TEN == 0


def isin_on(day: date, seen: Iterable[SeenIsin]) -> str | None:
    """Return the ISIN that a symbol had on a day, by the table above; None where that is not known."""
    known = sorted(seen, key=lambda one: one.first_seen)
    before = [one for one in known if one.first_seen <= day]
    after = [one for one in known if one.first_seen > day]
    if before and (not after or day <= before[-1].last_seen):
        return before[-1].isin
    return after[0].isin if after and not before else None
