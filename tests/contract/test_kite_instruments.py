"""The instrument list, from the paper exchange and from servers that do worse."""

import asyncio
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.kite.instrument_list import UnreadableList, read_list
from adapters.kite.instruments import KiteInstruments
from adapters.process.clock import SystemClock
from domain.errors import BrokerUnavailable, InstrumentUnreadable
from domain.instrument import Segment
from tests.fakes.manual_clock import ManualClock
from tests.paper_process import PaperProcess, free_port
from tests.scripted_server import Script, ScriptedServer, answer, drip, hang, raw, send, send_then_close

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    "tick_size,lot_size,instrument_type,segment,exchange"
)
TCS = '2953217,11536,TCS,"TATA, CONSULTANCY",0,,0,0.1,1,EQ,NSE,NSE'
TCS_BSE = "136330244,532540,TCS,TATA CONSULTANCY,0,,0,0.05,1,EQ,BSE,BSE"
TCS_FUT = "14626050,57133,TCS26NOVFUT,TCS,0,2026-11-24,0,0.1,175,FUT,NFO-FUT,NFO"
SMALL = "100097,391,SMALL,SMALL SHARE,0,,0,0.01,1,EQ,NSE,NSE"
NIFTY = "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE"
GOLD = "1,1,GOLD26DECFUT,GOLD,0,2026-12-05,0,1,100,FUT,MCX-FUT,MCX"
CSV = "text/csv"


def dump(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


GOOD = dump(TCS, TCS_BSE, TCS_FUT, SMALL, NIFTY, GOLD)


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as process:
        yield process


async def test_the_papers_list_is_read_whole(paper: PaperProcess) -> None:
    instruments = KiteInstruments(paper.url, SystemClock())
    tcs = await instruments.find("NSE", "TCS")
    assert tcs is not None
    assert (tcs.key, tcs.lot_size, tcs.segment) == ("NSE:TCS", 1, Segment.CASH_CAS)
    assert await instruments.by_token(tcs.token) == tcs
    assert (await instruments.search("tcs", 5))[0] == tcs
    index = await instruments.find("NSE", "NIFTY 50")
    assert index is not None
    assert not index.tradable
    assert await instruments.find("NSE", "NO-SUCH") is None


def test_a_segment_tells_when_trading_ends() -> None:
    listed = read_list(GOOD)
    segments = {key: row.segment for key, row in listed.by_key.items()}
    assert segments == {
        ("NSE", "TCS"): Segment.CASH_CAS,
        ("BSE", "TCS"): Segment.CASH_CAS,
        ("NSE", "SMALL"): Segment.CASH,
        ("NFO", "TCS26NOVFUT"): Segment.DERIVATIVES,
        ("NSE", "NIFTY 50"): Segment.INDEX,
    }, "commodities keep other hours and are not listed"


def test_numbers_are_read_as_they_are_written() -> None:
    row = read_list(GOOD).by_key["NSE", "TCS"]
    assert (row.tick_size, row.lot_size, row.token) == (Decimal("0.1"), 1, 2953217)
    assert row.name == "TATA, CONSULTANCY"


def test_search_puts_the_share_itself_first_and_never_an_index() -> None:
    listed = read_list(GOOD)
    assert [row.key for row in listed.search("tcs", 10)] == ["NSE:TCS", "BSE:TCS", "NFO:TCS26NOVFUT"]
    assert [row.key for row in listed.search(" share ", 10)] == ["NSE:SMALL"]
    assert [row.key for row in listed.search("tcs", 1)] == ["NSE:TCS"]
    assert listed.search("nifty", 10) == []
    assert listed.search("", 10) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (TCS.replace("2953217", "token"), "instrument token is token"),
        (TCS.replace("0.1,1,EQ", ",1,EQ"), "tick size is empty"),
        (TCS.replace("0.1,1,EQ", "nan,1,EQ"), "tick size is nan"),
        (TCS.replace("0.1,1,EQ", "0,1,EQ"), "tick size is 0"),
        (TCS.replace("0.1,1,EQ", "-0.1,1,EQ"), "tick size is -0.1"),
        (TCS.replace("0.1,1,EQ", "0.1,,EQ"), "lot size is empty"),
        (TCS.replace("0.1,1,EQ", "0.1,0,EQ"), "lot size is 0"),
        (TCS.replace("0.1,1,EQ", "0.1,1,"), "instrument type is empty"),
        (TCS.replace('"', ""), "too many or too few fields"),  # an unquoted comma
        (TCS.replace(",1,EQ", ",EQ"), "too many or too few fields"),
        (TCS.removesuffix('",0,,0,0.1,1,EQ,NSE,NSE'), "too many or too few fields"),  # a quote not closed
        (TCS[:20], "too many or too few fields"),
        (TCS.replace("TATA", "T\xff"), "no text"),
        (TCS.replace(",TCS,", ",TC\xff,"), "no text"),
        (TCS.replace("TATA", "T" * 3_000_000), "too many or too few fields"),  # a line without an end
        (TCS.replace("2953217", "-2953217"), "instrument token is -2953217"),
        (TCS.replace("2953217", "4294967296"), "instrument token is 4294967296"),
        (TCS.replace("2953217", "9" * 1000), "instrument token is 9"),
        (TCS.replace("0.1,1,EQ", "0.1,1000000000000,EQ"), "lot size is 1000"),
        (TCS.replace("0.1,1,EQ", "1e99,1,EQ"), "tick size is 1e99"),
        (TCS.replace("0.1,1,EQ", "Infinity,1,EQ"), "tick size is Infinity"),
        ("\n".join((TCS, TCS.replace("0.1,1", "0.05,1"))), "contradict each other"),
        ("\n".join((TCS, SMALL.replace("100097", "2953217").replace("SMALL", "OTHER"))), "contradict"),
    ],
)
async def test_one_bad_line_is_unknown_and_not_absent_and_costs_no_other(line: str, wrong: str) -> None:
    body = dump(line, SMALL).encode("latin-1")
    for good in (body, b"\xef\xbb\xbf" + body, body.replace(b"\n", b"\r\n")):
        async with ScriptedServer(send(plain_answer(good))) as server:
            instruments = KiteInstruments(server.root, SystemClock())
            assert await instruments.find("NSE", "SMALL")
            with pytest.raises(InstrumentUnreadable, match="NSE:TCS") as unreadable:
                await instruments.find("NSE", "TCS")
            assert wrong in unreadable.value.wrong


