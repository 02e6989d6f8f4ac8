"""Orders over TLS: one whose handshake fails never leaves; one whose answer fails is unknown."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.process.clock import SystemClock
from domain.order import OrderRequest, OrderTerms, Side
from domain.outcome import Cause, Rejected, Unknown
from domain.strategy import Product

ORDER = OrderRequest(OrderTerms("NSE", "TCS", Product.CNC), Side.SELL, 5, "ABCDEF")


@pytest.fixture
def wire() -> Iterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()


def account(root: str, wire: ConnectionPool) -> KiteBroker:
    return KiteBroker(KiteClient("kitekey", "s3cr3t-access-token", root, wire), SystemClock(), 1)


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


async def test_an_order_cancelled_before_it_left_never_leaves(tmp_path: Path) -> None:
    server = TlsServer(tmp_path, lambda secure: None, handshake_after=0.2)
    with contextlib.closing(ConnectionPool(server.trusting)) as wire:
        sent = asyncio.ensure_future(account(server.root, wire).place(ORDER, 5))
        await asyncio.sleep(0.05)
        sent.cancel()
        await asyncio.wait({sent})
    await asyncio.to_thread(server.close)
    assert not server.requests


async def test_an_order_over_an_untrusted_certificate_never_leaves(
    tmp_path: Path, wire: ConnectionPool
) -> None:
    server = TlsServer(tmp_path, lambda secure: None)
    outcome = await account(server.root, wire).place(ORDER, 5)
    await asyncio.to_thread(server.close)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.TRY_AGAIN
    assert not server.requests


async def test_a_tls_failure_in_the_answer_is_unknown(tmp_path: Path) -> None:
    def garbage(secure: ssl.SSLSocket) -> None:
        socket.socket.sendall(secure, b"\x17\x03\x03\x00\x20" + b"x" * 32)

    server = TlsServer(tmp_path, garbage)
    with contextlib.closing(ConnectionPool(server.trusting)) as wire:
        outcome = await account(server.root, wire).place(ORDER, 5)
    await asyncio.to_thread(server.close)
    assert isinstance(outcome, Unknown)
    assert server.requests


async def test_an_order_stuck_in_its_handshake_may_be_tried_again(wire: ConnectionPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        root = f"https://127.0.0.1:{mute.getsockname()[1]}"
        outcome = await account(root, wire).place(ORDER, 0.3)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.TRY_AGAIN


async def test_an_order_whose_moment_passed_in_the_handshake_never_leaves(tmp_path: Path) -> None:
    server = TlsServer(tmp_path, lambda secure: None, handshake_after=0.3)
    with contextlib.closing(ConnectionPool(server.trusting)) as wire:
        outcome = await account(server.root, wire).place(ORDER, 5, leave_within=0.1)
    await asyncio.to_thread(server.close)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.TRY_AGAIN
    assert not server.requests
