"""Our calls beside those of the unmodified official client, on the wire: what it changes, we hear of here."""

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kiteconnect import KiteConnect
from kiteconnect.exceptions import KiteException

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.instruments import KiteInstruments
from adapters.kite.login import KiteLogin
from adapters.kite.reply import Reply
from adapters.kite.routes import HOLDINGS, placement
from adapters.process.clock import SystemClock
from domain.broker_charges import ChargedOrder
from domain.errors import BrokerUnavailable
from domain.margin import MarginOrder
from domain.order import OrderRequest, OrderTerms, Side
from domain.stop_prices import OrderKind, StopPrices
from domain.strategy import Product
from tests.scripted_server import Script, ScriptedServer, answer, raw, send

KEY, TOKEN, SECRET = "kitekey", "s3cr3t-token", "api-secret"
DATA: dict[str, Any] = {"order_id": "2042130686722629633", "login_time": None, "net": []}
TERMS = [OrderTerms("NSE", "TCS", Product.CNC), OrderTerms("BSE", "M&M", Product.MIS)]
ORDERED = [
    OrderRequest(terms, side, quantity, tag)
    for terms, side, quantity, tag in zip(
        (*TERMS, OrderTerms("NFO", "NIFTY 26NOVFUT", Product.NRML)),
        (Side.BUY, Side.SELL, Side.BUY),
        (5, 1, 75),
        ("ABCDEFGHIJKLMNOPQRST", "a b&c=d/é", "x"),
        strict=True,
    )
]
Ours = Callable[[KiteBroker, KiteLogin], Awaitable[Any]]
Theirs = Callable[[KiteConnect], Any]


LIMIT = OrderRequest(TERMS[1], Side.BUY, 5, "ABCDEFGHIJKLMNOPQRST", Decimal("1234.5"))


STOPS = [
    OrderRequest(TERMS[1], Side.SELL, 5, "ABCDEFGHIJKLMNOPQRST", stop=stop)
    for stop in (
        StopPrices(OrderKind.SL, Decimal("1234.5"), Decimal("1203.6")),
        StopPrices(OrderKind.SL_M, Decimal("1234.5")),
    )
]


def placing_stop(order: OrderRequest) -> tuple[Ours, Theirs]:
    stop = order.stop
    assert stop is not None
    protection = -1 if stop.kind is OrderKind.SL_M else None
    return (lambda broker, _: broker.place(order, 5, 5)), lambda kite: kite.place_order(
        variety=kite.VARIETY_REGULAR,
        exchange=order.terms.exchange,
        tradingsymbol=order.terms.symbol,
        transaction_type=order.side.value,
        quantity=order.quantity,
        product=order.terms.product.value,
        order_type=stop.kind.value,
        price=stop.limit,
        trigger_price=stop.trigger,
        validity=kite.VALIDITY_DAY,
        tag=order.tag,
        market_protection=protection,
    )


def modifying_stop(stop: StopPrices | None) -> tuple[Ours, Theirs]:
    changed: dict[str, Any] = {"order_type": "MARKET", "market_protection": -1}
    if stop is not None:
        changed = {"price": stop.limit, "trigger_price": stop.trigger}
    return (
        lambda broker, _: broker.modify_stop("2042130686722629633", stop),
        lambda kite: kite.modify_order(kite.VARIETY_REGULAR, "2042130686722629633", **changed),
    )


def theirs_at_a_limit(order: OrderRequest) -> Theirs:
    return lambda kite: kite.place_order(
        variety=kite.VARIETY_REGULAR,
        exchange=order.terms.exchange,
        tradingsymbol=order.terms.symbol,
        transaction_type=order.side.value,
        quantity=order.quantity,
        product=order.terms.product.value,
        order_type=kite.ORDER_TYPE_LIMIT,
        price=order.price,
        validity=kite.VALIDITY_DAY,
        tag=order.tag,
    )


def theirs_of(order: OrderRequest) -> Theirs:
    return lambda kite: kite.place_order(
        variety=kite.VARIETY_REGULAR,
        exchange=order.terms.exchange,
        tradingsymbol=order.terms.symbol,
        transaction_type=order.side.value,
        quantity=order.quantity,
        product=order.terms.product.value,
        order_type=kite.ORDER_TYPE_MARKET,
        validity=kite.VALIDITY_DAY,
        tag=order.tag,
        market_protection=kite.MARKET_PROTECTION_AUTO,
    )


def placing(order: OrderRequest) -> tuple[Ours, Theirs]:
    return (lambda broker, _: broker.place(order, 5)), theirs_of(order)


