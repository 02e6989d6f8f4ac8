"""Computes historical candles, from minute bars where there are some, from the price walk otherwise."""

from collections.abc import Iterator

from paper.bars import MINUTE, Bar
from paper.calendar import Calendar
from paper.clock import IST_OFFSET
from paper.instruments import Instrument
from paper.market import Market
from paper.walk import STEP_SECONDS

DAY = 86_400
INTERVALS = {
    "minute": MINUTE,
    "3minute": 3 * MINUTE,
    "5minute": 5 * MINUTE,
    "10minute": 10 * MINUTE,
    "15minute": 15 * MINUTE,
    "30minute": 30 * MINUTE,
    "60minute": 60 * MINUTE,
    "hour": 60 * MINUTE,
    "day": DAY,
}
# Days a request may span.
SPANS = {
    "minute": 60,
    "3minute": 100,
    "5minute": 100,
    "10minute": 100,
    "15minute": 200,
    "30minute": 200,
    "60minute": 400,
    "hour": 400,
    "day": 2000,
}
# What the client's own integration tests still assume.
OLD_SPANS = SPANS | {
    "minute": 30,
    "3minute": 90,
    "5minute": 90,
    "10minute": 90,
    "15minute": 180,
    "30minute": 180,
    "60minute": 365,
    "hour": 365,
}
SESSION_START = 9 * 3600 + 15 * MINUTE
SESSION_END = 15 * 3600 + 30 * MINUTE
# Looks at the walk within one candle: enough for a high and a low that differ from its ends.
LOOKS = 4
# An exchange that never closes has night candles for so long back; before that only session hours.
NIGHTS_KEPT = 2 * DAY


def candles(market: Market, instrument: Instrument, interval: str, start: float, end: float) -> list[Bar]:
    """Return finished and running candles that start in a period, both ends included; never the future."""
    width = INTERVALS[interval]
    end = min(end, market.clock.now())
    series = market.series(instrument)
    if series is not None:
        return _merge(series.span(_floor(start, width), end), width, start)
    return [_walked(market, instrument, at, width) for at in _starts(market.calendar, start, end, width)]


def _starts(calendar: Calendar, start: float, end: float, width: int) -> Iterator[float]:
    """Return where candles begin: within 09:15 to 15:30 on weekdays, or around the clock."""
    at = _ceil(start, width)
    while at <= end:
        second = (at + IST_OFFSET) % DAY
        weekday = int((at + IST_OFFSET) // DAY + 3) % 7
        in_session = width == DAY or SESSION_START <= second < SESSION_END
        if (calendar.always and at > end - NIGHTS_KEPT) or (weekday < 5 and in_session):
            yield at
        at += width


def _walked(market: Market, instrument: Instrument, at: float, width: int) -> Bar:
    walk = market.walk(instrument)
    step = int((at - market.origin) // STEP_SECONDS)
    until = min(at + width, market.clock.now())
    last = max(step, int((until - market.origin) // STEP_SECONDS))
    prices = [walk.price(step + (last - step) * look // LOOKS) for look in range(LOOKS + 1)]
    volume = instrument.lot * (50 + prices[-1] // instrument.tick % 97) * width // MINUTE
    return Bar(at, prices[0], max(prices), min(prices), prices[-1], 0 if instrument.is_index else volume)


def _merge(bars: list[Bar], width: int, start: float) -> list[Bar]:
    out: list[Bar] = []
    for bar in bars:
        at = _floor(bar.start, width)
        if at < start and at + width <= start:
            continue
        if out and out[-1].start == at:
            last = out[-1]
            high, low = max(last.high, bar.high), min(last.low, bar.low)
            out[-1] = Bar(at, last.open, high, low, bar.close, last.volume + bar.volume)
        else:
            out.append(Bar(at, bar.open, bar.high, bar.low, bar.close, bar.volume))
    return out


def _floor(at: float, width: int) -> float:
    """Return the start of the candle: days from midnight, others from 09:15 as the exchange does."""
    offset = 0 if width == DAY else SESSION_START
    return (at + IST_OFFSET - offset) // width * width - IST_OFFSET + offset


def _ceil(at: float, width: int) -> float:
    floor = _floor(at, width)
    return floor if floor == at else floor + width


__all__ = ["INTERVALS", "OLD_SPANS", "SPANS", "candles"]
