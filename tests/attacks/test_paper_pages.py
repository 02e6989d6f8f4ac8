"""A web page in the operator's browser reaches no control call of the paper exchange, by whatever name."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.paper_process import PaperProcess

ACCOUNT = "POST /_paper/accounts"
CONTROL = (
    ACCOUNT,
    "POST /_paper/price",
    "POST /_paper/path",
    "POST /_paper/clock",
    "POST /_paper/faults",
    "DELETE /_paper/faults",
    "POST /_paper/hand",
    "POST /_paper/rows",
    "GET /_paper/ledger",
    "GET /_paper/refused",
)


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as process:
        yield process


def raw(port: int, *lines: str) -> int:
    """Send a request as it is written; return the status of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        return int(client.recv(4096).split(b" ")[1])


@pytest.mark.parametrize("call", CONTROL)
def test_a_page_of_another_origin_controls_nothing(paper: PaperProcess, call: str) -> None:
    method, path = call.split(" ")
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "HTTP://EVIL.EXAMPLE"):
        plain = {"Origin": origin, "Content-Type": "text/plain"}  # what a page may send without asking
        answer = httpx.request(method, paper.url + path, headers=plain, content="{}")
        assert answer.status_code == 403, origin


@pytest.mark.parametrize("call", CONTROL)
def test_a_name_that_is_bound_anew_to_this_machine_controls_nothing(paper: PaperProcess, call: str) -> None:
    method, path = call.split(" ")
    for host in ("evil.example", f"evil.example:{paper.port}", "127.0.0.1.evil.example", "0.0.0.0", "0"):
        same_origin = {"Host": host, "Origin": f"http://{host}"}
        assert httpx.request(method, paper.url + path, headers=same_origin, content="{}").status_code == 403


def test_two_hosts_none_and_one_in_the_target_are_refused(paper: PaperProcess) -> None:
    good = f"Host: 127.0.0.1:{paper.port}"
    ledger = "GET /_paper/ledger HTTP/1.1"
    assert raw(paper.port, ledger, good) == 200
    assert raw(paper.port, ledger, good, "Host: evil.example") in (400, 403)
    assert raw(paper.port, ledger, "Host: evil.example", good) in (400, 403)
    assert raw(paper.port, ledger) in (400, 403)
    assert raw(paper.port, ledger, "Host:") in (400, 403)


def test_two_origins_are_refused_where_one_of_them_is_foreign(paper: PaperProcess) -> None:
    own = f"Origin: http://127.0.0.1:{paper.port}"
    head = ("GET /_paper/ledger HTTP/1.1", f"Host: 127.0.0.1:{paper.port}")
    assert raw(paper.port, *head, own) == 200
    assert raw(paper.port, *head, own, "Origin: https://evil.example") == 403
    assert raw(paper.port, *head, "Origin: https://evil.example", own) == 403


def test_no_account_was_made_by_what_was_refused(paper: PaperProcess) -> None:
    before = httpx.get(f"{paper.url}/_paper/health").json()
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        assert httpx.post(f"{paper.url}/_paper/accounts", headers=headers, json={}).status_code == 403
    assert httpx.get(f"{paper.url}/_paper/health").json() == before
