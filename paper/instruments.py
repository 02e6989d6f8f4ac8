"""The listed instruments, and their CSV dump."""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from paper.money import rupees

SEGMENT_BYTE = {"NSE": 1, "NFO": 2, "BSE": 4, "BFO": 5, "INDICES": 9}
COLUMNS = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)


@dataclass(slots=True, eq=False)
class Instrument:
    """One line of the instruments dump; prices in paise."""

    exchange_token: int
    symbol: str
    name: str
    exchange: str
    segment: str
    base: int
    tick: int
    lot: int = 1
    kind: str = "EQ"
    expiry: str = ""
    strike: int = 0
    isin: str = ""
    underlying: str = ""
    # The most that one order may have, as the exchange freezes larger ones; 0 where it names no quantity.
    freeze: int = 0
    # Shares with derivatives stop continuous trading at 15:15 since 2026-08-03.
    has_derivatives: bool = False
    token: int = field(init=False)

    def __post_init__(self) -> None:
        byte = SEGMENT_BYTE["INDICES" if self.is_index else self.exchange]
        self.token = self.exchange_token * 256 + byte

    @property
    def is_index(self) -> bool:
        return self.segment == "INDICES"

    @property
    def is_derivative(self) -> bool:
        return self.kind != "EQ"

    @property
    def is_option(self) -> bool:
        return self.kind in ("CE", "PE")

    @property
    def walk_key(self) -> str:
        """Return the key of the price walk: the same for a share on NSE and BSE."""
        return self.symbol

    def row(self) -> list[object]:
        """Return the twelve columns of the dump; an index is not to be ordered and has no tick or lot."""
        tick, lot = (0, 0) if self.is_index else (rupees(self.tick), self.lot)
        return [
            self.token,
            self.exchange_token,
            self.symbol,
            self.name,
            0.0,
            self.expiry,
            rupees(self.strike),
            tick,
            lot,
            self.kind,
            self.segment,
            self.exchange,
        ]


class Listing:
    """All instruments, found by token or by exchange and symbol."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_token: dict[int, Instrument] = {}
        self._by_symbol: dict[tuple[str, str], Instrument] = {}
        self._dumps: dict[tuple[str, bool], bytes] = {}
        for instrument in instruments:
            self.add(instrument)

    def add(self, instrument: Instrument) -> None:
        """List one more; tokens and symbols are unique."""
        while instrument.token in self._by_token:
            instrument.exchange_token += 1
            instrument.token += 256
        self._by_token[instrument.token] = instrument
        self._by_symbol[instrument.exchange, instrument.symbol] = instrument
        self._dumps.clear()

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_token.values())

    def __len__(self) -> int:
        return len(self._by_token)

    def by_token(self, token: int) -> Instrument | None:
        return self._by_token.get(token)

    def find(self, exchange: str, symbol: str) -> Instrument | None:
        return self._by_symbol.get((exchange, symbol))

    def by_key(self, key: str) -> Instrument | None:
        """Find `NSE:INFY`, or the bare token that Kite's quote calls also take."""
        exchange, colon, symbol = key.partition(":")
        if colon:
            return self.find(exchange, symbol)
        return self._by_token.get(int(key)) if key.isdigit() else None

    def anywhere(self, symbol: str) -> Instrument | None:
        """Find a symbol on the first exchange that lists it, NSE first."""
        for exchange in ("NSE", "BSE", "NFO", "BFO"):
            if found := self.find(exchange, symbol):
                return found
        return None

    def dump(self, exchange: str = "", gzipped: bool = False) -> bytes:
        """The instruments CSV, of one exchange or of all."""
        key = (exchange, gzipped)
        if key not in self._dumps:
            text = self._csv(exchange)
            self._dumps[key] = gzip.compress(text, 5) if gzipped else text
        return self._dumps[key]

    def _csv(self, exchange: str) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(i.row() for i in self if not exchange or i.exchange == exchange)
        return out.getvalue().encode()
