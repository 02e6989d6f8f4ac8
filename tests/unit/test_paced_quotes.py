"""Strategies of one account that wake for the same instant share one call for their prices."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.kite.paced_quotes import PacedQuotes
from domain.errors import BrokerUnavailable
from domain.quote import Quote
from tests.fakes.clock import ElasticClock

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Desk:
    """Answers every question, and remembers each call."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.away = False

    async def ask(self, names: list[str]) -> Mapping[str, Quote]:
        self.calls.append(names)
        if self.away:
            raise BrokerUnavailable("no answer")
        return {name: Quote(Decimal(100), None, None, NOW) for name in names if name != "NSE:NONE"}


async def test_one_call_when_many_ask_at_once() -> None:
    desk = Desk()
    paced = PacedQuotes(desk.ask, ElasticClock())
    answers = await asyncio.gather(*(paced.quotes([f"NSE:S{n}"]) for n in range(20)))
    assert len(desk.calls) == 1
    assert [list(answer) for answer in answers] == [[f"NSE:S{n}"] for n in range(20)]


async def test_asks_again_for_what_the_last_call_did_not_cover() -> None:
    desk, clock = Desk(), ElasticClock()
    paced = PacedQuotes(desk.ask, clock)
    await paced.quotes(["NSE:TCS"])
    before = clock.monotonic()
    await paced.quotes(["NSE:INFY"])
    assert desk.calls == [["NSE:TCS"], ["NSE:INFY"]]
    assert clock.monotonic() - before >= 0.9  # the broker's limit of one call a second is kept


async def test_a_second_counts_from_the_answer_since_the_broker_counts_when_a_call_arrives() -> None:
    clock = ElasticClock()
    began: list[float] = []

    async def ask(names: list[str]) -> Mapping[str, Quote]:
        began.append(clock.monotonic())
        await clock.sleep(0.3)
        return {}

    paced = PacedQuotes(ask, clock)
    await paced.quotes(["NSE:TCS"])
    await paced.quotes(["NSE:INFY"])
    assert began[1] - began[0] >= 1.29


async def test_a_broker_that_hangs_is_asked_again_a_second_after_the_call_must_have_come() -> None:
    clock = ElasticClock()
    began: list[float] = []

    async def ask(names: list[str]) -> Mapping[str, Quote]:
        began.append(clock.monotonic())
        await clock.sleep(3)
        raise BrokerUnavailable("no answer")

    paced = PacedQuotes(ask, clock)
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            await paced.quotes(["NSE:TCS"])
    assert 3 <= began[1] - began[0] < 3.1


async def test_asks_again_when_a_second_has_passed() -> None:
    desk, clock = Desk(), ElasticClock()
    paced = PacedQuotes(desk.ask, clock)
    await paced.quotes(["NSE:TCS"])
    await clock.sleep(1)
    await paced.quotes(["NSE:TCS"])
    assert len(desk.calls) == 2


async def test_what_the_broker_has_nothing_for_is_absent() -> None:
    assert await PacedQuotes(Desk().ask, ElasticClock()).quotes(["NSE:NONE"]) == {}


async def test_failed_call_is_never_an_empty_answer() -> None:
    desk = Desk()
    desk.away = True
    paced = PacedQuotes(desk.ask, ElasticClock())
    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            await paced.quotes(["NSE:TCS"])
