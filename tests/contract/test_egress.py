"""By which address a user's calls leave is the operator's word alone, and nobody's who trades."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kite import routes
from adapters.kite.brokers import KiteBrokers
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool, trusted_roots
from adapters.kite.egress import BadEgress, Egress, NoOwnAddress, is_live
from adapters.kite.egress_path import EgressPath
from adapters.kite.feed import KiteFeed
from adapters.kite.feed_socket import FeedLogin, FeedSocket, FeedTimes
from adapters.kite.login import KiteLogin
from adapters.postgres.credentials import FeedLogin as StoredFeedLogin
from adapters.process.clock import SystemClock
from adapters.secrets.feed_credentials import FeedCredentials
from adapters.secrets.vault import Opener
from domain.order import OrderRequest, OrderTerms, Side
from domain.strategy import Product
from local.keys import fresh
from tests.scripted_server import ScriptedServer, answer

ZERODHA = "https://api.kite.trade"
ASHA, RAVI, MEENA = (uuid4() for _ in range(3))


def egress(root: str = ZERODHA, **words: object) -> Egress:
    return Egress.of(root, json.dumps(words, default=lambda value: str(value)))


@pytest.fixture
def wire() -> Iterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()


def test_nobody_needs_an_address_at_the_paper_exchange() -> None:
    for setting in (None, "", "{}"):
        assert Egress.of("http://127.0.0.1:8100", setting).refusal(ASHA) is None


@pytest.mark.parametrize(
    ("root", "live"),
    [
        (ZERODHA, True),
        ("https://KITE.trade.", True),
        ("https://api.kite.trade:443/x", True),
        ("https://kite.zerodha.com", True),
        ("https://notkite.trade", False),
        ("http://kite.trade.example", False),
        ("http://127.0.0.1:8100", False),
    ],
)
def test_live_is_what_reaches_zerodha(root: str, live: bool) -> None:
    assert is_live(root) is live


def test_live_trading_needs_an_address_that_somebody_decided_on() -> None:
    found = egress(proxies={str(ASHA): "http://10.0.0.5:3128"}, direct=[MEENA])
    assert found.proxies_of(ASHA) == {"all": "http://10.0.0.5:3128"}
    assert found.proxies_of(MEENA) is None
    with pytest.raises(NoOwnAddress, match="no registered address of its own"):
        found.proxies_of(RAVI)


@pytest.mark.parametrize(
    "shared",
    [
        {"proxies": {str(ASHA): "http://10.0.0.5:3128", str(RAVI): "http://user:word@10.0.0.5:3129"}},
        {"direct": [ASHA, RAVI]},
        {
            "proxies": {
                str(user): {"proxy": f"http://10.0.0.{n}:1", "address": "203.0.113.7"}
                for n, user in enumerate((ASHA, RAVI))
            }
        },
    ],
    ids=["one proxy host", "the server's", "one address behind two proxies"],
)
def test_strangers_who_share_an_address_do_not_trade_and_a_family_does(shared: dict[str, Any]) -> None:
    for user in (ASHA, RAVI):
        with pytest.raises(NoOwnAddress, match="outside the family"):
            egress(**shared).proxies_of(user)
        assert egress(**shared, families=[[ASHA, RAVI, MEENA]]).refusal(user) is None
        assert egress(**shared, families=[[ASHA, MEENA], [RAVI, MEENA]]).refusal(user)


def test_two_addresses_on_one_proxy_host_are_two_where_the_operator_says_so() -> None:
    ways = {
        str(user): {"proxy": f"http://10.0.0.5:{3128 + n}", "address": f"203.0.113.{n}"}
        for n, user in enumerate((ASHA, RAVI))
    }
    assert egress(proxies=ways).refusal(ASHA) is None


@pytest.mark.parametrize(
    "setting",
    [
        '{"proxies": {"not a user": "http://:hunter2@h:1"}}',
        '{"proxies": {"USER": "ftp://:hunter2@h:1"}}',
        '{"proxies": {"USER": ""}}',
        '{"proxies": {"USER": {"proxy": "http://:hunter2@h:1", "adress": "1.2.3.4"}}}',
        '{"hunter2"',
        "/no/such/file/hunter2",
    ],
)
def test_setting_that_is_not_right_is_refused_without_being_shown(setting: str) -> None:
    with pytest.raises(BadEgress, match="STOPWATCH_EGRESS_PROXIES") as refusal:
        Egress.of(ZERODHA, setting.replace("USER", str(ASHA)))
    assert "hunter2" not in str(refusal.value)


def test_setting_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "egress.json"
    file.write_text(json.dumps({"direct": [str(ASHA)]}))
    assert Egress.of(ZERODHA, str(file)).refusal(ASHA) is None
    assert "word" not in repr(egress(proxies={str(ASHA): "http://me:word@10.0.0.5:1"}))


@dataclass
class Stored:
    """The sealed logins of users, as the store gives them."""

    opener: Opener

    async def read(self, user_id: UUID) -> StoredFeedLogin:
        sealer = self.opener.sealer()
        api_key = sealer.seal("api_key", user_id=user_id, field="api_key")
        access_token = sealer.seal("access_token", user_id=user_id, field="access_token")
        return StoredFeedLogin(user_id, api_key, access_token, login_version=1, login_dead=False)


async def test_login_orders_and_quotes_of_a_user_leave_by_his_proxy(wire: ConnectionPool) -> None:
    order = OrderRequest(OrderTerms("NSE", "TCS", Product.CNC), Side.BUY, 5, "ABCDEFGHIJKLMNOPQRST")
    said = {"status": "success", "data": {"user_id": "AB1234", "user_name": "A", "order_id": "1"}}
    async with ScriptedServer(answer(200, said)) as proxy:
        ways = egress("http://kite.invalid", proxies={str(ASHA): proxy.root})
        opener = Opener.local(fresh()["STOPWATCH_ENCRYPTION_KEYS"])
        credentials = FeedCredentials(Stored(opener), opener, ways)  # type: ignore[arg-type]
        brokers = KiteBrokers(credentials, "http://kite.invalid", SystemClock(), wire)
        broker = await brokers.of(ASHA, "")
        await broker.place(order, 5, leave_within=5)
        with pytest.raises(Exception, match=r"\w"):  # this proxy has no quotes; that it was asked counts
            await broker.quotes(["NSE:TCS"])
        await KiteLogin("http://kite.invalid", wire).profile("key", "token", ways.proxies_of(ASHA))
        asked = [request.split(" ")[1] for request in proxy.requests]
        brokers.close()
    assert [urlsplit(target).path for target in asked] == ["/orders/regular", "/quote", "/user/profile"]
    assert {urlsplit(target).netloc for target in asked} == {"kite.invalid"}


async def test_nothing_is_opened_for_who_has_no_address(wire: ConnectionPool) -> None:
    opener = Opener.local(fresh()["STOPWATCH_ENCRYPTION_KEYS"])
    credentials = FeedCredentials(Stored(opener), opener, egress())  # type: ignore[arg-type]
    with pytest.raises(NoOwnAddress):
        await KiteBrokers(credentials, ZERODHA, SystemClock(), wire).of(ASHA, "")


trusted = trusted_roots()


class Watched(ConnectionPool):
    """A wire on which nothing leaves; it remembers where it was told to go."""

    def __init__(self) -> None:
        super().__init__(trusted)
        self.ways: list[EgressPath] = []

    async def open(self, way: EgressPath, largest: int = 0) -> object:  # type: ignore[override]
        self.ways.append(way)
        raise OSError("nothing leaves")


anything = st.text(max_size=40) | st.sampled_from(
    ["@evil.example", "//evil.example/", "http://evil.example", "x\r\nHost: evil.example", "?#", "..%2f"]
)


@settings(max_examples=50)
@given(api_key=anything, token=anything, symbol=anything, exchange=anything, tag=anything, order_id=anything)
def test_no_word_of_a_user_chooses_a_host(
    api_key: str, token: str, symbol: str, exchange: str, tag: str, order_id: str
) -> None:
    terms = OrderTerms(exchange, symbol, Product.CNC)
    asked = [
        routes.placement(OrderRequest(terms, Side.BUY, 1, tag)),
        routes.cancellation(order_id),
        routes.quotes([f"{exchange}:{symbol}"]),
        routes.session(api_key, symbol, token),
    ]
    for request in asked:
        assert request.target.startswith("/")
        assert not request.target.startswith("//")
        assert not any(letter <= " " or letter > "~" for letter in request.target + (request.form or ""))

    async def call() -> list[EgressPath]:
        wire = Watched()
        for request in asked:
            reply = await KiteClient(api_key, token, ZERODHA, wire).call(request, 1)
            assert not reply.left
        return wire.ways

    places = {(way.broker.host, way.broker.port, way.proxy) for way in asyncio.run(call())}
    assert places <= {("api.kite.trade", 443, None)}


@settings(max_examples=50)
@given(api_key=anything, token=anything, state=anything)
def test_login_page_and_feed_stay_at_their_hosts_whatever_is_in_their_query(
    api_key: str, token: str, state: str
) -> None:
    page = KiteLogin(ZERODHA, Watched()).login_url(api_key, state)
    assert urlsplit(page).netloc == "kite.zerodha.com"
    seen: list[str] = []

    class Client:
        async def ws_connect(self, url: object, **_: object) -> None:
            seen.append(str(url))
            raise OSError

    async def login() -> FeedLogin:
        return FeedLogin(api_key, token)

    socket = FeedSocket("wss://ws.kite.trade", login, None, SystemClock(), FeedTimes())  # type: ignore[arg-type]
    asyncio.run(socket._attempt(Client()))  # type: ignore[arg-type]
    assert {urlsplit(url).netloc for url in seen} == {"ws.kite.trade"}


async def test_feed_follows_no_redirect_to_another_host() -> None:
    reached: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        reached.append(request.path_qs)
        return web.Response(status=503)

    async def redirect(request: web.Request) -> web.Response:
        asked.set()
        raise web.HTTPFound(f"http://127.0.0.1:{other.port}/?{request.query_string}")

    async def login() -> FeedLogin:
        return FeedLogin("key", "token")

    asked = asyncio.Event()
    apps = [web.Application(), web.Application()]
    for app, answers in zip(apps, (elsewhere, redirect), strict=True):
        app.router.add_get("/", answers)
    async with TestServer(apps[0]) as other, TestServer(apps[1]) as first:
        feed = KiteFeed(f"ws://127.0.0.1:{first.port}", login, None, SystemClock())  # type: ignore[arg-type]
        feed.watch([1])
        running = asyncio.create_task(feed.run())
        await asyncio.wait_for(asked.wait(), 20)
        while not feed.attempted:  # noqa: ASYNC110 - the feed says it to nobody
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert reached == []
