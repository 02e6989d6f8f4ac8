"""Looks up the broker's instrument numbers of what is watched, and again during the day."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from domain.errors import InstrumentUnreadable, StopwatchError
from domain.instrument import Instrument
from domain.ports import Clock, Instruments

AGAIN = 1.0
REFRESH = 600.0
"""Seconds: tokens are given anew with each day's instrument list, and are reused over days."""

log = structlog.stdlib.get_logger("prices")


class Tokens:
    """Names and tokens of the instruments that are wanted. `changed` is called when the tokens changed."""

    def __init__(self, instruments: Instruments, changed: Callable[[], None], clock: Clock) -> None:
        self._instruments = instruments
        self._changed = changed
        self._clock = clock
        self._wanted: set[str] = set()
        self._tokens: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._unlisted: set[str] = set()
        self._news = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Tell whether each wanted instrument was looked up."""
        return not self._missing()

    def want(self, instrument: str) -> None:
        """Look its token up, and keep it up to date from now on."""
        self._wanted.add(instrument)
        if instrument not in self._tokens:
            self._news.set()

    def unwant(self, instrument: str) -> None:
        """Forget an instrument."""
        self._wanted.discard(instrument)
        self._unlisted.discard(instrument)
        if instrument in self._tokens:
            self._keep({name: token for name, token in self._tokens.items() if name != instrument})

    def token(self, instrument: str) -> int | None:
        return self._tokens.get(instrument)

    def name(self, token: int) -> str | None:
        return self._names.get(token)

    def all(self) -> Mapping[str, int]:
        """Return the tokens by instrument."""
        return self._tokens

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._find_missing())
            group.create_task(self._refresh())

    async def _find_missing(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._find(self._missing())
            if not self.complete:
                self._news.set()
                await self._clock.sleep(AGAIN)

    async def _refresh(self) -> None:
        while True:
            await self._clock.sleep(REFRESH)
            await self._find(set(self._wanted))

    def _missing(self) -> set[str]:
        return self._wanted - self._tokens.keys() - self._unlisted

    async def _find(self, names: set[str]) -> None:
        found = dict(self._tokens)
        with suppress(StopwatchError):  # no list could be had; the next second asks again
            for name in names:
                exchange, _, symbol = name.partition(":")
                instrument = await self._listed(exchange, symbol)
                if instrument is not None:
                    found[name] = instrument.token
                    self._unlisted.discard(name)
                elif name not in found and name not in self._unlisted:
                    self._unlisted.add(name)
                    log.warning("the broker does not list it; its price is asked for", instrument=name)
        self._keep({name: token for name, token in found.items() if name in self._wanted})

    async def _listed(self, exchange: str, symbol: str) -> Instrument | None:
        try:
            return await self._instruments.find(exchange, symbol)
        except InstrumentUnreadable:
            return None  # one bad line keeps no other instrument from its ticks

    def _keep(self, tokens: dict[str, int]) -> None:
        if tokens != self._tokens:
            self._tokens = tokens
            self._names = {token: name for name, token in tokens.items()}
            self._changed()
