"""Warm connections: an order is sent at most once, and hardly ever on one that the other side has closed."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import IDLE_EACH, ConnectionPool
from adapters.process.clock import SystemClock
from domain.errors import BrokerUnavailable
from domain.order import OrderRequest, OrderTerms, Side
from domain.outcome import Accepted, Unknown
from domain.strategy import Product
from tests.contract.test_kite_tls import TlsServer
from tests.contract.test_kite_wire import eventually
from tests.scripted_server import ScriptedServer, answer, raw

ORDER = OrderRequest(OrderTerms("NSE", "TCS", Product.CNC), Side.BUY, 5, "ABCDEF")
JSON = "Content-Type: application/json"
PLACED = raw(200, '{"status": "success", "data": {"order_id": "2042", "net": []}}', JSON)


class RawServer:
    """Keeps every connection and every request; answers while `answers`, hangs up when told."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._server: asyncio.Server | None = None
        self.talks: list[asyncio.StreamWriter] = []
        self.requests: list[bytes] = []
        self.gone = 0
        self.answers = True
        self.last = False
        """Hang up right after each answer, without having said so."""
        self.on_request: Callable[[asyncio.StreamWriter], None] | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self.talks:
            talk.transport.abort()

    @property
    def root(self) -> str:
        assert self._server is not None
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line[:15] == b"Content-Length:"), 0
                )
                self.requests.append(head + await reader.readexactly(length))
                if self.on_request is not None:
                    self.on_request(writer)
                if self.answers:
                    writer.write(PLACED)
                if self.last:
                    writer.close()
        self.gone += 1


@pytest.fixture
def wire() -> Iterator[ConnectionPool]:
    with contextlib.closing(ConnectionPool()) as made:
        yield made


def account(root: str, wire: ConnectionPool) -> KiteBroker:
    return KiteBroker(KiteClient("kitekey", "token", root, wire), SystemClock(), 1)


def break_off(talk: asyncio.StreamWriter) -> None:
    """End a connection with RST."""
    talk.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.transport.abort()


@pytest.mark.parametrize("end", [lambda talk: talk.close(), break_off])
async def test_an_order_after_the_server_hung_up_goes_out_on_a_new_connection(
    end: Callable[[asyncio.StreamWriter], None], wire: ConnectionPool
) -> None:
    async with RawServer() as server:
        broker = account(server.root, wire)
        assert isinstance(await broker.place(ORDER, 5), Accepted)
        end(server.talks[0])
        await asyncio.sleep(0.02)
        assert isinstance(await broker.place(ORDER, 5), Accepted)
        assert (len(server.talks), len(server.requests)) == (2, 2)


async def test_a_hang_up_is_noticed_before_the_process_has_read_it(wire: ConnectionPool) -> None:
    async with RawServer() as server:
        server.last = True
        broker = account(server.root, wire)
        for _ in range(20):
            # The end of the connection comes with the answer or right behind it, whichever is read first.
            assert isinstance(await broker.place(ORDER, 5), Accepted)
        assert len(server.requests) == 20


async def test_a_hang_up_while_the_process_was_busy_is_noticed(wire: ConnectionPool) -> None:
    async with RawServer() as server:
        broker = account(server.root, wire)
        assert isinstance(await broker.place(ORDER, 5), Accepted)
        server.talks[0].get_extra_info("socket").shutdown(socket.SHUT_WR)
        time.sleep(0.02)  # noqa: ASYNC251 - the end is in the kernel, and nobody has read it
        assert isinstance(await broker.place(ORDER, 5), Accepted)
        assert len(server.talks) == 2


@pytest.mark.parametrize("end", [lambda talk: talk.close(), break_off])
async def test_an_order_that_met_a_hang_up_is_not_sent_again(
    end: Callable[[asyncio.StreamWriter], None], wire: ConnectionPool
) -> None:
    async with RawServer() as server:
        broker = account(server.root, wire)
        assert isinstance(await broker.place(ORDER, 5), Accepted)
        server.answers, server.on_request = False, end
        assert isinstance(await broker.place(ORDER, 5), Unknown)
        await eventually(lambda: server.gone == 1)
        assert len(server.requests) == 2


async def test_an_order_is_sent_at_most_once_whenever_the_server_hangs_up(wire: ConnectionPool) -> None:
    """Servers that close what is idle meet orders on the way: some are lost, none is doubled."""
    async with RawServer() as server:
        broker = account(server.root, wire)
        for turn in range(300):
            tag = f"T{turn}"
            if turn % 2 and server.talks:
                asyncio.get_running_loop().call_later(turn % 10 / 10_000, server.talks[-1].close)
            await asyncio.sleep(turn % 7 / 10_000)
            await broker.place(OrderRequest(ORDER.terms, Side.BUY, 5, tag), 5)
        sent = [request for request in server.requests if request.startswith(b"POST")]
        tags = [request.partition(b"tag=")[2].partition(b"&")[0] for request in sent]
        assert len(set(tags)) == len(tags)
        assert len(tags) > 200


