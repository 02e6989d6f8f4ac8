"""Extra rows in the paper exchange's lists: put there by hand, in one list each, until they are cleared."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from kiteconnect import KiteConnect

from tests.paper_process import PaperProcess


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as process:
        yield process


@pytest.fixture
def kite(paper: PaperProcess) -> Iterator[KiteConnect]:
    account = paper.account()
    yield KiteConnect(account.api_key, account.access_token, root=paper.url)
    paper.clear_rows()


@pytest.mark.parametrize("row", [None, 5, "row", [], {"order_id": None}])
def test_a_row_is_put_into_its_list_alone_until_it_is_cleared(
    paper: PaperProcess, kite: KiteConnect, row: Any
) -> None:
    for path, read in (
        ("/orders", kite.orders),
        ("/portfolio/holdings", kite.holdings),
        ("/portfolio/positions", lambda: kite.positions()["net"]),
    ):
        paper.row(path, row)
        answer = httpx.get(f"{paper.url}{path}", headers=authorised(kite)).json()["data"]
        assert (answer["net"] if path == "/portfolio/positions" else answer)[-1] == row
        paper.clear_rows()
        assert read() == []


def authorised(kite: KiteConnect) -> dict[str, str]:
    return {"Authorization": f"token {kite.api_key}:{kite.access_token}"}


def test_quotes_get_a_row_by_its_instrument_asked_for_or_not(paper: PaperProcess, kite: KiteConnect) -> None:
    paper.row("/quote", {"NSE:ITC": None})
    answer = httpx.get(f"{paper.url}/quote", params={"i": "NSE:SBIN"}, headers=authorised(kite))
    found = answer.json()["data"]
    assert found["NSE:ITC"] is None
    assert found["NSE:SBIN"]["last_price"] > 0


@pytest.mark.parametrize("packed", ["gzip", "identity"])
def test_a_line_is_put_into_the_instruments_as_it_is(
    paper: PaperProcess, kite: KiteConnect, packed: str
) -> None:
    paper.row("/instruments", "too,short")
    paper.row("/instruments", ["1", "1", "LOT, ZERO", "", 0, "", 0, 0.05, 0, "EQ", "NSE", "NSE"])
    paper.row("/instruments", {"base64": "/w=="})
    got = httpx.get(f"{paper.url}/instruments", headers={"Accept-Encoding": packed}).content
    lines = got.split(b"\n")
    assert lines[1:4] == [b"too,short", b'1,1,"LOT, ZERO",,0,,0,0.05,0,EQ,NSE,NSE', b"\xff"]
    assert got.endswith(b"\n")
    paper.clear_rows()
    whole = httpx.get(f"{paper.url}/instruments", headers={"Accept-Encoding": packed}).text
    assert len({len(row) for row in csv.reader(io.StringIO(whole))}) == 1


def test_a_line_is_put_into_the_file_of_one_exchange_by_its_columns(
    paper: PaperProcess, kite: KiteConnect
) -> None:
    paper.row(
        "/instruments/NSE", {"tradingsymbol": "NOLOT", "exchange": "NSE", "lot_size": 0, "tick_size": ""}
    )
    lines = httpx.get(f"{paper.url}/instruments/NSE").text.split("\n")
    assert lines[1] == ",,NOLOT,,,,,,0,,,NSE"
    for other in ("/instruments", "/instruments/BSE"):
        assert "NOLOT" not in httpx.get(paper.url + other).text


@pytest.mark.parametrize(
    "spec",
    [
        {"path": "/nowhere", "row": None},
        {"path": "/orders"},
        {"row": None},
        {"path": ["/orders"], "row": None},
        {"path": "/quote", "row": None},
        {"path": "/instruments", "row": None},
        {"path": "/instruments", "row": {"base64": "?"}},
    ],
)
def test_what_is_no_row_of_a_list_is_refused_with_a_sentence(paper: PaperProcess, spec: Any) -> None:
    answer = httpx.post(f"{paper.url}/_paper/rows", json=spec)
    assert answer.status_code == 400
    assert "`" in answer.json()["error"]
