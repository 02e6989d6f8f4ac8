"""Logging in at Kite, against the paper exchange."""

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.login import KiteLogin, token_expiry
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded
from tests.paper_process import PaperProcess, free_port
from tests.scripted_server import Script, ScriptedServer, answer, hang


@pytest.fixture(scope="module")
def wire() -> Iterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as process:
        yield process


@pytest.fixture
def login(paper: PaperProcess, wire: ConnectionPool) -> KiteLogin:
    return KiteLogin(paper.url, wire, login_page=f"{paper.url}/connect/login")


async def test_a_profile_says_whose_token_it_is(paper: PaperProcess, login: KiteLogin) -> None:
    owner = paper.account()
    profile = await login.profile(owner.api_key, owner.access_token)
    assert profile.broker_user_id == owner.user_id
    assert profile.user_name


async def test_a_wrong_token_asks_for_a_login(paper: PaperProcess, login: KiteLogin) -> None:
    with pytest.raises(LoginNeeded):
        await login.profile(paper.account().api_key, "wrong")


async def test_a_request_token_opens_a_session_once(paper: PaperProcess, login: KiteLogin) -> None:
    owner = paper.account()
    token = paper.login(owner.user_id)
    session = await login.exchange(owner.api_key, owner.api_secret, token)
    assert session.broker_user_id == owner.user_id
    assert session.access_token not in repr(session)
    assert await login.profile(owner.api_key, session.access_token)
    with pytest.raises(BrokerRefused, match=r"\w"):
        await login.exchange(owner.api_key, owner.api_secret, token)


async def test_a_wrong_secret_is_refused_with_the_brokers_words(
    paper: PaperProcess, login: KiteLogin
) -> None:
    owner = paper.account()
    with pytest.raises(BrokerRefused, match=r"\w"):
        await login.exchange(owner.api_key, "wrong", paper.login(owner.user_id))


async def test_the_login_page_hands_the_state_back(paper: PaperProcess, login: KiteLogin) -> None:
    owner = paper.account()
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(login.login_url(owner.api_key, "a+b&c=d"), allow_redirects=False) as page,
    ):
        text = await page.text()
    assert page.status == 200
    assert "state=a%2Bb%26c%3Dd" in text


def test_the_login_url_is_kites_by_default(wire: ConnectionPool) -> None:
    parts = urlsplit(KiteLogin("http://127.0.0.1:1", wire).login_url("key", "a&b"))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://kite.zerodha.com/connect/login"
    assert parse_qs(parts.query) == {"v": ["3"], "api_key": ["key"], "redirect_params": ["state=a%26b"]}


@pytest.mark.parametrize("data", [None, [], {}, {"user_id": 5, "user_name": "x"}])
async def test_an_odd_profile_is_no_profile(data: object, wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, {"status": "success", "data": data})) as server:
        with pytest.raises(BrokerUnavailable):
            await KiteLogin(server.root, wire).profile("key", "token")


async def test_a_broker_that_is_away_is_unavailable(wire: ConnectionPool) -> None:
    with pytest.raises(BrokerUnavailable):
        await KiteLogin(f"http://127.0.0.1:{free_port()}", wire).profile("key", "token")
    async with ScriptedServer(hang) as server:
        with pytest.raises(BrokerUnavailable):
            await KiteLogin(server.root, wire, seconds=0.2).exchange("key", "secret", "token")


@pytest.mark.parametrize(
    ("now", "dies_at"),
    [
        (datetime(2026, 11, 20, 3, 0, tzinfo=UTC), datetime(2026, 11, 21, 0, 30, tzinfo=UTC)),
        (datetime(2026, 11, 20, 0, 29, 59, tzinfo=UTC), datetime(2026, 11, 20, 0, 30, tzinfo=UTC)),
        (datetime(2026, 11, 20, 0, 30, tzinfo=UTC), datetime(2026, 11, 21, 0, 30, tzinfo=UTC)),
        (datetime(2026, 11, 20, 20, 0, tzinfo=UTC), datetime(2026, 11, 21, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_token_dies_at_the_next_six_in_the_morning(now: datetime, dies_at: datetime) -> None:
    assert token_expiry(now) == dies_at


NO_PLAN = '{"status": "error", "message": "Insufficient permission for that call.", "data": null, %s}'


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (answer(200, '{"status": "success", "data": {}}'), True),
        (answer(403, NO_PLAN % '"error_type": "PermissionException"'), False),
        (answer(403, NO_PLAN % '"error_type": "GeneralException"'), False),
        (answer(403, NO_PLAN.replace("Insufficient permission", "No") % '"error_type": null'), None),
        (answer(403, NO_PLAN.replace("for that call", "") % '"error_type": "TokenException"'), False),
        (
            answer(
                403,
                '{"status": "error", "message": "Incorrect `api_key` or `access_token`.", '
                '"error_type": "TokenException"}',
            ),
            None,
        ),
        (answer(429, '{"status": "error", "message": "Too many requests"}'), None),
        (answer(503, "", None), None),
        (hang, None),
    ],
)
async def test_a_probe_says_whether_the_app_may_ask_for_prices(
    wire: ConnectionPool, script: Script, found: bool | None
) -> None:
    async with ScriptedServer(script) as server:
        assert await KiteLogin(server.root, wire, seconds=0.3).has_quotes("key", "token") is found


async def test_the_papers_accounts_have_market_data(paper: PaperProcess, login: KiteLogin) -> None:
    owner = paper.account()
    assert await login.has_quotes(owner.api_key, owner.access_token) is True


@pytest.mark.parametrize("name", ["null", '""', "7", '"\\u0000"'])
async def test_a_profile_without_a_readable_name_is_a_profile(wire: ConnectionPool, name: str) -> None:
    body = f'{{"status": "success", "data": {{"user_id": "AB1234", "user_name": {name}}}}}'
    async with ScriptedServer(answer(200, body)) as server:
        profile = await KiteLogin(server.root, wire).profile("key", "token")
    assert (profile.broker_user_id, profile.user_name) == ("AB1234", "AB1234")