async def test_an_answer_that_nobody_asked_for_is_no_orders_answer(wire: ConnectionPool) -> None:
    async with RawServer() as server:
        broker = account(server.root, wire)
        server.on_request = lambda talk: talk.write(PLACED.replace(b"2042", b"1111"))
        assert await broker.place(ORDER, 5) == Accepted("1111")  # and a second answer comes behind it
        server.on_request = None
        await asyncio.sleep(0.02)
        assert await broker.place(ORDER, 5) == Accepted("2042")
        server.talks[-1].write(PLACED.replace(b"2042", b"1111"))
        await asyncio.sleep(0.02)
        assert await broker.place(ORDER, 5) == Accepted("2042")
        assert len(server.talks) == 3


async def test_half_an_answer_that_nobody_asked_for_is_no_orders_answer(wire: ConnectionPool) -> None:
    async with RawServer() as server:
        broker = account(server.root, wire)
        other = PLACED.replace(b"2042", b"1111")
        server.answers, server.on_request = False, lambda talk: talk.write(PLACED + other[:90])
        assert await broker.place(ORDER, 5) == Accepted("2042")
        server.answers, server.on_request = (
            True,
            lambda talk: talk.write(other[90:] * (talk is server.talks[0])),
        )
        assert await broker.place(ORDER, 5) == Accepted("2042")


async def test_a_hint_before_the_answer_is_not_the_answer(wire: ConnectionPool) -> None:
    async with RawServer() as server:
        server.on_request = lambda talk: talk.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        assert await account(server.root, wire).place(ORDER, 5) == Accepted("2042")


@pytest.mark.parametrize("said", [b"", b"Connection: close\r\n"])
async def test_a_body_may_end_with_the_connection(said: bytes, wire: ConnectionPool) -> None:
    def tell(talk: asyncio.StreamWriter) -> None:
        talk.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + said + b"\r\n")
        talk.write(PLACED.partition(b"\r\n\r\n")[2])
        talk.close()

    async with RawServer() as server:
        server.answers, server.on_request = False, tell
        broker = account(server.root, wire)
        assert await broker.place(ORDER, 5) == Accepted("2042")
        assert await broker.place(ORDER, 5) == Accepted("2042")
        assert len(server.talks) == 2


async def test_warming_opens_one_connection_which_the_order_takes(wire: ConnectionPool) -> None:
    async with RawServer() as server:
        broker = account(server.root, wire)
        for _ in range(3):
            await broker.warm()
        await eventually(lambda: len(server.talks) == 1)
        assert not server.requests, "warming asks nothing: it would count against the account's limits"
        assert isinstance(await broker.place(ORDER, 5), Accepted)
        assert len(server.talks) == 1


async def test_warming_replaces_a_connection_that_is_gone_or_will_soon_be(wire: ConnectionPool) -> None:
    async with RawServer() as server:
        broker = account(server.root, wire)
        await broker.warm()
        await eventually(lambda: len(server.talks) == 1)
        server.talks[0].close()
        await asyncio.sleep(0.02)
        await broker.warm()
        await eventually(lambda: len(server.talks) == 2)
        with contextlib.closing(ConnectionPool(idle_seconds=0.2)) as impatient:
            broker = account(server.root, impatient)
            await broker.warm()
            await asyncio.sleep(0.12)
            await broker.warm()
            await eventually(lambda: len(server.talks) == 4)


