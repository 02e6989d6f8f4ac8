"""Listeners that share one account have a quote a second between them: none takes every turn of another."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from domain.errors import BrokerUnavailable
from domain.quote import Quote
from listener.quote_requests import QuoteRequests
from tests.fakes.manual_clock import ManualClock

SECONDS = 30


class OneASecond:
    """A broker that answers one quote of each calendar second, as Zerodha and the paper exchange do."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._asked: Counter[int] = Counter()
        self.answered: Counter[str] = Counter()

    async def quotes(self, listener: str, instruments: Sequence[str]) -> Mapping[str, Quote]:
        second = int(self._clock.monotonic())
        self._asked[second] += 1
        if self._asked[second] > 1:
            raise BrokerUnavailable("Too many requests")
        self.answered[listener] += 1
        return {}


@pytest.mark.parametrize("listeners", [2, 3])
@pytest.mark.parametrize("apart", [0.05, 0.4])
async def test_each_is_answered_though_they_began_in_the_same_second(listeners: int, apart: float) -> None:
    clock = ManualClock()
    broker = OneASecond(clock)
    running = []
    for number in range(listeners):

        async def quotes(instruments: Sequence[str], name: str = str(number)) -> Mapping[str, Quote]:
            return await broker.quotes(name, instruments)

        requests = QuoteRequests(quotes, lambda *_: None, clock)
        requests.sharing = listeners
        running += [asyncio.create_task(requests.run()), asyncio.create_task(asking(requests, clock))]
        await clock.advance(apart)
    await clock.advance(SECONDS)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    fair = SECONDS / listeners
    assert all(broker.answered[str(number)] > fair / 2 for number in range(listeners)), broker.answered


async def asking(requests: QuoteRequests, clock: ManualClock) -> None:
    """Want a price again and again, as for a share whose circuit limits are not known."""
    while True:
        requests.ask(["NSE:TCS"], urgent=True)
        await clock.sleep(0.2)
