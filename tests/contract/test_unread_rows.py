"""Rows that cannot be read, put into the paper exchange's lists: what they cost, over the real adapter."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.instruments import KiteInstruments
from adapters.process.clock import SystemClock
from domain.errors import InstrumentUnreadable
from domain.order import Leg, OrderStatus, OrderTerms, Reason
from domain.run import Entered, EnterOrder, Exited, ExitOrder
from domain.strategy import Product
from execution.account_snapshot import AccountSnapshots
from execution.order_intent import OrderIntent
from tests.contract.test_executor_on_paper import HORIZON, Account, House
from tests.paper_process import PaperProcess

SBIN = OrderTerms("NSE", "SBIN", Product.CNC)
ODD_LINES: list[Any] = [
    "1,1,ODDNAME,TATA, SONS,0,,0,0.05,1,EQ,NSE,NSE",
    "2,2,ODDSHORT,SHORT,0,,0,0.05,1,EQ,NSE",
    '3,3,ODDQUOTE,"NEVER CLOSED,0,,0,0.05,1,EQ,NSE,NSE',
    [4, 4, "ODDLOT", "LOT", 0, "", 0, 0.05, 0, "EQ", "NSE", "NSE"],
    [5, 5, "ODDTICK", "TICK", 0, "", 0, 0, 1, "EQ", "NSE", "NSE"],
    [6, 6, "ODDEMPTY", "EMPTY", 0, "", 0, "", 1, "EQ", "NSE", "NSE"],
    {"base64": base64.b64encode(b"7,7,ODDBYTES,T\xffTA,0,,0,0.05,1,EQ,NSE,NSE").decode()},
]
ODD_SYMBOLS = ("ODDNAME", "ODDSHORT", "ODDQUOTE", "ODDLOT", "ODDTICK", "ODDEMPTY", "ODDBYTES")


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
async def wire(paper: PaperProcess) -> AsyncIterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()
    paper.clear_faults()
    paper.clear_rows()


class Trader:
    """One account at the paper exchange that buys and sells SBIN through the real desk."""

    def __init__(self, paper: PaperProcess, wire: ConnectionPool) -> None:
        paper.price("SBIN", 800)
        self.paper = paper
        self.account = Account(paper, wire)
        self.house = House(paper, self.account)
        self.key = self.house._key
        self.exit_key = replace(self.key, leg=Leg.EXIT)

    async def buy(self) -> Entered:
        order = EnterOrder(self.key, SBIN, 10, Decimal(100), datetime.now(UTC))
        entered: Entered = await ActivityEnvironment().run(self.house._orders.enter, order)
        return entered

    async def sell(self) -> Exited:
        """Attempt as the run does: until everything is sold."""
        while True:
            order = ExitOrder(self.exit_key, SBIN, 10, Reason.SELL, datetime.now(UTC))
            try:
                exited: Exited = await ActivityEnvironment().run(self.house._orders.exit, order)
            except ApplicationError:
                continue
            return exited

    def lose(self, side: str, **more: Any) -> None:
        """Have the next order of a side never arrive, with no answer."""
        self.paper.fault("http_503", {"user_id": self.account.owner.user_id, "side": side}, **more)

    def sent(self, side: str) -> int:
        mine = [row for row in self.paper.ledger() if row["user_id"] == self.account.owner.user_id]
        return sum(row["transaction_type"] == side for row in mine)


@pytest.fixture
def trader(paper: PaperProcess, wire: ConnectionPool) -> Trader:
    return Trader(paper, wire)


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("/quote", {"NSE:ITC": None}),
        ("/quote", {"NSE:ITC": {"last_price": "400"}}),
        ("/orders", {"tradingsymbol": "ITC", "status": None}),
        ("/portfolio/positions", {"tradingsymbol": "ITC", "quantity": None}),
        ("/portfolio/holdings", {"tradingsymbol": "ITC"}),
        ("/quote", {"NSE:ITC": {"last_price": 1e300}}),
        ("/quote", {"NSE:ITC": [[400]]}),
        ("/orders", {"tradingsymbol": "ITC", "order_id": "9", "quantity": 1e30, "filled_quantity": 1e30}),
        ("/orders", {"tradingsymbol": "ITC", "order_id": [], "status": {}, "tags": [[["x"]]]}),
        ("/orders", {"tradingsymbol": "ITC", "status": "COMPLETE", "filled_quantity": -1, "quantity": 1}),
        (
            "/portfolio/positions",
            {"tradingsymbol": "ITC", "exchange": "NSE", "product": "CNC", "quantity": []},
        ),
        ("/portfolio/holdings", {"tradingsymbol": "ITC", "exchange": "BSE", "quantity": -3}),
    ],
    ids=str,
)
async def test_an_unreadable_neighbour_costs_neither_a_purchase_nor_a_sale(
    trader: Trader, path: str, row: Any
) -> None:
    trader.paper.row(path, row)
    assert (await trader.buy()).filled == 10
    trader.lose("SELL")  # so that both books are asked for proof
    assert (await trader.sell()).sold == 10
    assert (trader.sent("BUY"), trader.sent("SELL")) == (1, 1)


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("/orders", {"tradingsymbol": "SBIN", "transaction_type": "SELL", "filled_quantity": None}),
        ("/orders", None),
        ("/portfolio/positions", {"tradingsymbol": "SBIN", "product": "CNC", "quantity": None}),
        ("/portfolio/positions", "nonsense"),
    ],
    ids=str,
)
async def test_an_exit_in_doubt_is_not_sent_again_while_a_row_of_its_symbol_is_unread(
    trader: Trader, path: str, row: Any
) -> None:
    assert (await trader.buy()).filled == 10
    trader.paper.row(path, row)
    trader.lose("SELL")
    selling = asyncio.ensure_future(trader.sell())
    await asyncio.sleep(HORIZON + 2)
    assert not selling.done()
    assert trader.sent("SELL") == 0
    trader.paper.clear_rows()
    assert (await selling).sold == 10
    assert trader.sent("SELL") == 1


async def test_an_entry_in_doubt_is_not_absent_from_a_book_with_unread_rows_of_its_symbol(
    trader: Trader,
) -> None:
    trader.paper.row("/orders", {"tradingsymbol": "SBIN"})
    trader.lose("BUY")
    buying = asyncio.ensure_future(trader.buy())
    await asyncio.sleep(HORIZON + 2)
    assert not buying.done()
    [attempt] = trader.house.log.rows.values()
    assert attempt.status is OrderStatus.SENT
    assert "could not" in attempt.message
    trader.paper.clear_rows()
    entered = await buying
    assert entered.in_doubt
    assert trader.sent("BUY") == 0


async def test_our_own_order_is_followed_though_other_fields_of_its_row_are_odd(trader: Trader) -> None:
    """The exchange has none of it: the row is all there is, found by the tag."""
    tag = trader.key.tag(1)
    odd = {"order_id": "77", "tag": tag, "status": "COMPLETE", "quantity": 10, "filled_quantity": 10}
    trader.paper.row("/orders", odd | {"transaction_type": "BUY", "average_price": "800", "product": None})
    trader.lose("BUY")
    assert (await trader.buy()).filled == 10


@pytest.mark.parametrize(
    "odd",
    [
        {"order_id": None},
        {"status": "complete", "transaction_type": None},
        {"filled_quantity": None, "exchange": None},
        {"tag": None, "tags": "mktp,{tag}"},
    ],
    ids=str,
)
async def test_our_own_order_is_followed_though_what_it_needs_most_is_odd(
    trader: Trader, odd: dict[str, Any]
) -> None:
    tag = trader.key.tag(1)
    row = {
        "order_id": "78",
        "tag": tag,
        "tags": None,
        "status": "COMPLETE",
        "quantity": 10,
        "filled_quantity": 10,
        "transaction_type": "BUY",
        "average_price": 800,
        "product": "CNC",
        "exchange": "NSE",
        "tradingsymbol": "SBIN",
        **{name: value.format(tag=tag) if isinstance(value, str) else value for name, value in odd.items()},
    }
    trader.paper.row("/orders", row)
    trader.lose("BUY")
    assert (await trader.buy()).filled == 10
    assert trader.sent("BUY") == 0


async def test_an_order_that_is_listed_twice_holds_up_no_sale_in_doubt(trader: Trader) -> None:
    assert (await trader.buy()).filled == 10
    twice: dict[str, Any] = {
        "order_id": "79",
        "tradingsymbol": "SBIN",
        "exchange": "NSE",
        "product": "MIS",
        "tag": None,
    }
    twice |= {"status": "REJECTED", "transaction_type": "SELL", "quantity": 5, "filled_quantity": 0}
    for _ in range(2):
        trader.paper.row("/orders", twice)
    trader.lose("SELL")
    assert (await trader.sell()).sold == 10


@pytest.mark.parametrize(
    "row",
    [
        {"exchange": "BSE", "tradingsymbol": "SBIN", "quantity": 0, "t1_quantity": 10},
        {"exchange": "NSE", "tradingsymbol": "SBIN", "quantity": 4, "t1_quantity": 6},
        {
            "exchange": "BSE",
            "tradingsymbol": "SBIN",
            "quantity": 10,
            "t1_quantity": 0,
            "isin": "INE062A01020",
        },
    ],
    ids=str,
)
async def test_shares_of_before_today_are_there_to_be_sold_under_whichever_exchange_they_are_listed(
    trader: Trader, row: dict[str, Any]
) -> None:
    """Else their exit finds nothing to sell, and waits for a person."""
    trader.paper.row("/portfolio/holdings", row)
    broker = await trader.account.of(trader.key.user_id, "")
    accounts = AccountSnapshots(trader.house.log, trader.account, SystemClock())
    intent = OrderIntent(trader.exit_key, SBIN, 10, Reason.STOPLOSS, datetime.now(UTC), patience=1)
    assert await accounts.sellable(intent, 10, broker, asyncio.Event()) == 10


async def test_bad_lines_of_the_instrument_list_are_unknown_and_the_others_are_read(
    paper: PaperProcess, wire: ConnectionPool
) -> None:
    for line in ODD_LINES:
        paper.row("/instruments", line)
    instruments = KiteInstruments(paper.url, SystemClock())
    assert await instruments.find("NSE", "TCS")
    assert await instruments.find("NSE", "NO-SUCH") is None
    for symbol in ODD_SYMBOLS:
        with pytest.raises(InstrumentUnreadable, match=f"NSE:{symbol}"):
            await instruments.find("NSE", symbol)
    assert await instruments.search("ODD", 10) == []
