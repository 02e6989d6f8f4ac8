"""The prices of all instruments: created on first use, advanced when read."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from paper.bars import INDEX_NAMES, Series
from paper.calendar import Calendar
from paper.clock import Clock, ist
from paper.instruments import Instrument, Listing
from paper.money import round_to_tick
from paper.sources import Fixed, Replaying, Source, Walking
from paper.tape import BAND_PERCENT, CONTROLLED_BAND_PERCENT, Tape, new_tape
from paper.walk import STEP_SECONDS, Walk

log = logging.getLogger("paper")

# Called after every printed price; must not block.
Printed = Callable[[Tape], None]


@dataclass(frozen=True, slots=True)
class Script:
    """A price path: (epoch seconds, paise), in order."""

    points: tuple[tuple[float, int], ...]


class Market:
    """Prices of the whole listing."""

    def __init__(
        self,
        listing: Listing,
        clock: Clock,
        calendar: Calendar,
        *,
        seed: int,
        origin: float,
        bars: dict[str, Series] | None = None,
    ) -> None:
        self.listing = listing
        self.clock = clock
        self.calendar = calendar
        self.seed = seed
        self.origin = origin
        self._tapes: dict[int, Tape] = {}
        self._bars = bars or {}
        self._scripts: dict[int, list[asyncio.TimerHandle]] = {}
        self.on_print: list[Printed] = []

    def tape(self, instrument: Instrument) -> Tape:
        """Return the instrument's tape, at the current price."""
        tape = self._tapes.get(instrument.token)
        if tape is None:
            tape = self._tapes[instrument.token] = self._open_tape(instrument)
        elif not tape.is_watched:
            self.move(tape, quietly=True)
        return tape

    def move(self, tape: Tape, quietly: bool = False) -> None:
        """Advance a tape to the current price, printing the prices it passed."""
        if not self.calendar.is_open(self.clock.now(), tape.instrument):
            return
        today = self.clock.today()
        if tape.day != today:
            tape.begin_day(today, CONTROLLED_BAND_PERCENT if tape.is_controlled else BAND_PERCENT)
        for price in tape.source.passed():
            if price != tape.last:
                self._print(tape, price, quietly)

    def series(self, instrument: Instrument) -> Series | None:
        """Return the bars of an instrument, where a file has some."""
        if instrument.exchange != "NSE":
            return None
        return self._bars.get(instrument.symbol) or self._index_series(instrument)

    def walk(self, instrument: Instrument) -> Walk:
        """Return the instrument's walk, for its history."""
        return Walk(self.seed, instrument.walk_key, instrument.base, instrument.tick)

    def fix(self, instrument: Instrument, price: int) -> Tape:
        """Trade at a price from now on; walk or script ends, limits follow, one tick goes out."""
        self._stop_script(instrument)
        tape = self.tape(instrument)
        self._step(tape, price)
        return tape

    def script(self, instrument: Instrument, script: Script) -> Tape:
        """Trade at each point's price from its second on, and at the last one for good."""
        self._stop_script(instrument)
        tape = self.tape(instrument)
        tape.source = Fixed(tape.last)
        now, loop = self.clock.wall(), asyncio.get_running_loop()
        due = [price for at, price in script.points if at <= now]
        if due:
            self._step(tape, due[-1])
        self._scripts[instrument.token] = [
            loop.call_later(at - now, self._step, tape, price) for at, price in script.points if at > now
        ]
        return tape

    async def run(self) -> None:
        """Advance the watched tapes, a few times a second, for ever."""
        while True:
            await asyncio.sleep(STEP_SECONDS)
            try:
                self.move_watched()
            except Exception:
                log.exception("A price could not be moved")

    def move_watched(self) -> None:
        for tape in self._watched():
            self.move(tape)

    def _watched(self) -> Iterable[Tape]:
        return [tape for tape in self._tapes.values() if tape.is_watched]

    def _step(self, tape: Tape, price: int) -> None:
        tape.source = Fixed(price)
        tape.is_controlled = True
        tape.set_limits(price, CONTROLLED_BAND_PERCENT)
        self._print(tape, price)

    def _print(self, tape: Tape, price: int, quietly: bool = False) -> None:
        tape.trade(price, self.clock.wall())
        if not tape.lower <= price <= tape.upper:
            # Bars of a violent day leave any band; real limits are flexed by the exchange too.
            tape.set_limits(price, CONTROLLED_BAND_PERCENT)
        if not quietly:
            for printed in self.on_print:
                printed(tape)

    def _stop_script(self, instrument: Instrument) -> None:
        for handle in self._scripts.pop(instrument.token, ()):
            handle.cancel()

    def _open_tape(self, instrument: Instrument) -> Tape:
        now = self.clock.wall()
        series = self.series(instrument)
        source: Source
        if series is None:
            source, close = Walking(self.walk(instrument), self.origin, self.clock.wall), instrument.base
        else:
            source = Replaying(series, instrument.tick, self.clock.now)
            start = self.clock.now()
            midnight = ist(start).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
            close = round_to_tick(series.previous_close(start, midnight), instrument.tick)
        return new_tape(instrument, source, close, now, self.clock.today())

    def _index_series(self, instrument: Instrument) -> Series | None:
        if not instrument.is_index:
            return None
        names = (name for name, listed in INDEX_NAMES.items() if listed == instrument.symbol)
        return next((self._bars[name] for name in names if name in self._bars), None)


def list_bar_symbols(listing: Listing, bars: dict[str, Series]) -> None:
    """List the bars file's unlisted symbols as shares with lot 1, so that they can be traded."""
    for number, (symbol, series) in enumerate(sorted(bars.items())):
        if listing.find("NSE", symbol) is None:
            base = series.bars[0].open // 5 * 5
            listing.add(Instrument(60_000 + number, symbol, symbol, "NSE", "NSE", base, 5))
