"""What every instrument list promises: the broker's, read from a server, and the one in memory."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from adapters.kite.instruments import KiteInstruments
from adapters.process.clock import SystemClock
from domain.errors import BrokerUnavailable, InstrumentUnreadable
from domain.instrument import Segment
from domain.ports import Instruments
from tests.contract.test_kite_instruments import CSV, NIFTY, TCS, TCS_BSE, dump
from tests.fakes.instruments import MemoryInstruments, instrument
from tests.paper_process import free_port
from tests.scripted_server import ScriptedServer, answer

BROKEN = "100098,392,BROKEN,BROKEN SHARE,0,,0,0.01,0,EQ,NSE,NSE"


@pytest.fixture
def in_memory() -> MemoryInstruments:
    made = MemoryInstruments(
        instrument("TCS", tick="0.1", token=2953217),
        instrument("TCS", "BSE", token=136330244),
        instrument("NIFTY 50", segment=Segment.INDEX),
    )
    made.unreadable.add("BROKEN")
    return made


@pytest.fixture
async def from_a_server() -> AsyncIterator[KiteInstruments]:
    listed = dump(TCS, TCS_BSE, NIFTY, BROKEN)
    async with ScriptedServer(answer(200, listed, CSV)) as server:
        yield KiteInstruments(server.root, SystemClock())


@pytest.fixture(params=["in_memory", "from_a_server"])
def instruments(request: pytest.FixtureRequest) -> Instruments:
    found: Instruments = request.getfixturevalue(request.param)
    return found


async def test_a_symbol_is_found_on_its_own_exchange(instruments: Instruments) -> None:
    nse, bse = await instruments.find("NSE", "TCS"), await instruments.find("BSE", "TCS")
    assert nse is not None
    assert bse is not None
    assert (nse.key, nse.token, nse.tick_size) == ("NSE:TCS", 2953217, Decimal("0.1"))
    assert (bse.key, bse.token) == ("BSE:TCS", 136330244)


async def test_what_is_not_listed_is_none(instruments: Instruments) -> None:
    assert await instruments.find("NSE", "NO-SUCH") is None


async def test_a_line_that_makes_no_sense_is_not_an_absent_one(instruments: Instruments) -> None:
    with pytest.raises(InstrumentUnreadable):
        await instruments.find("NSE", "BROKEN")


async def test_a_search_shows_what_can_be_traded_and_no_more_than_asked(instruments: Instruments) -> None:
    found = await instruments.search("tcs", 5)
    assert {one.key for one in found} == {"NSE:TCS", "BSE:TCS"}
    assert len(await instruments.search("tcs", 1)) == 1
    assert list(await instruments.search("NIFTY", 5)) == []


async def test_without_a_list_nothing_is_absent(in_memory: MemoryInstruments) -> None:
    in_memory.away = True
    unread = KiteInstruments(f"http://127.0.0.1:{free_port()}", SystemClock())
    for instruments in (in_memory, unread):
        with pytest.raises(BrokerUnavailable):
            await instruments.find("NSE", "TCS")
        with pytest.raises(BrokerUnavailable):
            await instruments.search("tcs", 5)
