"""What the wire must never do: send late, send as somebody else, wait for ever, tell secrets."""

import asyncio
import logging
import re
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.clock import SystemClock
from adapters.kite.broker import KiteBroker
from adapters.kite.calls import KiteCalls, kite_threads
from adapters.kite.client import Kite
from adapters.kite.login import KiteLogin
from adapters.kite.wire import Call, trusted_roots
from domain.errors import BrokerUnavailable, StopwatchError
from domain.order import OrderRequest, OrderTerms, Side
from domain.outcome import Accepted, Cause, Rejected, Unknown
from domain.strategy import Product
from tests.scripted_server import Script, ScriptedServer, answer, drip, hang, reset, send_then_close

PLACED = {"status": "success", "data": {"order_id": "2042130686722629633", "net": []}}
TOKEN = "s3cr3t-access-token"
TLS = trusted_roots()


def order(tag: str = "ABCDEF") -> OrderRequest:
    return OrderRequest(OrderTerms("NSE", "TCS", Product.CNC), Side.SELL, 5, tag)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with kite_threads(8) as executor:
        yield executor


@pytest.fixture
def one_thread() -> Iterator[ThreadPoolExecutor]:
    with kite_threads(1) as executor:
        yield executor


def account(
    root: str,
    executor: ThreadPoolExecutor,
    *,
    key: str = "kitekey",
    token: str = TOKEN,
    tls: ssl.SSLContext = TLS,
    read_seconds: float = 5.0,
) -> KiteBroker:
    return KiteBroker(KiteCalls(key, token, root, executor, tls), SystemClock(), 1, read_seconds=read_seconds)


async def test_an_order_that_waited_too_long_for_a_thread_never_leaves(
    one_thread: ThreadPoolExecutor,
) -> None:
    release = threading.Event()
    async with ScriptedServer(answer(200, PLACED)) as server:
        one_thread.submit(release.wait, 10)
        outcome = await account(server.root, one_thread).place(order(), 0.2)
        release.set()
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.TRY_AGAIN
        await account(server.root, one_thread).positions()  # whatever was queued has had its turn
        assert [head.split()[0] for head in server.requests] == ["GET"]


async def test_an_order_is_held_back_when_its_moment_has_passed(one_thread: ThreadPoolExecutor) -> None:
    release = threading.Event()
    async with ScriptedServer(answer(200, PLACED)) as server:
        one_thread.submit(release.wait, 10)
        sent = asyncio.ensure_future(account(server.root, one_thread).place(order(), 10, leave_within=0.05))
        asyncio.get_running_loop().call_later(0.2, release.set)
        outcome = await sent
        assert isinstance(outcome, Rejected)
        assert outcome.cause is Cause.TRY_AGAIN
        assert not server.requests


async def test_a_call_left_at_its_deadline_gives_its_thread_back(one_thread: ThreadPoolExecutor) -> None:
    async with (
        ScriptedServer(drip(b"HTTP/1.1 200 OK\r\n" * 100)) as slow,
        ScriptedServer(answer(200, PLACED)) as quick,
    ):
        assert isinstance(await account(slow.root, one_thread).place(order(), 0.2), Unknown)
        assert isinstance(await account(quick.root, one_thread).place(order(), 5), Accepted)


async def test_a_cancelled_call_gives_its_thread_back(one_thread: ThreadPoolExecutor) -> None:
    async with ScriptedServer(hang) as slow, ScriptedServer(answer(200, PLACED)) as quick:
        reading = asyncio.ensure_future(account(slow.root, one_thread, read_seconds=60).orders())
        while not slow.requests:  # noqa: ASYNC110 - the server's list is no event
            await asyncio.sleep(0.01)
        reading.cancel()
        assert isinstance(await account(quick.root, one_thread).place(order(), 5), Accepted)


async def test_an_order_does_not_wait_for_a_slow_order_book(threads: ThreadPoolExecutor) -> None:
    server: ScriptedServer

    async def slow_reads(writer: asyncio.StreamWriter) -> None:
        script: Script = hang if server.requests[-1].startswith("GET") else answer(200, PLACED)
        await script(writer)

    async with ScriptedServer(slow_reads) as server:
        broker = account(server.root, threads)
        reading = asyncio.ensure_future(broker.orders())
        while not server.requests:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert isinstance(await broker.place(order(), 5), Accepted)
        assert not reading.done()
        reading.cancel()


