"""Kite's own client, unmodified, against the paper exchange: sessions, rate limits, what is no call."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.paper_client import buy, client
from tests.paper_process import PaperAccount, PaperProcess, eventually


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def account(paper: PaperProcess) -> PaperAccount:
    return paper.account()


@pytest.fixture
def kite(paper: PaperProcess, account: PaperAccount) -> KiteConnect:
    return client(paper, account)


# Sessions


def test_login_flow_gives_a_working_token_and_kills_the_old_one(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    fresh = KiteConnect(account.api_key, root=paper.url)
    session = fresh.generate_session(paper.login(account.user_id), account.api_secret)
    assert session["user_id"] == account.user_id
    assert isinstance(session["login_time"], datetime)
    assert fresh.profile()["broker"] == "ZERODHA"
    with pytest.raises(kite_errors.TokenException):
        kite.profile()


def test_request_token_is_refused_when_used_twice(paper: PaperProcess, account: PaperAccount) -> None:
    token = paper.login(account.user_id)
    KiteConnect(account.api_key, root=paper.url).generate_session(token, account.api_secret)
    with pytest.raises(kite_errors.TokenException, match="Token is invalid or has expired"):
        KiteConnect(account.api_key, root=paper.url).generate_session(token, account.api_secret)


def test_request_token_is_refused_when_the_secret_is_wrong(
    paper: PaperProcess, account: PaperAccount
) -> None:
    with pytest.raises(kite_errors.TokenException, match="checksum"):
        KiteConnect(account.api_key, root=paper.url).generate_session(paper.login(account.user_id), "wrong")


def test_login_page_sends_the_browser_back_with_a_request_token(
    paper: PaperProcess, account: PaperAccount
) -> None:
    answer = requests.get(
        f"{paper.url}/connect/login",
        params={
            "v": "3",
            "api_key": account.api_key,
            "redirect_params": "state=abc",
            "redirect_url": "http://127.0.0.1:1/broker/callback",
        },
        allow_redirects=False,
        timeout=5,
    )
    assert answer.status_code == 302
    query = dict(pair.split("=") for pair in answer.headers["Location"].partition("?")[2].split("&"))
    assert query["status"] == "success"
    assert query["state"] == "abc"
    checksum = hashlib.sha256(
        (account.api_key + query["request_token"] + account.api_secret).encode()
    ).hexdigest()
    form = {"api_key": account.api_key, "request_token": query["request_token"], "checksum": checksum}
    session = requests.post(f"{paper.url}/session/token", data=form, timeout=5).json()
    assert session["data"]["user_id"] == account.user_id


def test_token_is_dead_when_it_was_invalidated(kite: KiteConnect) -> None:
    heard: list[bool] = []
    kite.set_session_expiry_hook(lambda: heard.append(True))
    assert kite.invalidate_access_token() is True
    with pytest.raises(kite_errors.TokenException) as refused:
        kite.orders()
    assert refused.value.code == 403
    assert heard == [True]


def test_request_without_a_token_is_a_400(paper: PaperProcess) -> None:
    answer = requests.get(f"{paper.url}/orders", timeout=5)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "InputException")


def test_morning_login_keeps_the_keys_and_changes_the_token(
    paper: PaperProcess, account: PaperAccount, kite: KiteConnect
) -> None:
    again = paper.account(account.user_id)
    assert (again.api_key, again.api_secret) == (account.api_key, account.api_secret)
    assert again.access_token != account.access_token
    with pytest.raises(kite_errors.TokenException):
        kite.orders()
    assert client(paper, again).orders() == []


# Limits, and what is no call


def test_eleventh_order_of_a_second_is_a_429_and_not_placed(paper: PaperProcess, kite: KiteConnect) -> None:
    answers: list[int] = []

    def burst() -> bool:
        try:
            buy(kite)
        except kite_errors.NetworkException as error:
            answers.append(error.code)
        return bool(answers)

    eventually(burst)
    assert answers == [429]


def test_second_quote_of_a_second_is_a_429(kite: KiteConnect) -> None:
    def refused() -> bool:
        try:
            kite.ltp("NSE:TCS")
        except kite_errors.NetworkException as error:
            return bool(error.code == 429)
        return False

    eventually(refused)


def test_unknown_path_and_method_are_errors(paper: PaperProcess) -> None:
    assert requests.get(f"{paper.url}/nothing", timeout=5).status_code == 404
    assert requests.put(f"{paper.url}/orders", timeout=5).status_code == 405
