"""What the wire must never do: send late, send as somebody else, wait for ever, tell secrets."""

import asyncio
import contextlib
import logging
import re
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from adapters.kite import routes
from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.egress_path import EgressPath
from adapters.kite.login import KiteLogin
from adapters.process.clock import SystemClock
from domain.errors import BrokerUnavailable, StopwatchError
from domain.order import OrderRequest, OrderTerms, Side
from domain.outcome import Accepted, Cause, Rejected, Unknown
from domain.strategy import Product
from tests.scripted_server import Script, ScriptedServer, answer, drip, hang, reset, send_then_close

PLACED = {"status": "success", "data": {"order_id": "2042130686722629633", "net": []}}
TOKEN = "s3cr3t-access-token"


def order(tag: str = "ABCDEF") -> OrderRequest:
    return OrderRequest(OrderTerms("NSE", "TCS", Product.CNC), Side.SELL, 5, tag)


@pytest.fixture
def wire() -> Iterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()


def account(
    root: str,
    wire: ConnectionPool,
    *,
    key: str = "kitekey",
    token: str = TOKEN,
    read_seconds: float = 5.0,
) -> KiteBroker:
    return KiteBroker(KiteClient(key, token, root, wire), SystemClock(), 1, read_seconds=read_seconds)


async def test_an_order_that_waited_too_long_for_a_connection_never_leaves(wire: ConnectionPool) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with contextlib.ExitStack() as crowd:
            for _ in range(4):  # nobody accepts, and the queue is full: the next one waits
                waiting = crowd.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(address)
            outcome = await account(f"http://127.0.0.1:{address[1]}", wire).place(order(), 0.3)
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.TRY_AGAIN
        assert not await asyncio.to_thread(_heard, full)


def _heard(listener: socket.socket) -> bytes:
    """All that was ever sent to a server that answered nobody."""
    heard = b""
    listener.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            talk, _ = listener.accept()
            talk.settimeout(0.3)
            with talk, contextlib.suppress(OSError):
                heard += talk.recv(65536)
    return heard


