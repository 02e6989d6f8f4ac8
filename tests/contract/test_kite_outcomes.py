"""Every kind of answer, through the real client, against a server that answers exactly so."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.outcomes import TABLE, ReadError
from adapters.process.clock import SystemClock
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.listing import Listing
from domain.order import OrderRequest, OrderTerms, Side
from domain.outcome import Accepted, Cause, PlaceOutcome, Rejected, Unknown
from domain.strategy import Product
from tests.paper_process import free_port
from tests.scripted_server import (
    Script,
    ScriptedServer,
    answer,
    drip,
    hang,
    raw,
    reset,
    send,
    send_then_close,
)

ORDER = OrderRequest(OrderTerms("NSE", "TCS", Product.CNC), Side.BUY, 5, "ABCDEFGHIJKLMNOPQRST")
PLACED = {"status": "success", "data": {"order_id": "2042130686722629633", "net": []}}
TIMED_OUT = "Order request timed out. Please check the order book and confirm before placing again."
WRONG_TOKEN = "Incorrect `api_key` or `access_token`."
JSON = "Content-Type: application/json"


ABSENT = object()
"""An error envelope without an `error_type`."""


def error(status: int, error_type: Any, message: Any = "No.", sent_as: int | None = None) -> Script:
    """Kite's error envelope."""
    body = {"status": "error", "message": message, "data": None}
    return answer(sent_as or status, body if error_type is ABSENT else body | {"error_type": error_type})


@dataclass(frozen=True)
class Case:
    """What the server does, the row of the table it belongs to, and what it must come to."""

    row: str
    what: str
    script: Script
    order: type[PlaceOutcome] | Cause
    read: ReadError | None
    patience: float = 5.0


