"""Lists what stops at the exchange rely on, each with its source, and compares it with what a broker did.

The probe (`services.probe.rounds`) notes what it saw under the name of an expectation. One that matters for
safety bars `protect: "exchange"` where it was seen otherwise, or not at all: by it the product decides what
may still be sold. The digest covers every line of the table: a probe counts for the table it was held
against, so a changed table asks for a new one.

Sources: K: Kite Connect's documentation and client. W: an independent wiki on Zerodha's rules, of November
2026. F: answers of Zerodha's staff in the Kite forum.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from enum import StrEnum

WAITS, FILLED, NOTHING = "TRIGGER PENDING", "COMPLETE", "0"


class Kind(StrEnum):
    """How an expectation is compared."""

    IS = "is"
    """What was seen is one of the words."""
    SAYS = "says"
    """What was seen contains one of the words, in any case."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line of the table. `again`: seen in the second round only, which is made where it is wanted."""

    name: str
    words: str
    wants: tuple[str, ...]
    source: str
    safety: bool = True
    kind: Kind = Kind.IS
    again: bool = False

    def met_by(self, seen: str) -> bool:
        """Tell whether what was seen is as expected."""
        if self.kind is Kind.SAYS:
            return any(word.lower() in seen.lower() for word in self.wants)
        return seen in self.wants


@dataclass(frozen=True, slots=True)
class Difference:
    """An expectation that was not met. `seen` is None where nothing was seen of it."""

    expected: Expectation
    seen: str | None

    @property
    def words(self) -> str:
        """The difference as a line for a person."""
        wanted = " or ".join(self.expected.wants)
        seen = "nothing was seen of it" if self.seen is None else f"seen: {self.seen or 'nothing'}"
        weight = "matters for safety" if self.expected.safety else "does not matter for safety"
        return (
            f"{self.expected.name}: {self.expected.words}. Expected: {wanted}; {seen} "
            f"({weight}; source {self.expected.source})"
        )


TABLE = (
    Expectation("buy.answer", "A market order with market protection is answered by a number", ("200",), "K"),
    Expectation("buy.status", "It is filled within 20 seconds", (FILLED,), "K"),
    Expectation("buy.tag", "The order book shows it under its tag", ("found",), "K"),
    Expectation("buy.order_type", "It is shown as MARKET or LIMIT", ("MARKET", "LIMIT"), "K", safety=False),
    Expectation(
        "wide.taken", "An SL whose limit is 5 % below its trigger is refused", ("refused",), "W", safety=False
    ),
    Expectation(
        "wide.message",
        "The refusal speaks of the permitted range",
        ("permissible range",),
        "W",
        safety=False,
        kind=Kind.SAYS,
    ),
    Expectation("stop.answer", "NSE takes an SL-M to SELL a share", ("200",), "W"),
    Expectation("stop.status", "It waits for its trigger", (WAITS,), "K"),
    Expectation("stop.order_type", "It is shown as SL-M until its trigger", ("SL-M",), "K"),
    Expectation("stop.trigger", "Its trigger is the one that was asked for", ("as asked",), "K"),
    Expectation("stop.filled", "Nothing of it is filled", (NOTHING,), "K"),
    Expectation("stop.quantity", "Its quantity is the one that was asked for", ("1",), "K"),
    Expectation("stop.tag", "The order book shows it under its tag", ("found",), "K"),
    Expectation("move.answer", "A new trigger is answered with 200", ("200",), "K"),
    Expectation("move.trigger", "The order book shows the new trigger within 10 s", ("as asked",), "K, F"),
    Expectation("move.status", "It still waits for its trigger", (WAITS,), "K"),
    Expectation("move.number", "It keeps its order number, and there is no second order", ("same",), "K"),
    Expectation("above.taken", "A trigger above the last price is refused", ("refused",), "W", safety=False),
    Expectation(
        "above.message",
        "The refusal names the last traded price",
        ("last traded price", "ltp"),
        "W",
        safety=False,
        kind=Kind.SAYS,
    ),
    Expectation("above.left", "A refused change leaves the stop as it was", ("as it was",), "K, F"),
    Expectation("sale.answer", "The change to MARKET is answered with 200", ("200",), "K"),
    Expectation("sale.status", "It sells within 20 seconds", (FILLED,), "K, W"),
    Expectation("sale.filled", "It sells the one share that it rested for", ("1",), "K"),
    Expectation("sale.number", "It sells under the number of the stop, once", ("same",), "K, W"),
    Expectation("sale.order_type", "It is shown as MARKET or LIMIT", ("MARKET", "LIMIT"), "K", safety=False),
    Expectation("sale.left", "The account then holds none of the shares of this day", (NOTHING,), "K"),
    Expectation("cancel.answer", "A cancellation is answered with 200", ("200",), "K", again=True),
    Expectation("cancel.status", "The order book shows it cancelled", ("CANCELLED",), "K", again=True),
    Expectation("cancel.filled", "Nothing of it was sold", (NOTHING,), "K", again=True),
    Expectation("after.answer", "A new sale after it is answered with 200", ("200",), "K", again=True),
    Expectation("after.status", "The new sale sells within 20 seconds", (FILLED,), "K", again=True),
    Expectation("after.left", "The account then holds none again", (NOTHING,), "K", again=True),
)
NAMES = frozenset(one.name for one in TABLE)


def differences(seen: Mapping[str, str], *, again: bool) -> Iterator[Difference]:
    """Yield what is not as expected. `again`: a second round was made."""
    for one in TABLE:
        found = seen.get(one.name)
        if one.again and not again:
            continue
        if found is None or not one.met_by(found):
            yield Difference(one, found)


def digest() -> str:
    """Return what identifies this table: the SHA-256 of its lines, in hexadecimal."""
    lines = "\n".join(repr(astuple(one)) for one in TABLE)
    return hashlib.sha256(lines.encode()).hexdigest()
