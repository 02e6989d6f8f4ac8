"""The order rates of an account: the broker's limits, and the share that entries may use.

Kite Connect: 10 orders a second and 400 a minute for each account (kite.trade/docs, "rate limits"); more are
refused with 429. Entries leave room, so that a stop-loss never waits for a purchase.

The broker counts by its own calendar second, when an order arrives: between its claim and its answer. So an
order counts until a second after its answer, or after the last moment at which it may have left: then no
second of any clock holds more of them than are allowed (`sent_lately` in Postgres, over all processes).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Orders of one account that may be sent within a second, and within a minute."""

    a_second: int
    a_minute: int


EXITS = Budget(10, 400)
ENTRIES = Budget(8, 360)
WAIT = 0.1
"""Seconds until a claim that was over the budget asks again: an order's turn."""