async def test_an_order_is_held_back_when_its_moment_has_passed(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        broker = account(server.root, wire)
        sent = asyncio.ensure_future(broker.place(order(), 10, leave_within=0.05))
        await asyncio.sleep(0)  # it opens its connection, and the process is busy with something else
        time.sleep(0.2)  # noqa: ASYNC251
        outcome = await sent
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.TRY_AGAIN
        assert not server.requests
        await broker.positions()
        assert [head.split()[0] for head in server.requests] == ["GET"]


SLOW = drip(b"HTTP/1.1 200 OK\r\n" * 100)


class Leavings:
    """A server that plays a script, and counts the connections that the client has ended."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.left = 0
        self.peers: set[Any] = set()

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        self.peers.add(writer.get_extra_info("peername"))
        try:
            await self._script(writer)
        except OSError:
            self.left += 1
            raise


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a server's list is no event
            await asyncio.sleep(0.01)


async def test_a_call_left_at_its_deadline_gives_its_connection_up(wire: ConnectionPool) -> None:
    slow = Leavings(SLOW)
    async with ScriptedServer(slow) as server:
        assert isinstance(await account(server.root, wire).place(order(), 0.2), Unknown)
        await eventually(lambda: slow.left == 1)


async def test_a_cancelled_call_gives_its_connection_up(wire: ConnectionPool) -> None:
    slow = Leavings(SLOW)
    async with ScriptedServer(slow) as server:
        reading = asyncio.ensure_future(account(server.root, wire, read_seconds=60).orders())
        await eventually(lambda: bool(server.requests))
        reading.cancel()
        await asyncio.wait({reading})
        assert reading.cancelled()
        await eventually(lambda: slow.left == 1)


async def test_an_order_does_not_wait_for_a_slow_order_book(wire: ConnectionPool) -> None:
    server: ScriptedServer

    async def slow_reads(writer: asyncio.StreamWriter) -> None:
        script: Script = hang if server.requests[-1].startswith("GET") else answer(200, PLACED)
        await script(writer)

    async with ScriptedServer(slow_reads) as server:
        broker = account(server.root, wire)
        reading = asyncio.ensure_future(broker.orders())
        while not server.requests:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert isinstance(await broker.place(order(), 5), Accepted)
        assert not reading.done()
        reading.cancel()


async def test_calls_one_after_another_share_one_connection(wire: ConnectionPool) -> None:
    connections: set[Any] = set()

    async def note(writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        await answer(200, PLACED)(writer)

    async with ScriptedServer(note) as server:
        broker = account(server.root, wire)
        for _ in range(10):
            await broker.place(order(), 5)
            await broker.positions()
    assert len(connections) == 1


async def test_accounts_in_parallel_never_mix_their_tokens(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        brokers = {n: account(server.root, wire, key=f"key{n}", token=f"token{n}") for n in range(10)}
        await asyncio.gather(
            *(broker.place(order(f"TAG{n}"), 10, 10) for n, broker in brokers.items() for _ in range(20))
        )
        pairs = {
            (found[1], found[2], found[3])
            for request in server.requests
            if (found := re.search(r"token key(\d+):token(\d+)\r\n.*tag=TAG(\d+)", request, re.S))
        }
    assert len(server.requests) == 200
    assert pairs == {(str(n), str(n), str(n)) for n in range(10)}


async def test_a_market_order_says_all_that_zerodha_wants(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        await account(server.root, wire).place(order("MYTAG"), 5)
    head, _, body = server.requests[0].partition("\r\n\r\n")
    assert head.startswith("POST /orders/regular ")
    assert "X-Kite-Version: 3" in head
    assert set(body.split("&")) == {
        "variety=regular",
        "exchange=NSE",
        "tradingsymbol=TCS",
        "transaction_type=SELL",
        "quantity=5",
        "product=CNC",
        "order_type=MARKET",
        "validity=DAY",
        "tag=MYTAG",
        "market_protection=-1",
    }


ECHO = {"status": "error", "error_type": "OrderException", "message": f"token kitekey:{TOKEN} is odd"}


@pytest.mark.parametrize(
    "script",
    [
        answer(200, PLACED),
        answer(400, ECHO),
        answer(500, ECHO),
        answer(502, f"<pre>Authorization: token kitekey:{TOKEN}</pre>", "text/html"),
        answer(200, TOKEN),
        answer(302, "", None, (f"Location: /?access_token={TOKEN}",)),
        reset,
        hang,
        send_then_close(b""),
    ],
)
async def test_no_secret_is_told_whatever_the_broker_answers(
    script: Script, wire: ConnectionPool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    async with ScriptedServer(script) as server:
        broker = account(server.root, wire, read_seconds=0.5)
        login = KiteLogin(server.root, wire, seconds=0.5)
        told.append(repr(await broker.place(order(), 0.5)))
        for ask in (
            broker.orders,
            broker.positions,
            lambda: login.profile("kitekey", TOKEN),
            lambda: login.exchange("kitekey", TOKEN, "once-only"),
        ):
            told.append(await _what_is_told(ask))
    assert server.requests
    assert TOKEN not in caplog.text
    assert TOKEN not in "".join(told)
    assert "once-only" not in caplog.text + "".join(told)


async def _what_is_told(ask: Callable[[], Any]) -> str:
    try:
        return repr(await ask())
    except StopwatchError as error:
        chain = [error, error.__cause__, error.__context__]
        lines = [line for part in chain if part for line in traceback.format_exception(part)]
        return "".join(lines) + repr([vars(part) for part in chain if part])


def test_calls_and_requests_do_not_print_their_secrets(wire: ConnectionPool) -> None:
    proxies = {"http": f"http://someone:{TOKEN}@127.0.0.1:1"}
    calls = KiteClient("kitekey", TOKEN, "http://127.0.0.1:1", wire, proxies, secrets=(TOKEN,))
    way = EgressPath.to("http://127.0.0.1:1", proxies)
    request = routes.session("kitekey", TOKEN, TOKEN)
    assert TOKEN not in repr((calls, vars(calls)["_path"], way, request, wire))
    assert request.form is not None
    assert request.form not in repr(request)


async def test_an_order_whose_tunnel_is_refused_never_left(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(407, "who are you", "text/plain")) as proxy:
        calls = KiteClient("kitekey", TOKEN, "https://kite.invalid", wire, proxies={"https": proxy.root})
        outcome = await KiteBroker(calls, SystemClock()).place(order(), 5)
        assert proxy.requests[0].startswith("CONNECT kite.invalid:443 ")
        assert TOKEN not in "".join(proxy.requests)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.TRY_AGAIN


async def test_an_order_ignores_the_proxy_of_the_host(
    wire: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    async with ScriptedServer(answer(200, PLACED)) as server:
        assert isinstance(await account(server.root, wire).place(order(), 5), Accepted)


async def test_a_closed_wire_is_no_exception_for_an_order(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        broker = account(server.root, wire)
        wire.close()
        assert isinstance(await broker.place(order(), 1), Rejected)
        with pytest.raises(BrokerUnavailable):
            await broker.orders()
        await broker.warm()
        assert not server.requests


@pytest.mark.parametrize("token", ["abc\r\nX-Other: 1", "abc\n", "abc\0", "₹"])
async def test_a_token_that_is_no_header_is_never_sent(token: str, wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        outcome = await account(server.root, wire, token=token).place(order(), 5)
        assert isinstance(outcome, Rejected)
        assert not server.requests


async def test_no_other_request_hides_in_an_order(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        broker = account(server.root, wire)
        await broker.cancel("1 HTTP/1.1\r\nHost: x\r\n\r\nGET /?")
        terms = OrderTerms("NSE&quantity=7", "M&M\r\n", Product.CNC)
        await broker.place(OrderRequest(terms, Side.BUY, 5, "A&b=c d"), 5)
    assert len(server.requests) == 2
    form = parse_qs(server.requests[1].partition("\r\n\r\n")[2])
    assert (form["exchange"], form["tradingsymbol"]) == (["NSE&quantity=7"], ["M&M\r\n"])
    assert (form["quantity"], form["tag"]) == (["5"], ["A&b=c d"])