TRY, LOGIN, FINAL = Cause.TRY_AGAIN, Cause.LOGIN, Cause.FINAL
AWAY = BrokerUnavailable
CASES = [
    Case("success", "200", answer(200, PLACED), Accepted, None),
    Case("throttled", "429 as JSON", error(429, "NetworkException", "Too many requests"), TRY, AWAY),
    Case("throttled", "429 as text", answer(429, "Too many requests", "text/plain"), TRY, AWAY),
    Case("throttled", "429 without a type", answer(429, "slow down", None), TRY, AWAY),
    Case(
        "throttled",
        "429 cut off",
        send_then_close(f"HTTP/1.1 429 X\r\n{JSON}\r\nContent-Length: 90\r\n\r\n{{".encode()),
        TRY,
        AWAY,
    ),
    Case(
        "token dead",
        "403 TokenException",
        error(403, "TokenException", "Incorrect `api_key` or `access_token`."),
        LOGIN,
        LoginNeeded,
    ),
    Case(
        "token dead",
        "400 InputException of a bad header",
        error(400, "InputException", "Invalid `api_key` or `access_token`."),
        LOGIN,
        LoginNeeded,
    ),
    Case("timed out in words", "400 that was placed", error(400, "OrderException", TIMED_OUT), Unknown, AWAY),
    Case("timed out in words", "400 General", error(400, "GeneralException", TIMED_OUT), Unknown, AWAY),
    Case("timed out in words", "400 Input", error(400, "InputException", TIMED_OUT), Unknown, AWAY),
    Case("timed out in words", "408", error(408, "GeneralException"), Unknown, AWAY),
    Case("refused by a broken back office", "400 Network", error(400, "NetworkException"), Unknown, AWAY),
    Case("refused by a broken back office", "400 Data", error(400, "DataException"), Unknown, AWAY),
    Case("refused", "400 InputException", error(400, "InputException"), FINAL, BrokerRefused),
    Case("refused", "400 OrderException", error(400, "OrderException"), FINAL, BrokerRefused),
    Case("refused", "400 MarginException", error(400, "MarginException"), FINAL, BrokerRefused),
    Case("refused", "400 HoldingException", error(400, "HoldingException"), FINAL, BrokerRefused),
    Case("refused", "400 GeneralException", error(400, "GeneralException"), FINAL, BrokerRefused),
    Case("refused", "403 UserException", error(403, "UserException"), FINAL, BrokerRefused),
    Case("refused", "403 PermissionException", error(403, "PermissionException"), FINAL, BrokerRefused),
    Case("refused", "404", error(404, "GeneralException"), FINAL, BrokerRefused),
    Case("refused", "400 without a type", error(400, ABSENT), FINAL, BrokerRefused),
    Case("refused", "400 with a null type", error(400, None), FINAL, BrokerRefused),
    Case("refused", "400 with an empty type", error(400, ""), FINAL, BrokerRefused),
    Case("refused", "400 with a type of another sort", error(400, 7), FINAL, BrokerRefused),
    Case("refused", "422 without a type", error(422, ABSENT), FINAL, BrokerRefused),
    Case("throttled", "429 envelope without a type", error(429, ABSENT, "Too many requests"), TRY, AWAY),
    Case("timed out in words", "408 without a type", error(408, ABSENT), Unknown, AWAY),
    Case("timed out in words", "400 without a type", error(400, ABSENT, TIMED_OUT), Unknown, AWAY),
    Case(
        "timed out in words",
        "400 that asks for a login too",
        error(400, None, f"{TIMED_OUT} Log in again."),
        Unknown,
        AWAY,
    ),
    Case("token dead", "403 without a type", error(403, ABSENT, WRONG_TOKEN), LOGIN, LoginNeeded),
    Case("to be authorised by the user", "428", error(428, "GeneralException"), FINAL, BrokerRefused),
    Case("to be authorised by the user", "428 without a type", error(428, ABSENT), FINAL, BrokerRefused),
    Case("odd answer", "428 HTML", answer(428, "<h1>No</h1>", "text/html"), Unknown, AWAY),
    Case("odd answer", "428 with nothing", answer(428, ""), Unknown, AWAY),
    Case("odd answer", "400 with no words and no type", error(400, ABSENT, " "), Unknown, AWAY),
    Case(
        "odd answer", "400 with another shape", answer(400, {"error": "no", "message": "No."}), Unknown, AWAY
    ),
    Case("odd answer", "400 with a list", answer(400, [{"status": "error"}]), Unknown, AWAY),
    Case("server error", "500 without a type", error(500, ABSENT), Unknown, AWAY),
    Case("refused", "400 of an unheard type", error(400, "NewException"), FINAL, BrokerRefused),
    Case("redirect", "302", answer(302, "", None, ("Location: /orders",)), Unknown, AWAY),
    Case("redirect", "307", answer(307, PLACED, headers=("Location: /orders/regular",)), Unknown, AWAY),
    Case("redirect", "301 to nowhere", answer(301, "", None, ("Location: http://[",)), Unknown, AWAY),
    Case("server error", "500 OrderException", error(500, "OrderException"), Unknown, AWAY),
    Case("server error", "500 TokenException", error(500, "TokenException"), Unknown, AWAY),
    Case("server error", "500 that says success", answer(500, PLACED), Unknown, AWAY),
    Case("server error", "502 HTML", answer(502, "<h1>Bad gateway</h1>", "text/html"), Unknown, AWAY),
    Case("server error", "502 DataException", error(502, "DataException"), Unknown, AWAY),
    Case("server error", "502 without a type", answer(502, "bad gateway", None), Unknown, AWAY),
    Case("server error", "503 NetworkException", error(503, "NetworkException"), Unknown, AWAY),
    Case("server error", "504 HTML", answer(504, "<h1>Timeout</h1>", "text/html"), Unknown, AWAY),
    Case("odd answer", "200 with an error inside", error(200, "InputException"), Unknown, AWAY),
    Case("odd answer", "200 with a token error inside", error(200, "TokenException"), Unknown, AWAY),
    Case("odd answer", "200 HTML", answer(200, "<h1>Hello</h1>", "text/html"), Unknown, AWAY),
    Case("odd answer", "200 without a type", answer(200, PLACED, None), Unknown, AWAY),
    Case("odd answer", "200 that is no JSON", answer(200, '{"status": "succ'), Unknown, AWAY),
    Case("odd answer", "200 with a list", answer(200, []), Unknown, AWAY),
    Case("odd answer", "200 without data", answer(200, {"status": "success"}), Unknown, AWAY),
    Case("odd answer", "200 with nothing", answer(200, ""), Unknown, AWAY),
    Case("odd answer", "201 that says success", answer(201, PLACED), Unknown, AWAY),
    Case("odd answer", "400 with no words", error(400, "InputException", None), Unknown, AWAY),
    Case("odd answer", "400 HTML", answer(400, "<h1>Bad request</h1>", "text/html"), Unknown, AWAY),
    Case("odd answer", "403 HTML of a firewall", answer(403, "<h1>Blocked</h1>", "text/html"), Unknown, AWAY),
    Case("odd answer", "400 that says success", answer(400, PLACED), Unknown, AWAY),
    Case(
        "odd answer",
        "200 cut off",
        send_then_close(f"HTTP/1.1 200 X\r\n{JSON}\r\nContent-Length: 900\r\n\r\n{{".encode()),
        Unknown,
        AWAY,
    ),
    Case(
        "odd answer",
        "400 cut off",
        send_then_close(f"HTTP/1.1 400 X\r\n{JSON}\r\nContent-Length: 900\r\n\r\n{{".encode()),
        Unknown,
        AWAY,
    ),
    Case("no answer", "closed", send_then_close(b""), Unknown, AWAY),
    Case("no answer", "reset", reset, Unknown, AWAY),
    Case("no answer", "no HTTP at all", send_then_close(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Unknown, AWAY),
    Case("no answer", "silence", hang, Unknown, AWAY, patience=0.3),
    Case("no answer", "head dripping", drip(raw(200, "{}", JSON)), Unknown, AWAY, patience=0.4),
]
BODY_DRIPS = send(f"HTTP/1.1 200 X\r\n{JSON}\r\nContent-Length: 900\r\n\r\n".encode())


@pytest.fixture(scope="module")
def wire() -> Iterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()


def account(root: str, wire: ConnectionPool, patience: float = 5.0, **extra: Any) -> KiteBroker:
    calls = KiteClient("kitekey", "s3cr3t-token", root, wire, **extra)
    return KiteBroker(calls, SystemClock(), read_seconds=patience)


def check(outcome: PlaceOutcome, expected: type[PlaceOutcome] | Cause) -> None:
    if isinstance(expected, Cause):
        assert isinstance(outcome, Rejected), outcome
        assert outcome.cause is expected, outcome
    else:
        assert type(outcome) is expected, outcome
    assert isinstance(outcome, Accepted) or outcome.message


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}: {case.what}")
async def test_an_order_comes_to_what_its_answer_proves(case: Case, wire: ConnectionPool) -> None:
    async with ScriptedServer(case.script) as server:
        outcome = await account(server.root, wire).place(ORDER, case.patience)
        check(outcome, case.order)
        assert len(server.requests) == 1, "sent once: no retry, no redirect followed"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}: {case.what}")
