"""A tenant names an address, or somebody changed a stored one: nothing inside our networks is ever called."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests

from adapters.notifications.outside_sockets import outside_only, socket_to_outside
from adapters.notifications.public_address import NotOutside, PortRefused, is_outside, is_port_outside
from adapters.notifications.push_subscription import PushSubscription
from adapters.notifications.services import Service, Services
from adapters.notifications.vapid import PushKey
from adapters.notifications.web_push import WebPushes
from adapters.notifications.webhook import Webhooks
from adapters.process.clock import SystemClock
from domain.notification import Arrival, ChannelKind, Notification, NotificationKind
from local.keys import fresh
from services.errors import Invalid
from services.notifications.addresses import push_address, webhook_address
from tests.browsers import Browser
from tests.receivers import hook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUSH_KEY = PushKey(fresh()["STOPWATCH_PUSH_PRIVATE_KEY"])
INSIDE = (
    *("fec0::1", "feff::1", "fd00:ec2::254", "fe80::1", "::1", "::", "::127.0.0.1", "ff02::1", "5f00::1"),
    *("192.0.0.192", "192.0.0.8", "192.0.0.170", "192.88.99.1", "198.18.0.1", "168.63.129.16"),
    *("169.254.169.254", "100.100.100.200", "0.0.0.0", "255.255.255.255", "240.0.0.1"),
    *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::"),
    *("2001::1", "2001:db8::1", "3fff::1"),
)
LOOPBACK = (
    *("①②⑦.0.0.1", "127。0。0。1", "１２７.0.0.1", "127.1", "2130706433", "017700000001", "0x7f.1"),
    *("0x7f000001", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "localhost", "localhost.", "LOCALHOST"),
)
"""Ways to write this machine's own address, as some library reads each."""
AS_NUMBERS = (*("①②⑦.0.0.1", "127。0。0。1", "１２７.0.0.1", "127.0.0.1"), *("[::ffff:127.0.0.1]", "[::1]"))
"""Those that show at once as what they are; the others are judged when they are resolved."""


