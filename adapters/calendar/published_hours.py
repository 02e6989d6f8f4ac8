"""The hours of ordinary trading days, as the exchange and the broker have published them."""

from datetime import date, time

from domain.instrument import Segment
from domain.segment_hours import Hours, HoursRule

AUCTION_FROM = date(2026, 8, 3)
"""SEBI's closing auction: shares with derivatives stop at 15:15 from here on, derivatives run to 15:40."""
_BEFORE = "NSE's market timings; Zerodha's support article on MIS"
_AUCTION = "SEBI HO/47/11/11(3)2025-MRD-POD2 (closing auction session)"
_ORDINARY = Hours(time(9, 15), time(15, 30))

RULES: tuple[HoursRule, ...] = (
    HoursRule(date.min, Segment.CASH, _ORDINARY, time(15, 20), _BEFORE),
    HoursRule(date.min, Segment.CASH_CAS, _ORDINARY, time(15, 20), _BEFORE),
    HoursRule(date.min, Segment.DERIVATIVES, _ORDINARY, time(15, 25), _BEFORE),
    HoursRule(date.min, Segment.INDEX, _ORDINARY, time(15, 20), _BEFORE),
    # Zerodha's new cut-off for these is not published: flat before continuous trading ends.
    HoursRule(AUCTION_FROM, Segment.CASH_CAS, Hours(time(9, 15), time(15, 15)), time(15, 10), _AUCTION),
    HoursRule(AUCTION_FROM, Segment.DERIVATIVES, Hours(time(9, 15), time(15, 40)), time(15, 25), _AUCTION),
)
"""What the operator says outranks them (`stopwatch calendar hours`)."""