async def test_a_read_comes_to_what_its_answer_proves(case: Case, wire: ConnectionPool) -> None:
    async with ScriptedServer(case.script) as server:
        broker = account(server.root, wire, case.patience)
        if case.read is None:
            assert await broker.positions() == Listing()
        else:
            with pytest.raises(case.read):
                await broker.positions()
        assert len(server.requests) == 1, "asked once"


async def test_a_sale_that_must_be_authorised_says_so_in_both_their_words(wire: ConnectionPool) -> None:
    words = "10 quantity needs authorisation at depository."
    body = {"status": "error", "message": words, "data": None}
    async with ScriptedServer(answer(428, body)) as server:
        outcome = await account(server.root, wire).place(ORDER, 5)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is FINAL
    assert outcome.message.startswith(words)
    assert "Authorise the sale in Kite" in outcome.message


@pytest.mark.parametrize("kind", [ABSENT, None, "InputException"], ids=range(3))
async def test_a_refusal_is_shown_without_secrets_and_without_what_cannot_be_stored(
    kind: Any, wire: ConnectionPool
) -> None:
    message = "Refused\x00 for s3cr3t-token\n\ud800" + "x" * 480 + "s3cr3t-token"
    async with ScriptedServer(error(400, kind, message)) as server:
        outcome = await account(server.root, wire).place(ORDER, 5)
    assert isinstance(outcome, Rejected)
    assert outcome.message.startswith("Refused  for …")
    assert "s3cr3t" not in outcome.message
    assert outcome.message.isprintable()


