"""Who may use the paper exchange's control calls: programs on this machine, no web page of another origin."""

from collections.abc import Iterator

import httpx
import pytest

from tests.paper_process import PaperProcess

CALLS = (("GET", "/_paper/ledger"), ("POST", "/_paper/accounts"), ("GET", "/_paper/nowhere"))


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as process:
        yield process


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "host",
    [
        "paper.example",
        "paper.example:80",
        "127.0.0.1.nip.io",
        "localhost.example",
        "localhost@paper.example",
        "127.0.0.2",
        "10.0.0.1:8000",
        "[::2]:8000",
        "",
    ],
)
def test_a_foreign_host_is_refused_with_a_sentence(
    paper: PaperProcess, method: str, path: str, host: str
) -> None:
    answer = httpx.request(method, paper.url + path, headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"].endswith("localhost or ::1.")


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "origin", ["https://paper.example", "null", "http://127.0.0.1", "http://localhost:1", "file://"]
)
def test_a_page_of_another_origin_is_refused_with_a_sentence(
    paper: PaperProcess, method: str, path: str, origin: str
) -> None:
    answer = httpx.request(method, paper.url + path, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "web page" in answer.json()["error"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:{}", "localhost", "LOCALHOST:{}", "localhost:1", "[::1]", "[::1]:{}", "::1"],
)
def test_a_loopback_host_is_answered_with_any_port(paper: PaperProcess, host: str) -> None:
    answer = httpx.get(f"{paper.url}/_paper/ledger", headers={"Host": host.format(paper.port)})
    assert answer.status_code == 200


def test_the_exchanges_own_origin_is_no_foreign_one(paper: PaperProcess) -> None:
    answer = httpx.post(f"{paper.url}/_paper/accounts", headers={"Origin": paper.url}, json={})
    assert answer.status_code == 200
    assert answer.json()["access_token"]


def test_what_was_refused_made_nothing(paper: PaperProcess) -> None:
    before = httpx.get(f"{paper.url}/_paper/health").json()
    httpx.post(f"{paper.url}/_paper/accounts", headers={"Origin": "https://paper.example"}, json={})
    assert httpx.get(f"{paper.url}/_paper/health").json() == before


def test_kites_own_calls_take_any_host(paper: PaperProcess) -> None:
    """Only the control calls are guarded: the exchange has a name of its own in a real deployment."""
    account = paper.account()
    headers = {"Authorization": f"token {account.api_key}:{account.access_token}", "Host": "paper:8010"}
    assert httpx.get(f"{paper.url}/user/profile", headers=headers).status_code == 200
