"""Temporal behind mutual TLS: who has no certificate is not let in, and we talk to no server we do not know.

The embedded server speaks no TLS itself, so a listener of ours stands before it, as a load balancer would.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from temporalio.testing import WorkflowEnvironment

from adapters.temporal.connection import BadCertificate, TemporalAddress, connect
from local.doctor import Addresses, examine

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in files."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates."""

    def __init__(self, home: Path, name: str) -> None:
        self._home = home
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        own = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        self.cert = home / f"{name}.pem"
        self.cert.write_bytes(own.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def pair(self, name: str) -> Pair:
        """Make a certificate for a name, good for 127.0.0.1 too."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._builder(subject, key).add_extension(here, critical=False).sign(self._key, SHA256())
        made = Pair(self._home / f"{name}.pem", self._home / f"{name}.key")
        made.cert.write_bytes(signed.public_bytes(Encoding.PEM))
        made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(hours=1))
            .not_valid_after(NOW + timedelta(hours=1))
        )


@asynccontextmanager
async def guarded(upstream: str, server: Pair, clients: Path) -> AsyncIterator[str]:
    """Give the address of a TLS listener before a server, which lets in only who is signed by `clients`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.cert, server.key)
    context.load_verify_locations(clients)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    host, _, port = upstream.rpartition(":")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    listener = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


@pytest.fixture(scope="module")
async def address(
    temporal_binary: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TemporalAddress]:
    """The embedded Temporal behind mutual TLS, and everything that is needed to be let in."""
    home = tmp_path_factory.mktemp("tls")
    ours, theirs = Authority(home, "servers"), Authority(home, "clients")
    worker = theirs.pair("worker")
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=temporal_binary) as env:
        upstream = env.client.service_client.config.target_host
        async with guarded(upstream, ours.pair("temporal"), theirs.cert) as target:
            yield TemporalAddress(target, "default", worker.cert, worker.key, tls_ca=ours.cert)


async def served(address: TemporalAddress) -> bool:
    try:
        async with asyncio.timeout(20):
            client = await connect(address)
            return await client.service_client.check_health()
    except (RuntimeError, TimeoutError):
        return False


async def test_who_has_a_certificate_is_let_in(address: TemporalAddress) -> None:
    assert await served(address)


async def test_who_has_no_certificate_is_not(address: TemporalAddress) -> None:
    assert not await served(replace(address, tls_cert=None, tls_key=None))
    assert not await served(TemporalAddress(address.target))


async def test_who_brings_one_of_his_own_making_is_not(address: TemporalAddress, tmp_path: Path) -> None:
    forged = Authority(tmp_path, "forgers").pair("worker")
    assert not await served(replace(address, tls_cert=forged.cert, tls_key=forged.key))


async def test_server_of_another_authority_is_not_spoken_to(address: TemporalAddress, tmp_path: Path) -> None:
    assert not await served(replace(address, tls_ca=Authority(tmp_path, "strangers").cert))
    assert not await served(replace(address, tls_ca=None))


async def test_doctor_comes_in_by_the_same_settings(address: TemporalAddress) -> None:
    assert address.tls_cert is not None
    assert address.tls_key is not None
    asked = Addresses(
        {}, None, address.target, "default", None, (address.tls_cert, address.tls_key), address.tls_ca, ""
    )
    found = {finding.what: finding for finding in await examine(asked)}
    assert found["Temporal"].well, found["Temporal"]


async def test_certificate_that_is_not_there_is_named(address: TemporalAddress, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(BadCertificate, match="STOPWATCH_TEMPORAL_TLS_CA cannot be read"):
        await connect(replace(address, tls_ca=missing))
    with pytest.raises(BadCertificate, match="go together"):
        await connect(replace(address, tls_key=None))