async def test_warming_never_raises(wire: ConnectionPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        root = f"http://127.0.0.1:{listener.getsockname()[1]}"
    await account(root, wire).warm()
    await account("http://kite.invalid", wire).warm()


async def test_idle_connections_are_closed_in_time() -> None:
    async with RawServer() as server:
        with contextlib.closing(ConnectionPool(idle_seconds=0.1)) as wire:
            for _ in range(5):
                await account(server.root, wire).place(ORDER, 5)
            await eventually(lambda: server.gone == 5)
            await account(server.root, wire).place(ORDER, 5)
            await eventually(lambda: server.gone == 6)


async def test_thousands_of_accounts_keep_few_connections() -> None:
    async with RawServer() as server:
        with contextlib.closing(ConnectionPool(most_idle=3)) as wire:
            brokers = [account(server.root, wire) for _ in range(10)]
            for broker in brokers:
                await broker.place(ORDER, 5)
            await eventually(lambda: server.gone == 7)
            await brokers[-1].place(ORDER, 5)
            assert len(server.talks) == 10, "the last used ones are kept"


async def test_an_account_keeps_few_connections_after_many_calls_at_once(wire: ConnectionPool) -> None:
    async with RawServer() as server:
        broker = account(server.root, wire)
        await asyncio.gather(*(broker.place(ORDER, 5) for _ in range(12)))
        await eventually(lambda: server.gone == 12 - IDLE_EACH)
        broker.close()
        await eventually(lambda: server.gone == 12)
        assert isinstance(await broker.place(ORDER, 5), Accepted)
        await eventually(lambda: server.gone == 13)


async def test_a_host_is_looked_up_once_for_many(
    wire: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    real = socket.getaddrinfo

    def look_up(host: Any, *words: Any, **more: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1", *words, **more)

    async with RawServer() as server:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        root = server.root.replace("127.0.0.1", "kite.example")
        brokers = [account(root, wire) for _ in range(20)]
        outcomes = await asyncio.gather(*(broker.place(ORDER, 5) for broker in brokers))
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert asked.count("kite.example") == 1
    assert b"Host: kite.example:" in server.requests[0]


@pytest.fixture
def secured(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The TLS contexts of a server and of who trusts it."""
    other = TlsServer(tmp_path, lambda secure: None)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    other.close()
    return server, other.trusting


async def test_orders_over_tls_share_one_connection_until_the_server_hangs_up(
    secured: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async with RawServer(secured[0]) as server:
        with contextlib.closing(ConnectionPool(secured[1])) as wire:
            broker = account(server.root, wire)
            await broker.warm()
            for _ in range(5):
                assert isinstance(await broker.place(ORDER, 5), Accepted)
            assert len(server.talks) == 1
            server.talks[0].close()
            await asyncio.sleep(0.05)
            assert isinstance(await broker.place(ORDER, 5), Accepted)
            assert (len(server.talks), len(server.requests)) == (2, 6)


async def test_orders_go_through_a_tunnel_that_sees_nothing_of_them(
    secured: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    seen = bytearray()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readuntil(b"\r\n\r\n"))
        far_reader, far = await asyncio.open_connection("127.0.0.1", int(server.root.rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                seen.extend(data)
                sink.write(data)
            sink.close()

        await asyncio.gather(pass_on(reader, far), pass_on(far_reader, writer), return_exceptions=True)

    async with RawServer(secured[0]) as server:
        between = await asyncio.start_server(proxy, "127.0.0.1", 0)
        port = between.sockets[0].getsockname()[1]
        with contextlib.closing(ConnectionPool(secured[1])) as wire:
            proxies = {"https": f"http://me:pass%20word@127.0.0.1:{port}"}
            calls = KiteClient("kitekey", "s3cr3t", server.root, wire, proxies)
            broker = KiteBroker(calls, SystemClock())
            for _ in range(3):
                assert isinstance(await broker.place(ORDER, 5), Accepted)
            assert len(server.talks) == 1
        between.close()
    assert bytes(seen).startswith(b"CONNECT 127.0.0.1:")
    assert b"Proxy-Authorization: Basic bWU6cGFzcyB3b3Jk\r\n" in seen
    assert b"s3cr3t" not in seen
    assert b"Proxy-Authorization" not in b"".join(server.requests)


async def test_a_plain_proxys_password_is_sent_to_the_proxy_only(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, {"status": "success", "data": {"order_id": "1"}})) as proxy:
        proxies = {"http": proxy.root.replace("//", "//me:word@")}
        broker = KiteBroker(KiteClient("k", "t", "http://kite.invalid", wire, proxies), SystemClock())
        assert isinstance(await broker.place(ORDER, 5), Accepted)
        assert "Proxy-Authorization: Basic bWU6d29yZA==\r\n" in proxy.requests[0]


@pytest.mark.parametrize(
    ("root", "proxy"),
    [
        ("ftp://kite.invalid", None),
        ("kite.invalid", None),
        ("http://127.0.0.1:1", "socks5://me:hunter2@127.0.0.1:1"),
        ("http://127.0.0.1:1", "http://me:hunter2@127.0.0.1:no"),
        ("http://127.0.0.1:1", "http://[::1"),
    ],
)
def test_a_way_that_cannot_be_read_is_told_without_its_password(
    root: str, proxy: str | None, wire: ConnectionPool
) -> None:
    with pytest.raises(BrokerUnavailable) as told:
        KiteClient("kitekey", "token", root, wire, {"all": proxy} if proxy else None)
    assert "hunter2" not in repr(told.value)