@dataclass
class Neighbour:
    """A service of the inner network: it counts who connects."""

    port: int = 0
    connections: int = 0

    def met(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@asynccontextmanager
async def a_neighbour() -> AsyncIterator[Neighbour]:
    made = Neighbour()
    servers = [await asyncio.start_server(made.met, "127.0.0.1", 0)]
    made.port = servers[0].sockets[0].getsockname()[1]
    if socket.has_ipv6:
        with suppress(OSError):  # this machine has no such address
            servers.append(await asyncio.start_server(made.met, "::1", made.port))
    try:
        yield made
    finally:
        for server in servers:
            server.close()


@pytest.fixture
async def neighbour() -> AsyncIterator[Neighbour]:
    async with a_neighbour() as made:
        yield made


def a_notification(kind: ChannelKind = ChannelKind.WEBHOOK) -> Notification:
    ids = (uuid4(), uuid4(), uuid4())
    return Notification(*ids, kind, b"", b"", None, NotificationKind.TEST, "A test.", datetime.now(UTC), 1)


@pytest.mark.parametrize("address", INSIDE)
def test_special_address_is_not_public_whatever_python_says_of_it(address: str) -> None:
    assert not is_outside(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_outside(address)


@pytest.mark.parametrize("host", LOOPBACK)
async def test_stored_webhook_that_is_this_machine_in_disguise_is_never_connected_to(
    neighbour: Neighbour, host: str
) -> None:
    async with Webhooks(SystemClock()) as webhooks:
        delivery = await webhooks.post(a_notification(), f"https://{host}:{neighbour.port}/", SECRET)
    assert delivery.arrival is not Arrival.ARRIVED
    assert neighbour.connections == 0, delivery


@pytest.mark.parametrize("host", LOOPBACK)
async def test_stored_browser_that_is_this_machine_in_disguise_is_never_connected_to(
    neighbour: Neighbour, host: str
) -> None:
    stored = Browser(f"https://{host}:{neighbour.port}/").stored
    async with WebPushes(SystemClock(), PUSH_KEY) as pushes:
        delivery = await pushes.send(a_notification(ChannelKind.PUSH), stored)
    assert delivery.arrival is not Arrival.ARRIVED
    assert neighbour.connections == 0, delivery


@pytest.mark.parametrize("host", AS_NUMBERS)
def test_browser_of_this_machine_is_not_even_set_up_where_its_number_shows(host: str) -> None:
    keys = Browser("").subscription["keys"]
    with pytest.raises(Invalid):
        push_address(PushSubscription(f"https://{host}/", **keys), anywhere=False)


@pytest.mark.parametrize("host", AS_NUMBERS)
def test_webhook_of_this_machine_is_not_even_set_up_where_its_number_shows(host: str) -> None:
    with pytest.raises(Invalid):
        webhook_address(f"https://{host}/", anywhere=False)


async def test_name_that_leads_inside_only_when_it_is_used_is_not_called(
    neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public when it was set up, this machine now: DNS rebinding."""
    name = "rebinding.example.com"
    address = webhook_address(f"https://{name}:{neighbour.port}/", anywhere=False).address
    plain = socket.getaddrinfo

    def rebound(host: Any, *arguments: Any, **options: Any) -> Any:
        return plain("127.0.0.1" if host == name else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    async with Webhooks(SystemClock()) as webhooks:
        delivery = await webhooks.post(a_notification(), address, SECRET)
    assert (delivery.arrival, neighbour.connections) == (Arrival.REFUSED, 0)


async def test_stored_webhook_without_tls_is_not_called() -> None:
    async with Webhooks(SystemClock()) as webhooks:
        delivery = await webhooks.post(a_notification(), "http://hooks.example.com/", SECRET)
    assert delivery.arrival is Arrival.REFUSED


@pytest.mark.parametrize("port", [22, 25, 80, 465, 587, 993])
def test_port_of_another_service_takes_no_webhook(port: int) -> None:
    assert not is_port_outside(port)
    with pytest.raises(Invalid):
        webhook_address(f"https://hooks.example.com:{port}/", anywhere=False)
    with pytest.raises(PortRefused):
        socket_to_outside((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("1.1.1.1", port)))


@pytest.mark.parametrize("address", ["ntfy://{}/topic", "ntfy://user:password@{}/topic", "ntfys://{}/topic"])
async def test_stored_service_that_names_a_host_of_ours_is_not_called(address: str) -> None:
    async with hook() as inner:
        known = {"ntfy": Service("ntfy", "ntfy://TOPIC", "127.0.0.1", inner.port, mode="cloud")}
        known["ntfys"] = known["ntfy"]
        services = Services(known, anywhere=True)  # the judgement of the address alone keeps it out
        stored = address.format(f"127.0.0.1:{inner.port}")
        delivery = await services.send(a_notification(ChannelKind.SERVICE), stored)
        services.close()
    assert (delivery.arrival, inner.requests) == (Arrival.REFUSED, [])


async def test_services_library_connects_to_nothing_inside() -> None:
    """Even where an address passes for one of a service: the socket is judged."""
    async with hook() as inner:
        known = {"json": Service("Somebody", "json://", "127.0.0.1", inner.port)}
        services = Services(known)
        delivery = await services.send(
            a_notification(ChannelKind.SERVICE), f"json://127.0.0.1:{inner.port}/hook"
        )
        services.close()
    assert delivery.arrival is not Arrival.ARRIVED
    assert inner.requests == []


async def test_guard_holds_in_its_own_thread_and_no_other() -> None:
    async with hook() as inner:

        def guarded() -> None:
            with outside_only():
                requests.post(inner.url, timeout=5)

        with pytest.raises(requests.ConnectionError):
            await asyncio.to_thread(guarded)
        assert inner.requests == []
        answer = await asyncio.to_thread(requests.post, inner.url, timeout=5)
    assert answer.status_code == 204


async def test_services_library_follows_no_redirect() -> None:
    async with hook() as first:

        async def elsewhere(_: int) -> int:
            return 307

        first.behave = elsewhere
        known = {"json": Service("Somebody", "json://", "127.0.0.1", first.port)}
        services = Services(known, anywhere=True)
        await services.send(a_notification(ChannelKind.SERVICE), f"json://127.0.0.1:{first.port}/hook")
        services.close()
    assert len(first.requests) == 1


@pytest.mark.parametrize("address", INSIDE)
def test_socket_to_an_address_inside_is_refused(address: str) -> None:
    with pytest.raises(NotOutside):
        socket_to_outside((socket.AF_INET6, socket.SOCK_STREAM, 0, "", (address, 443)))
