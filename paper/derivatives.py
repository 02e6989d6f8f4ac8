"""Lists futures and options: three monthly futures a share or index, options on the two big indices."""

import zlib
from collections.abc import Iterator
from datetime import date, timedelta

from paper.instruments import Instrument, Listing
from paper.shares import INDICES, indices, lots, shares

TUESDAY = 1
TICK = 5
STRIKES_EACH_SIDE = 20
MONTHS = 3
# Freeze quantities of the indices, as NSE publishes them by the month.
INDEX_FREEZE = {"NIFTY": 1800, "BANKNIFTY": 900}
# Those of shares: paise of an order at most, in whole tens of contracts, the last ten begun.
LARGEST_ORDER = 2_500_000_000
CONTRACTS = 10


def listing(today: date) -> Listing:
    """Return everything the exchange lists on a day."""
    book = Listing([*indices(), *shares()])
    for instrument in derivatives(book, today):
        book.add(instrument)
    return book


def derivatives(book: Listing, today: date) -> Iterator[Instrument]:
    """Return futures of every index and share with a lot, and options of the indices."""
    for expiry in monthly_expiries(today):
        for symbol, _, level, name, lot, step in INDICES:
            if name:
                yield _future(name, symbol, level * 100, lot, expiry)
                yield from _options(name, symbol, level * 100, lot, step * 100, expiry)
        for symbol, lot in lots().items():
            spot = book.find("NSE", symbol)
            if spot is not None:
                yield _future(symbol, symbol, spot.base, lot, expiry)


def monthly_expiries(today: date) -> list[date]:
    """Return the last Tuesdays of this month and the next ones (NSE moved from Thursday in 2025)."""
    out: list[date] = []
    year, month = today.year, today.month
    while len(out) < MONTHS:
        expiry = last_tuesday(year, month)
        if expiry >= today:
            out.append(expiry)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return out


def last_tuesday(year: int, month: int) -> date:
    """Return the month's last Tuesday; holidays do not move it here."""
    first_of_next = date(year + 1, 1, 1) if month == 12 else date(year, month + 1, 1)
    last = first_of_next - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - TUESDAY) % 7)


def _future(name: str, underlying: str, spot: int, lot: int, expiry: date) -> Instrument:
    return _listed(f"{name}{expiry:%y%b}FUT".upper(), name, underlying, spot, lot, "FUT", expiry, 0)


def _options(
    name: str, underlying: str, spot: int, lot: int, step: int, expiry: date
) -> Iterator[Instrument]:
    middle = round(spot / step) * step
    for offset in range(-STRIKES_EACH_SIDE, STRIKES_EACH_SIDE + 1):
        strike = middle + offset * step
        for kind, intrinsic in (("CE", spot - strike), ("PE", strike - spot)):
            price = max(intrinsic, 0) + max(spot // 80 - abs(spot - strike) // 3, 500)
            symbol = f"{name}{expiry:%y%b}{strike // 100}{kind}".upper()
            yield _listed(symbol, name, underlying, price, lot, kind, expiry, strike)


def freeze_quantity(name: str, price: int, lot: int) -> int:
    """Return the most that one order may have, by the share or index and its price in paise."""
    if name in INDEX_FREEZE:
        return INDEX_FREEZE[name]
    return -(-LARGEST_ORDER // (price * lot * CONTRACTS)) * CONTRACTS * lot


def _listed(
    symbol: str, name: str, underlying: str, price: int, lot: int, kind: str, expiry: date, strike: int
) -> Instrument:
    return Instrument(
        # Stable over restarts: positions of a persisted account keep their token.
        exchange_token=30_000 + zlib.crc32(symbol.encode()) % 4_000_000,
        symbol=symbol,
        name=name,
        exchange="NFO",
        segment="NFO-FUT" if kind == "FUT" else "NFO-OPT",
        base=price // TICK * TICK,
        tick=TICK,
        lot=lot,
        kind=kind,
        expiry=expiry.isoformat(),
        strike=strike,
        underlying=underlying,
        freeze=freeze_quantity(name, price, lot),
    )
