"""Reads minute bars from a file: `datetime,symbol,open,high,low,close,volume`, any symbols and days."""

import csv
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paper.clock import parse_instant
from paper.money import paise

MINUTE = 60
# Levels of an index in public bar files, under the name that Kite lists.
INDEX_NAMES = {"NIFTY": "NIFTY 50", "BANKNIFTY": "NIFTY BANK"}


class BarsUnreadable(Exception):
    """The bars file is missing or not in the format."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute; prices in paise, `start` in epoch seconds."""

    start: float
    open: int
    high: int
    low: int
    close: int
    volume: int

    def corners(self) -> tuple[tuple[float, int], ...]:
        """Return the turning points of the minute: open, the nearer extreme, the other one, close."""
        rising = self.close >= self.open
        first, second = (self.low, self.high) if rising else (self.high, self.low)
        return (
            (self.start, self.open),
            (self.start + 20, first),
            (self.start + 40, second),
            (self.start + 59, self.close),
        )


@dataclass(slots=True)
class Series:
    """One symbol's bars in order of time."""

    bars: list[Bar] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _prices: list[int] = field(default_factory=list)

    def close(self) -> None:
        """Sort and lay out the corners; called once, after the last bar."""
        self.bars.sort(key=lambda bar: bar.start)
        corners = [corner for bar in self.bars for corner in bar.corners()]
        self._times = [at for at, _ in corners]
        self._prices = [price for _, price in corners]

    def price(self, now: float) -> int:
        """Return the price at an instant: linear between turning points within a minute, flat outside."""
        index = bisect_right(self._times, now) - 1
        if index < 0:
            return self._prices[0]
        if index + 1 == len(self._times) or self._times[index + 1] - self._times[index] > MINUTE:
            return self._prices[index]
        start, end = self._times[index], self._times[index + 1]
        share = (now - start) / (end - start)
        return round(self._prices[index] + (self._prices[index + 1] - self._prices[index]) * share)

    def corners(self, after: float, until: float) -> list[int]:
        """Return the turning points of a period, so that a fast replay misses no high or low."""
        return self._prices[bisect_right(self._times, after) : bisect_right(self._times, until)]

    def span(self, start: float, end: float) -> list[Bar]:
        """Return the bars that start in a period, both ends included."""
        return [bar for bar in self.bars if start <= bar.start <= end]

    def previous_close(self, now: float, day_start: float) -> int:
        """Return the last close before the day, or the first open where there is none."""
        before = [bar.close for bar in self.bars if bar.start < min(now, day_start)]
        return before[-1] if before else self.bars[0].open


def read_bars(path: Path) -> dict[str, Series]:
    """Read a file into one series a symbol.

    Raises BarsUnreadable with the line that is wrong.
    """
    out: dict[str, Series] = {}
    try:
        for symbol, bar in _rows(path):
            out.setdefault(symbol, Series()).bars.append(bar)
    except OSError as exc:
        raise BarsUnreadable(f"The bars file {path} cannot be read ({exc.strerror}).") from exc
    if not out:
        raise BarsUnreadable(f"The bars file {path} holds no bars.")
    for series in out.values():
        series.close()
    return out


def _rows(path: Path) -> Iterator[tuple[str, Bar]]:
    with path.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            try:
                yield row["symbol"], _bar(row)
            except (KeyError, TypeError, ValueError) as exc:
                raise BarsUnreadable(
                    f"Line {number} of {path} is not `datetime,symbol,open,high,low,close,volume`."
                ) from exc


def _bar(row: dict[str, str]) -> Bar:
    prices = [paise(row[name]) for name in ("open", "high", "low", "close")]
    open_, high, low, close = (price for price in prices if price is not None and price > 0)
    volume = int(float(row["volume"] or 0))
    return Bar(parse_instant(row["datetime"]), open_, high, low, close, volume)
