"""Turns to read an account's books and holdings, over all processes.

Kite takes ten calls a second of an account for everything but orders and prices (kite.trade/docs, "rate
limits"). Each process may make one such call a second without asking, so that a stop's first look waits for
no other; for the others it takes one of the account's turns. With four workers and their account watches that
makes nine.
"""

from datetime import timedelta

APART = timedelta(seconds=1 / 3)
"""Between two turns of an account in the long run."""
TURNS_AT_ONCE = 2
"""Turns that may follow each other without a pause."""
WITHIN = timedelta(seconds=0.25)
"""How far ahead a turn is given: one that comes later than that is asked for again."""
OWN_EVERY = timedelta(seconds=1)
"""Between two reads that a process makes without a turn."""