def their_margins(kite: KiteConnect) -> Any:
    return kite.order_margins(
        [
            {
                "exchange": terms.exchange,
                "tradingsymbol": terms.symbol,
                "transaction_type": "BUY",
                "variety": kite.VARIETY_REGULAR,
                "product": terms.product.value,
                "order_type": kite.ORDER_TYPE_MARKET,
                "quantity": 5,
                "price": 0,
                "trigger_price": 0,
            }
            for terms in TERMS
        ]
    )


def their_charges(kite: KiteConnect) -> Any:
    return kite.get_virtual_contract_note(
        [
            {
                "order_id": str(number),
                "exchange": terms.exchange,
                "tradingsymbol": terms.symbol,
                "transaction_type": "SELL",
                "variety": kite.VARIETY_REGULAR,
                "product": terms.product.value,
                "order_type": kite.ORDER_TYPE_MARKET,
                "quantity": 5,
                "average_price": 3500.05,
            }
            for number, terms in enumerate(TERMS, start=1)
        ]
    )


CHARGED = [
    ChargedOrder(terms.exchange, terms.symbol, terms.product, Side.SELL, 5, Decimal("3500.05"))
    for terms in TERMS
]
SINCE = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
NAMES = ["NSE:TCS", "NSE:NIFTY 50", "NSE:M&M"]
CALLS: dict[str, tuple[Ours, Theirs]] = {
    **{f"place {order.terms.symbol}": placing(order) for order in ORDERED},
    "place at a limit": (lambda broker, _: broker.place(LIMIT, 5), theirs_at_a_limit(LIMIT)),
    "modify": (
        lambda broker, _: broker.modify("2042130686722629633", Decimal("1234.55")),
        lambda kite: kite.modify_order(kite.VARIETY_REGULAR, "2042130686722629633", price=Decimal("1234.55")),
    ),
    **{f"place {order.stop}": (placing_stop(order)) for order in STOPS},
    **{f"modify a stop to {stop}": modifying_stop(stop) for stop in (*(one.stop for one in STOPS), None)},
    "cancel": (
        lambda broker, _: broker.cancel("2042130686722629633"),
        lambda kite: kite.cancel_order(kite.VARIETY_REGULAR, "2042130686722629633"),
    ),
    "orders": (lambda broker, _: broker.orders(), lambda kite: kite.orders()),
    "positions": (lambda broker, _: broker.positions(), lambda kite: kite.positions()),
    "holdings": (lambda broker, _: broker.holdings("NSE", "TCS"), lambda kite: kite.holdings()),
    "quotes": (lambda broker, _: broker.quotes(NAMES), lambda kite: kite.quote(sorted(NAMES))),
    "margins": (lambda broker, _: broker.margins(), lambda kite: kite.margins(kite.MARGIN_EQUITY)),
    "order margins": (
        lambda broker, _: broker.order_margins(
            [MarginOrder(terms.exchange, terms.symbol, terms.product, Side.BUY, 5) for terms in TERMS]
        ),
        their_margins,
    ),
    "charges": (lambda broker, _: broker.order_charges(CHARGED), their_charges),
    "minutes": (
        lambda broker, _: broker.minutes(256265, SINCE, SINCE + timedelta(minutes=9)),
        lambda kite: kite.historical_data(256265, "2026-11-23 09:30:00", "2026-11-23 09:39:00", "minute"),
    ),
    "profile": (lambda _, login: login.profile(KEY, TOKEN), lambda kite: kite.profile()),
    "exchange": (
        lambda _, login: login.exchange(KEY, SECRET, "once/only"),
        lambda kite: KiteConnect(KEY, root=kite.root).generate_session("once/only", SECRET),
    ),
}


@pytest.fixture
def wire() -> Iterator[ConnectionPool]:
    with contextlib.closing(ConnectionPool()) as made:
        yield made


async def official(root: str, work: Theirs) -> Any:
    """Let the unmodified client work; what it raises is returned."""

    def attempt() -> Any:
        try:
            return work(KiteConnect(KEY, TOKEN, root=root))
        except Exception as odd:
            return odd

    return await asyncio.to_thread(attempt)


def parts(request: str) -> tuple[str, dict[str, str], str]:
    """First line, headers by name, body. Our headers' order is our own; nothing else is."""
    head, _, body = request.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    # What else the client can unpack depends on what happens to be installed beside it.
    headers["Accept-Encoding"] = ", ".join(headers["Accept-Encoding"].split(", ")[:2])
    return first, headers, body


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_is_what_the_official_client_sends(name: str, wire: ConnectionPool) -> None:
    ours, theirs = CALLS[name]
    async with ScriptedServer(answer(200, {"status": "success", "data": DATA})) as server:
        broker = KiteBroker(KiteClient(KEY, TOKEN, f"{server.root}/dropped", wire), SystemClock())
        with contextlib.suppress(BrokerUnavailable):  # of most calls this is an odd answer
            await ours(broker, KiteLogin(server.root, wire))
        await official(server.root, theirs)
        mine, its = map(parts, server.requests)
    assert mine == its