READS: dict[str, Callable[[KiteBroker], Awaitable[object]]] = {
    "orders": lambda broker: broker.orders(),
    "positions": lambda broker: broker.positions(),
    "holdings": lambda broker: broker.holdings("NSE", "TCS"),
    "quotes": lambda broker: broker.quotes(["NSE:TCS"]),
}
NOTHING = [
    answer(200, {"status": "success"}),
    answer(200, {"status": "success", "data": None}),
    answer(200, {"status": "success", "data": ""}),
    answer(200, {"status": "success", "data": 0}),
    answer(200, {"status": "error", "message": "", "data": []}),
    answer(200, {}),
    answer(200, []),
    answer(200, ""),
    answer(200, "<html>Login</html>", "text/html"),
    answer(204, ""),
    answer(500, {"status": "success", "data": [{"quantity": 0}]}),
    answer(502, "<html>Bad gateway</html>", "text/html"),
    error(403, "TokenException"),
    error(400, "InputException"),
    reset,
]


@pytest.mark.parametrize("script", NOTHING, ids=range(len(NOTHING)))
@pytest.mark.parametrize("read", READS)
async def test_no_read_takes_an_answer_that_says_nothing_for_none_or_zero(
    read: str, script: Script, wire: ConnectionPool
) -> None:
    """What is held, ordered or paid is then unknown, and whoever asked must hear that."""
    async with ScriptedServer(script) as server:
        with pytest.raises((BrokerUnavailable, BrokerRefused, LoginNeeded)):
            await READS[read](account(server.root, wire))


def test_every_row_of_the_table_is_driven() -> None:
    elsewhere = {"never left"}
    assert {case.row for case in CASES} | elsewhere == {row.name for row in TABLE}


@pytest.mark.parametrize(
    "data",
    [{}, {"order_id": None}, {"order_id": ""}, {"order_id": 2042130686722629633}, [{"order_id": "1"}], "1"],
)
async def test_success_without_an_order_number_is_unknown(data: Any, wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, {"status": "success", "data": data})) as server:
        check(await account(server.root, wire).place(ORDER, 5), Unknown)


async def test_a_body_that_drips_is_left_at_the_deadline(wire: ConnectionPool) -> None:
    async def head_then_drip(writer: Any) -> None:
        await BODY_DRIPS(writer)
        await drip(b" " * 900)(writer)

    async with ScriptedServer(head_then_drip) as server:
        check(await account(server.root, wire).place(ORDER, 0.4), Unknown)


async def test_an_order_to_a_closed_port_may_be_tried_again(wire: ConnectionPool) -> None:
    broker = account(f"http://127.0.0.1:{free_port()}", wire)
    check(await broker.place(ORDER, 5), TRY)
    with pytest.raises(BrokerUnavailable):
        await broker.orders()


async def test_an_order_to_an_unknown_host_may_be_tried_again(wire: ConnectionPool) -> None:
    check(await account("http://kite.invalid", wire).place(ORDER, 5), TRY)


async def test_an_order_through_a_dead_proxy_may_be_tried_again(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, PLACED)) as server:
        proxies = {"http": f"http://someone:hunter2@127.0.0.1:{free_port()}"}
        outcome = await account(server.root, wire, proxies=proxies).place(ORDER, 5)
        check(outcome, TRY)
        assert "hunter2" not in repr(outcome)
        assert not server.requests


async def test_an_order_goes_through_the_accounts_own_proxy(wire: ConnectionPool) -> None:
    async with ScriptedServer(answer(200, PLACED)) as proxy:
        broker = account("http://kite.invalid", wire, proxies={"http": proxy.root})
        check(await broker.place(ORDER, 5), Accepted)
        assert proxy.requests[0].startswith("POST http://kite.invalid/orders/regular ")