def plain_answer(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Content-Type: text/csv", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def test_the_same_line_twice_and_blanks_around_a_field_are_no_contradiction() -> None:
    listed = read_list(dump(SMALL, SMALL, TCS.replace(",TCS,", ", TCS ,").replace(",NSE,NSE", ",NSE, NSE")))
    assert listed.odd == {}
    assert set(listed.by_key) == {("NSE", "SMALL"), ("NSE", "TCS")}


def test_a_header_in_quotes_is_a_header() -> None:
    quoted = ",".join(f'"{name}"' for name in HEADER.split(","))
    assert read_list(f"{quoted}\n{SMALL}\n").by_key["NSE", "SMALL"]


def test_an_instrument_that_is_contradicted_is_not_found_by_its_token_or_a_search() -> None:
    listed = read_list(dump(TCS, TCS.replace("0.1,1", "0.05,1"), TCS, SMALL))
    assert listed.unread("NSE", "TCS")
    assert 2953217 not in listed.by_token
    assert listed.search("TCS", 5) == []


def test_a_bad_line_of_another_symbol_makes_no_typo_unknown() -> None:
    listed = read_list(dump(TCS.replace('"', ""), SMALL))
    assert listed.unread("NSE", "NO-SUCH") is None
    assert listed.unread("NSE", "SMALL") is None


@pytest.mark.parametrize("text", ["", "\n", HEADER, "a,b,c\n1,2,3\n", GOOD[:-1], GOOD[:-30], "<html></html>"])
def test_a_list_that_is_no_list_or_ends_too_soon_is_refused_whole(text: str) -> None:
    with pytest.raises(UnreadableList):
        read_list(text)


PACKED_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Encoding: gzip\r\n\r\n"
BAD = [
    answer(500, "no", "text/plain"),
    answer(302, "", None, ("Location: /elsewhere",)),
    answer(200, HEADER, CSV),
    answer(200, b"\xff".decode("latin-1") * 10, CSV, ("Content-Encoding: gzip",)),
    hang,
    drip(raw(200, GOOD, "Content-Type: text/csv")),
    send(raw(200, "", "Content-Type: text/csv")[:40]),
    send_then_close(raw(200, GOOD, "Content-Type: text/csv")[:-40]),  # shorter than its Content-Length
    send_then_close(f"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n{GOOD[:-40]}".encode()),
    send_then_close(PACKED_HEAD + gzip.compress(GOOD.encode())[:-12]),  # without a length: gzip's end tells
]


@pytest.mark.parametrize("script", BAD)
async def test_there_is_no_answer_while_there_is_no_list(script: Script) -> None:
    async with ScriptedServer(script) as server:
        instruments = KiteInstruments(server.root, SystemClock(), load_seconds=0.3)
        with pytest.raises(BrokerUnavailable):
            await instruments.find("NSE", "TCS")
        with pytest.raises(BrokerUnavailable):
            await instruments.search("TCS", 5)


async def test_a_list_that_unpacks_without_end_is_refused() -> None:
    packed = gzip.compress(GOOD.encode() + b"\n" * 1_500_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    async with ScriptedServer(send(head + packed)) as server:
        with pytest.raises(BrokerUnavailable, match="too large"):
            await KiteInstruments(server.root, SystemClock(), largest=1_000_000).find("NSE", "TCS")
        assert await KiteInstruments(server.root, SystemClock()).find("NSE", "TCS")


async def test_a_closed_port_is_unavailable() -> None:
    with pytest.raises(BrokerUnavailable):
        await KiteInstruments(f"http://127.0.0.1:{free_port()}", SystemClock()).find("NSE", "TCS")


async def test_many_first_calls_load_the_list_once() -> None:
    async with ScriptedServer(answer(200, GOOD, CSV)) as server:
        instruments = KiteInstruments(server.root, SystemClock())
        await asyncio.gather(*(instruments.find("NSE", "TCS") for _ in range(20)))
        assert len(server.requests) == 1


class Mornings:
    """A server whose list can be changed, or taken away."""

    def __init__(self) -> None:
        self.text: str | None = GOOD

    async def script(self, writer: asyncio.StreamWriter) -> None:
        await (answer(200, self.text, CSV) if self.text else answer(503, "", None))(writer)


async def test_the_list_is_read_again_after_half_past_eight_exchange_time() -> None:
    clock = ManualClock(datetime(2026, 11, 20, 1, 0, tzinfo=UTC))  # 06:30 in India
    mornings = Mornings()
    async with ScriptedServer(mornings.script) as server:
        instruments = KiteInstruments(server.root, clock)
        await instruments.find("NSE", "TCS")
        mornings.text = dump(TCS.replace("2953217", "77"))
        await clock.advance(2 * 3600 - 1)  # 08:29:59
        assert (await instruments.search("TCS", 1))[0].token == 2953217
        await clock.advance(1)
        assert (await instruments.search("TCS", 1))[0].token == 77
        await clock.advance(12 * 3600)
        await instruments.find("NSE", "TCS")
        assert len(server.requests) == 2


async def test_the_last_good_list_serves_while_a_new_one_cannot_be_had() -> None:
    clock = ManualClock(datetime(2026, 11, 20, 1, 0, tzinfo=UTC))
    mornings = Mornings()
    async with ScriptedServer(mornings.script) as server:
        instruments = KiteInstruments(server.root, clock)
        await instruments.find("NSE", "TCS")
        mornings.text = None
        await clock.advance(3 * 3600)
        for _ in range(3):
            assert await instruments.find("NSE", "TCS")
        assert len(server.requests) == 2, "a failed refresh is not tried again at every call"
        mornings.text = dump(TCS.replace("2953217", "77"))
        await clock.advance(60)
        assert await instruments.by_token(77)


async def test_a_list_of_several_gzip_members_is_read_to_its_end() -> None:
    half = GOOD.index(SMALL)
    packed = gzip.compress(GOOD[:half].encode()) + gzip.compress(GOOD[half:].encode())
    for body, whole in ((packed, True), (packed + b"\0" * 8, True), (packed[:-10], False)):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        async with ScriptedServer(send(head + body)) as server:
            instruments = KiteInstruments(server.root, SystemClock())
            if whole:
                assert await instruments.find("NSE", "SMALL")
            else:
                with pytest.raises(BrokerUnavailable):
                    await instruments.find("NSE", "SMALL")


def at_night() -> ManualClock:
    return ManualClock(datetime(2026, 11, 20, 1, 0, tzinfo=UTC))  # 06:30 in India


async def test_a_list_that_has_not_changed_is_yesterdays_and_is_asked_for_again_until_the_open() -> None:
    clock, mornings = at_night(), Mornings()
    async with ScriptedServer(mornings.script) as server:
        instruments = KiteInstruments(server.root, clock)
        await instruments.find("NSE", "TCS")
        await clock.advance(2 * 3600)  # 08:30
        for _ in range(5):
            assert await instruments.find("NSE", "TCS"), "yesterday's serves meanwhile"
        assert len(server.requests) == 2, "it is not asked for at every call"
        await clock.advance(300)
        await instruments.find("NSE", "TCS")
        assert len(server.requests) == 3
        mornings.text = dump(TCS.replace("2953217", "77"))
        await clock.advance(300)
        assert await instruments.by_token(77)
        await clock.advance(3000)
        await instruments.find("NSE", "TCS")
        assert len(server.requests) == 4, "today's is asked for once"


async def test_a_list_that_is_the_same_after_the_open_has_not_changed() -> None:
    clock, mornings = at_night(), Mornings()
    async with ScriptedServer(mornings.script) as server:
        instruments = KiteInstruments(server.root, clock)
        await instruments.find("NSE", "TCS")
        await clock.advance(2 * 3600 + 44 * 60)  # 09:14
        await instruments.find("NSE", "TCS")
        await clock.advance(300)
        await instruments.find("NSE", "TCS")
        await clock.advance(4 * 3600)
        await instruments.find("NSE", "TCS")
        assert len(server.requests) == 3


async def test_a_first_list_of_the_morning_may_be_yesterdays_too() -> None:
    clock, mornings = at_night(), Mornings()
    await clock.advance(2 * 3600 + 60)  # 08:31, and this process has only just begun
    async with ScriptedServer(mornings.script) as server:
        instruments = KiteInstruments(server.root, clock)
        assert await instruments.find("NSE", "TCS")
        mornings.text = dump(TCS.replace("2953217", "77"))
        assert await instruments.by_token(77) is None
        await clock.advance(300)
        assert await instruments.by_token(77)