async def test_the_list_of_instruments_is_asked_for_as_the_official_client_does() -> None:
    async with ScriptedServer(answer(200, "", "text/csv")) as server:
        with contextlib.suppress(BrokerUnavailable):
            await KiteInstruments(server.root, SystemClock()).find("NSE", "TCS")
        await official(server.root, lambda kite: kite.instruments())
        mine, its = map(parts, server.requests)
    assert mine[0] == its[0]
    for name in ("Host", "X-Kite-Version", "User-Agent"):
        assert mine[1][name] == its[1][name]


ROWS = [{"order_id": "1", "price": 3500.05, "quantity": 2**53 + 1, "tag": "₹", "big": 1e308}]
SUCCESS = {"status": "success", "data": ROWS}


def packed(coding: str, body: bytes) -> Script:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return send(head.encode() + body)


def raw_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


TEXT = json.dumps(SUCCESS).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = HEAD + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (TEXT[:7], TEXT[7:])) + b"0\r\n\r\n"
ANSWERS: dict[str, Script] = {
    "success": answer(200, SUCCESS),
    "success with a charset": answer(200, SUCCESS, "application/json; charset=utf-8"),
    "chunked": send(CHUNKED),
    "gzip": packed("gzip", gzip.compress(TEXT)),
    "deflate": packed("deflate", zlib.compress(TEXT)),
    "deflate without its head": packed("deflate", raw_deflate(TEXT)),
    "gzip that is none": packed("gzip", TEXT),
    "gzip in capitals": packed("GZIP", gzip.compress(TEXT)),
    "a coding not asked for": packed("br", TEXT[::-1]),
    "plain although it says identity": packed("identity", TEXT),
    "NaN inside": answer(200, '{"status": "success", "data": [{"price": Infinity, "pnl": -Infinity}]}'),
    "UTF-16": send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        + f"Content-Length: {len(TEXT.decode().encode('utf-16'))}\r\n\r\n".encode()
        + TEXT.decode().encode("utf-16")
    ),
    "a broken letter": send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\r\n"
        b'{"status": "success", "data": "\xe9"}'
    ),
    "no data": answer(200, {"status": "success"}),
    "null data": answer(200, {"status": "success", "data": None}),
    "a list": answer(200, []),
    "a number": answer(200, "5"),
    "no JSON": answer(200, '{"status": '),
    "nothing": answer(200, ""),
    "no type": answer(200, SUCCESS, None),
    "HTML": answer(200, "<h1>Hello</h1>", "text/html"),
    "CSV": answer(200, "a,b\n1,2\n", "text/csv"),
    "500 that says success": answer(500, SUCCESS),
    "status in capitals": answer(200, {"status": "ERROR", "data": 5}),
    "an error type alone": answer(200, {"error_type": "OrderException", "message": "No", "data": 5}),
    **{
        f"{kind} as {status}": answer(status, {"status": "error", "message": "No.", "error_type": kind})
        for status in (200, 400, 403, 503)
        for kind in ("InputException", "TokenException", "MarginException", "Unheard", "", None, 5, "log")
    },
    "an error without words": answer(400, {"status": "error", "error_type": "InputException"}),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_read_as_the_official_client_reads_it(name: str, wire: ConnectionPool) -> None:
    async with ScriptedServer(ANSWERS[name]) as server:
        calls = KiteClient(KEY, TOKEN, server.root, wire)
        reads = await calls.call(HOLDINGS, 5), await official(server.root, lambda kite: kite.holdings())
        places = (
            await calls.call(placement(ORDERED[0]), 5),
            await official(server.root, theirs_of(ORDERED[0])),
        )
    for ours, theirs in (reads, places):
        assert ours.left
        agree(ours, theirs)


def agree(ours: Reply, theirs: Any) -> None:
    """Data for data, a failure for an exception, of the same name where it is the client's own."""
    if not isinstance(theirs, Exception):
        assert ours.failure is None
        assert (ours.data, type(ours.data)) == (theirs, type(theirs))
        return
    assert ours.failure is not None
    assert ours.data is None
    if isinstance(theirs, KiteException):
        assert ours.failure == type(theirs).__name__
        assert ours.status == theirs.code or type(theirs).__name__ == "DataException"


async def test_a_big_order_book_is_read_whole(wire: ConnectionPool) -> None:
    rows = [{**ROWS[0], "order_id": str(number)} for number in range(5000)]
    async with ScriptedServer(send(raw(200, json.dumps({"data": rows}), "Content-Type: x/json"))) as server:
        reply = await KiteClient(KEY, TOKEN, server.root, wire).call(HOLDINGS, 5)
    assert reply.data == rows
