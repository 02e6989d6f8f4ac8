"""Provides the broker's instrument list, refreshed every morning: implements `domain.ports.Instruments`."""

import asyncio
import logging
import zlib
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import partial
from hashlib import sha256
from urllib.parse import urljoin

import aiohttp

from adapters.kite.compression import TooLarge, unpacked
from adapters.kite.connection import LARGEST_ANSWER
from adapters.kite.instrument_list import InstrumentList, UnreadableList, read_list
from adapters.kite.refusal_texts import plain
from adapters.kite.routes import INSTRUMENTS, KITE_VERSION, USER_AGENT
from adapters.kite.unread_rows import NAMED
from domain.errors import BrokerUnavailable, InstrumentUnreadable
from domain.instrument import Instrument
from domain.ports import Clock
from domain.session import EXCHANGE_ZONE

PUBLISHED_AT = time(8, 30)
"""Exchange time; the dump is made anew once a day, and a token may mean another share than yesterday."""
LOAD_SECONDS = 20.0
OPENS_AT = time(9, 15)
"""Until then a list that is yesterday's is asked for again; what is the same after it has not changed."""
RETRY_SECONDS = 30.0
AGAIN_SECONDS = 300.0
"""Seconds between two questions for a list that was yesterday's still."""

log = logging.getLogger(__name__)


class KiteInstruments:
    """Keeps the last good list in use, and logs it, while a new one cannot be read."""

    def __init__(
        self, root: str, clock: Clock, *, load_seconds: float = LOAD_SECONDS, largest: int = LARGEST_ANSWER
    ) -> None:
        self._url = urljoin(root, INSTRUMENTS.target)
        self._clock = clock
        self._load_seconds = load_seconds
        self._largest = largest
        self._lock = asyncio.Lock()
        self._list: InstrumentList | None = None
        self._loaded_at: datetime | None = None
        self._digest = b""
        self._again_at = float("-inf")
        """Monotonic time before which the list is not asked for again."""

    async def find(self, exchange: str, symbol: str) -> Instrument | None:
        """Return one instrument, indices included.

        Raises `BrokerUnavailable` while there is no list, `InstrumentUnreadable` for an unreadable line of
        its own.
        """
        listed = await self._today()
        wrong = listed.unread(exchange, symbol)
        if wrong is not None:
            raise InstrumentUnreadable(exchange, symbol, wrong)
        return listed.by_key.get((exchange, symbol))

    async def by_token(self, token: int) -> Instrument | None:
        """Return the instrument with the feed's number of today. Raises `BrokerUnavailable`."""
        return (await self._today()).by_token.get(token)

    async def search(self, query: str, limit: int) -> Sequence[Instrument]:
        """Return tradable instruments whose symbol or name matches, best first."""
        listed = await self._today()
        return await asyncio.to_thread(listed.search, query, limit)

    async def refresh(self) -> None:
        """Read the list now. Raises `BrokerUnavailable`; the last good list stays in use.

        One that is the same as the list of before, while the market has not opened yet, is yesterday's still:
        the broker publishes late on some days. It stays in use as such, and is asked for again.
        """
        started, is_first = self._clock.now(), self._list is None
        try:
            body = await self._download()
            digest = sha256(body).digest()
            if self._list is not None and digest == self._digest:
                self._note_the_same(started)
                return
            self._list = await asyncio.to_thread(_read, body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, zlib.error) as odd:
            why = str(odd) if isinstance(odd, UnreadableList | TooLarge) else type(odd).__name__
            raise BrokerUnavailable(f"the broker's instrument list could not be read: {why}") from None
        self._loaded_at, self._digest = started, digest
        if is_first and _before_the_open(started):
            self._ask_again_before_the_open(_last_published(started) - timedelta(seconds=1))
        self._say_what_is_odd(self._list)

    def _note_the_same(self, started: datetime) -> None:
        if self._loaded_at is None or not (_before_the_open(started) and self._is_old(started)):
            self._loaded_at = started
            return
        log.warning("instrument list: it is still the one of %s; it is asked for again", self._loaded_at)
        self._ask_again_before_the_open(self._loaded_at)

    def _ask_again_before_the_open(self, loaded_at: datetime) -> None:
        """Use a list that may be yesterday's: unchanged, or with none before it to compare it with."""
        self._loaded_at = loaded_at
        self._again_at = self._clock.monotonic() + AGAIN_SECONDS

    def _is_old(self, now: datetime) -> bool:
        return self._loaded_at is None or self._loaded_at < _last_published(now)

    def _say_what_is_odd(self, listed: InstrumentList) -> None:
        odd = [f"{exchange}:{plain(symbol)[:40]}" for exchange, symbol in sorted(listed.odd)]
        if odd or listed.unplaced:
            log.warning(
                "instrument list: %d lines could not be read: %s",
                len(odd) + len(listed.unplaced),
                ", ".join(odd[:NAMED]) or "none of them says its symbol",
            )

    async def _today(self) -> InstrumentList:
        if self._list is None or self._due():
            async with self._lock:
                if self._list is None or self._due():
                    await self._try_refresh()
        if self._list is None:
            raise BrokerUnavailable("the broker's instrument list could not be had yet")
        return self._list

    def _due(self) -> bool:
        return self._is_old(self._clock.now()) and self._clock.monotonic() >= self._again_at

    async def _try_refresh(self) -> None:
        try:
            await self.refresh()
        except BrokerUnavailable as away:
            if self._list is None:
                raise
            self._again_at = self._clock.monotonic() + RETRY_SECONDS
            log.warning("instrument list: %s; the one of %s is still used", away, self._loaded_at)

    async def _download(self) -> bytes:
        timeout = aiohttp.ClientTimeout(total=self._load_seconds)
        headers = {
            "X-Kite-Version": KITE_VERSION,
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "gzip, deflate",
        }
        async with (
            # Unpacked here: aiohttp takes a gzip stream that was cut off for a whole one.
            aiohttp.ClientSession(timeout=timeout, headers=headers, auto_decompress=False) as session,
            session.get(self._url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise UnreadableList(f"HTTP {answer.status}")
            body = bytearray()
            async for part in answer.content.iter_chunked(1 << 18):
                body += part
                if len(body) > self._largest:
                    raise UnreadableList("it is too large")
            unpack = partial(unpacked, bytes(body), answer.headers.get("Content-Encoding", ""), self._largest)
            return await asyncio.to_thread(unpack)


def _read(body: bytes) -> InstrumentList:
    return read_list(body.decode(errors="replace"))


def _before_the_open(now: datetime) -> bool:
    return PUBLISHED_AT <= now.astimezone(EXCHANGE_ZONE).time() < OPENS_AT


def _last_published(now: datetime) -> datetime:
    here = now.astimezone(EXCHANGE_ZONE)
    today = datetime.combine(here.date(), PUBLISHED_AT, tzinfo=EXCHANGE_ZONE)
    return today if here >= today else today - timedelta(days=1)