async def test_calls_one_after_another_share_one_connection(threads: ThreadPoolExecutor) -> None:
    connections: set[Any] = set()

    async def note(writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        await answer(200, PLACED)(writer)

    async with ScriptedServer(note) as server:
        broker = account(server.root, threads)
        for _ in range(10):
            await broker.place(order(), 5)
            await broker.positions()
    assert len(connections) == 1


async def test_accounts_in_parallel_never_mix_their_tokens(threads: ThreadPoolExecutor) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        brokers = {n: account(server.root, threads, key=f"key{n}", token=f"token{n}") for n in range(10)}
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


async def test_a_market_order_says_all_that_zerodha_wants(threads: ThreadPoolExecutor) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        await account(server.root, threads).place(order("MYTAG"), 5)
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
    script: Script, threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    async with ScriptedServer(script) as server:
        broker = account(server.root, threads, read_seconds=0.5)
        login = KiteLogin(server.root, threads, seconds=0.5)
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


def test_a_client_does_not_print_its_token() -> None:
    assert TOKEN not in repr(Kite("kitekey", TOKEN, "http://127.0.0.1:1", TLS))


class TlsServer:
    """Speaks TLS, reads one request, then does as told with the bare socket underneath."""

    def __init__(
        self, folder: Path, after: Callable[[ssl.SSLSocket], None], handshake_after: float = 0
    ) -> None:
        certificate, key = _own_certificate(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.trusting = ssl.create_default_context(cafile=str(certificate))
        self._after = after
        self._pause = handshake_after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.root = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            bare, _ = self._listener.accept()
            time.sleep(self._pause)
            with self._context.wrap_socket(bare, server_side=True) as secure:
                request = b""
                while b"market_protection" not in request:
                    if not (more := secure.recv(65536)):
                        return  # the client went away without an order
                    request += more
                self.requests.append(request)
                self._after(secure)
        except OSError:
            pass  # the client refused the certificate


async def test_an_order_over_an_untrusted_certificate_never_leaves(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    server = TlsServer(tmp_path, lambda secure: None)
    outcome = await account(server.root, threads).place(order(), 5)
    server.close()
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.TRY_AGAIN
    assert not server.requests


async def test_a_tls_failure_in_the_answer_is_unknown(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    def garbage(secure: ssl.SSLSocket) -> None:
        socket.socket.sendall(secure, b"\x17\x03\x03\x00\x20" + b"x" * 32)

    server = TlsServer(tmp_path, garbage)
    outcome = await account(server.root, threads, tls=server.trusting).place(order(), 5)
    server.close()
    assert isinstance(outcome, Unknown)
    assert server.requests


async def test_an_order_stuck_in_its_handshake_may_be_tried_again(threads: ThreadPoolExecutor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        root = f"https://127.0.0.1:{mute.getsockname()[1]}"
        outcome = await account(root, threads).place(order(), 0.3)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.TRY_AGAIN


async def test_an_order_whose_moment_passed_in_the_handshake_never_leaves(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    server = TlsServer(tmp_path, lambda secure: None, handshake_after=0.3)
    outcome = await account(server.root, threads, tls=server.trusting).place(order(), 5, leave_within=0.1)
    server.close()
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.TRY_AGAIN
    assert not server.requests


async def test_an_order_whose_tunnel_is_refused_never_left(threads: ThreadPoolExecutor) -> None:
    async with ScriptedServer(answer(407, "who are you", "text/plain")) as proxy:
        calls = KiteCalls(
            "kitekey", TOKEN, "https://kite.invalid", threads, TLS, proxies={"https": proxy.root}
        )
        outcome = await KiteBroker(calls, SystemClock()).place(order(), 5)
        assert proxy.requests[0].startswith("CONNECT kite.invalid:443 ")
        assert TOKEN not in "".join(proxy.requests)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.TRY_AGAIN


async def test_an_order_ignores_the_proxy_of_the_host(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    async with ScriptedServer(answer(200, PLACED)) as server:
        assert isinstance(await account(server.root, threads).place(order(), 5), Accepted)


async def test_a_call_given_up_late_leaves_the_next_ones_connection_alone(
    threads: ThreadPoolExecutor,
) -> None:
    connections: set[Any] = set()

    async def note(writer: asyncio.StreamWriter) -> None:
        connections.add(writer.get_extra_info("peername"))
        await answer(200, PLACED)(writer)

    async with ScriptedServer(note) as server:
        kite = Kite("kitekey", TOKEN, server.root, TLS)
        first, second = Call(time.monotonic() + 5), Call(time.monotonic() + 5)
        await asyncio.to_thread(kite.perform, first, 5, lambda kite: kite.positions())
        assert first.finish()
        assert first.give_up(), "it had left"

        def give_up_first_midway(kite: Kite) -> Any:
            first.give_up()
            return kite.positions()

        reply = await asyncio.to_thread(kite.perform, second, 5, give_up_first_midway)
        assert reply.data == PLACED["data"]
        assert len(connections) == 1


async def test_a_closed_executor_is_no_exception_for_an_order() -> None:
    executor = kite_threads(1)
    executor.shutdown()
    broker = account("http://127.0.0.1:1", executor)
    assert isinstance(await broker.place(order(), 1), Rejected)
    with pytest.raises(BrokerUnavailable):
        await broker.orders()


def _own_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scripted")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, private
