"""Reads whole numbers from text: of a query, a header, a cursor.

`00050` is fifty. A text is no number where it has another character than 0 to 9, or more digits than any
number that is asked for here: Python takes seconds to read a long one, and refuses the longest with another
error.
"""

MOST_DIGITS = 20
LARGEST_ID = 2**63 - 1
"""The largest that Postgres compares with an id."""


def whole_number(text: str, largest: int) -> int | None:
    """Return the number, None where the text is none or it is above `largest`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS):
        return None
    number = int(text)
    return number if number <= largest else None
