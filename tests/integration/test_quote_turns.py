"""Questions for prices on a real Postgres: several processes of one account are one asker to the broker."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.shared_quotes import SharedQuotes, asker, shared
from adapters.postgres.engine import Store
from adapters.postgres.quote_turns import PostgresQuoteTurns
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.process.clock import SystemClock
from domain.errors import BrokerUnavailable
from domain.order import OrderTerms
from domain.quote import Quote
from domain.quote_turns import Asker, Told, Turn
from domain.run import EnterOrder
from domain.strategy import Product
from tests.paper_process import PaperProcess
from tests.postgres import PostgresServer
from tests.store_rows import Desk, just_now

SYMBOLS = ("ADANIENT", "AXISBANK", "BEL", "CIPLA", "HCLTECH", "ITC", "MARUTI", "TITAN")


@dataclass
class Exchange:
    """Answers each question, and remembers it; `away` fails that many, `lacks` has no price."""

    calls: list[list[str]] = field(default_factory=list)
    price: int = 100
    away: int = 0
    lacks: set[str] = field(default_factory=set)
    hangs: asyncio.Event | None = None
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def ask(self, names: list[str], leave_within: float | None = None, /) -> Mapping[str, Quote]:
        self.calls.append(names)
        self.asked.release()
        if self.hangs is not None:
            await self.hangs.wait()
        if self.away:
            self.away -= 1
            raise BrokerUnavailable("no answer")
        return {name: quote(self.price) for name in names if name not in self.lacks}


def quote(price: int) -> Quote:
    return Quote(Decimal(price), Decimal(1), None, just_now())


@dataclass
class Process:
    """One process' way to Postgres, and what it paces."""

    store: Store
    turns: PostgresQuoteTurns

    @classmethod
    def on(cls, database: str) -> "Process":
        store = Store.open(database)
        return cls(store, PostgresQuoteTurns(store, SystemClock()))

    def quotes(self, exchange: Exchange, of: Asker) -> SharedQuotes:
        return SharedQuotes(exchange.ask, SystemClock(), self.turns, of)


@pytest.fixture
async def two(database: str) -> AsyncIterator[Sequence[Process]]:
    made = [Process.on(database) for _ in range(2)]
    yield made
    for process in made:
        await process.store.close()


@pytest.fixture
def of() -> Asker:
    return asker(uuid4(), uuid4().hex, "monday")


async def held_entries(store: Store, user_id: UUID, symbols: Sequence[str]) -> None:
    """Have workers hold an entry of the user in each symbol, due in three seconds."""
    due_at = just_now() + timedelta(seconds=3)
    for number, symbol in enumerate(symbols):
        desk = await Desk.made(store, symbol, user_id)
        await desk.runs.activate(desk.start())
        order = EnterOrder(desk.key(), OrderTerms("NSE", symbol, Product.CNC), 1, Decimal(1), due_at)
        assert await PostgresScheduledOrderLog(store, store).arm(order, f"worker {number % 4}")


async def row(store: Store, of: Asker) -> Any:
    async with store.read() as session:
        found = await session.execute(
            text("SELECT * FROM quote_turns WHERE account = :account"), {"account": of.account}
        )
        return found.one()


async def long_ago(store: Store, of: Asker, seconds: float) -> None:
    """Let what was heard have been heard so long ago."""
    words = {"account": of.account, "ago": timedelta(seconds=seconds)}
    async with store.work() as session:
        await session.execute(
            text(
                "UPDATE quote_turns SET heard_at = clock_timestamp() - CAST(:ago AS interval) "
                "WHERE account = :account"
            ),
            words,
        )


async def taken(process: Process, of: Asker) -> Turn:
    found = await process.turns.take(of)
    assert isinstance(found, Turn)
    return found


@pytest.mark.parametrize("processes", [2, 4])
async def test_all_processes_of_an_account_are_answered_by_one_question_and_nothing_is_refused(
    database: str, processes: int
) -> None:
    made = [Process.on(database) for _ in range(processes)]
    wire, user_id = ConnectionPool(), uuid4()
    with PaperProcess() as paper:
        owner = paper.account(cash=1_000_000)
        of = asker(user_id, owner.api_key, owner.access_token)
        await held_entries(made[0].store, user_id, SYMBOLS)
        brokers = [
            KiteBroker(
                KiteClient(owner.api_key, owner.access_token, paper.url, wire),
                SystemClock(),
                pace=shared(process.turns, of),
            )
            for process in made
        ]
        names = [f"NSE:{symbol}" for symbol in SYMBOLS]
        found = await asyncio.gather(
            *(brokers[number % processes].quotes([name]) for number, name in enumerate(names))
        )
        refused = paper.refused()
    wire.close()
    for process in made:
        await process.store.close()
    assert [list(one) for one in found] == [[name] for name in names]
    assert refused == []


async def test_one_asks_for_what_the_held_entries_of_all_need(two: Sequence[Process], of: Asker) -> None:
    await held_entries(two[0].store, of.user_id, ("TCS", "INFY"))
    exchange = Exchange()
    first, second = (process.quotes(exchange, of) for process in two)
    found = await asyncio.gather(first.quotes(["NSE:ITC"]), second.quotes(["NSE:INFY"]))
    assert exchange.calls[0][1:] in (["NSE:INFY", "NSE:TCS"], ["NSE:TCS"]), exchange.calls
    assert [price.last_price for one in found for price in one.values()] == [100, 100]


async def test_what_dies_with_the_turn_in_its_hands_costs_no_entry(two: Sequence[Process], of: Asker) -> None:
    await taken(two[0], of)  # and never heard of again
    exchange = Exchange()
    async with asyncio.timeout(4):  # an entry may be 5 s late
        assert await two[1].quotes(exchange, of).quotes(["NSE:TCS"])
    assert exchange.calls == [["NSE:TCS"]]


async def test_an_entry_that_was_called_off_takes_no_question_from_the_others(
    two: Sequence[Process], of: Asker
) -> None:
    exchange = Exchange(hangs=asyncio.Event())
    first, second = (process.quotes(exchange, of) for process in two)
    called_off = asyncio.ensure_future(first.quotes(["NSE:TCS"]))
    await exchange.asked.acquire()
    called_off.cancel()
    other = asyncio.ensure_future(second.quotes(["NSE:TCS"]))
    assert exchange.hangs is not None
    exchange.hangs.set()
    assert await other
    assert len(exchange.calls) == 1


async def test_a_broker_that_hangs_keeps_nobody_from_asking_again(two: Sequence[Process], of: Asker) -> None:
    exchange = Exchange(hangs=asyncio.Event())
    quotes = two[0].quotes(exchange, of)
    waiting = asyncio.ensure_future(quotes.quotes(["NSE:TCS"]))
    for _ in range(2):
        await exchange.asked.acquire()
    assert exchange.hangs is not None
    exchange.hangs.set()
    assert await waiting


async def test_who_asked_in_vain_is_told_and_the_others_ask_in_the_next_turn(
    two: Sequence[Process], of: Asker
) -> None:
    exchange = Exchange(away=1)
    first, second = (process.quotes(exchange, of) for process in two)
    found = await asyncio.gather(
        first.quotes(["NSE:TCS"]), second.quotes(["NSE:TCS"]), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in found) == ["BrokerUnavailable", "dict"]
    assert len(exchange.calls) == 2


async def test_what_one_was_not_told_another_asks_for_itself(two: Sequence[Process], of: Asker) -> None:
    exchange = Exchange(lacks={"NSE:TCS"})
    first, second = (process.quotes(exchange, of) for process in two)
    assert await first.quotes(["NSE:TCS"]) == {}
    exchange.lacks.clear()
    assert await second.quotes(["NSE:TCS"])


async def test_a_shared_price_that_is_too_old_does_not_act(two: Sequence[Process], of: Asker) -> None:
    turn = await taken(two[0], of)
    await two[0].turns.give_back(turn, 0.01, {"NSE:TCS": quote(66)})
    told = await two[1].turns.look(of)
    assert told.prices is not None
    await long_ago(two[0].store, of, 6)
    assert (await two[1].turns.look(of)).prices is None
    exchange = Exchange(price=100)
    found = await two[1].quotes(exchange, of).quotes(["NSE:TCS"])
    assert found["NSE:TCS"].last_price == 100


async def test_the_age_of_a_price_counts_from_its_arrival_however_late_it_was_written(
    two: Sequence[Process], of: Asker
) -> None:
    turn = await taken(two[0], of)
    before = await row(two[0].store, of)
    await asyncio.sleep(1.1)  # the process stands still after it has heard
    await two[0].turns.give_back(turn, 0.05, {"NSE:TCS": quote(66)})
    assert (await row(two[0].store, of)).heard_at < before.free_at - timedelta(seconds=1.4)
    assert (await two[1].turns.look(of)).prices is None


async def test_a_shared_price_is_as_old_as_it_is(two: Sequence[Process], of: Asker) -> None:
    turn = await taken(two[0], of)
    await two[0].turns.give_back(turn, 0.01, {"NSE:TCS": quote(66)})
    await long_ago(two[0].store, of, 0.6)
    quotes = two[1].quotes(Exchange(price=100), of)
    found = await quotes.quotes(["NSE:TCS"])
    assert found["NSE:TCS"].last_price == 66
    assert just_now() - found["NSE:TCS"].seen_at >= timedelta(seconds=0.6)
    await asyncio.sleep(0.5)
    assert (await quotes.quotes(["NSE:TCS"]))["NSE:TCS"].last_price == 100


async def test_a_price_is_shared_within_one_login_only(two: Sequence[Process]) -> None:
    """Another user with the same key, or the user's own next login: a turn together, no price."""
    user_id, key = uuid4(), uuid4().hex
    mine = asker(user_id, key, "monday")
    for other in (asker(uuid4(), key, "another's"), asker(user_id, key, "tuesday")):
        exchange = Exchange()
        await two[0].quotes(exchange, mine).quotes(["NSE:TCS"])
        assert await two[1].quotes(exchange, other).quotes(["NSE:TCS"])
        assert len(exchange.calls) == 2
        assert isinstance(await two[0].turns.take(mine), Told), "the account has one turn"
        assert (await two[0].turns.look(mine)).prices is None
        await asyncio.sleep(1.1)


async def test_accounts_do_not_wait_for_each_other(two: Sequence[Process]) -> None:
    exchange = Exchange()
    users = [asker(uuid4(), uuid4().hex, "monday") for _ in range(50)]
    await asyncio.gather(*(two[0].quotes(exchange, one).quotes(["NSE:TCS"]) for one in users))
    turns = [await row(two[0].store, one) for one in users]
    assert Counter(one.turn for one in turns) == {1: 50}


async def test_a_turn_that_has_become_anothers_is_not_given_back(two: Sequence[Process], of: Asker) -> None:
    late = await taken(two[0], of)
    async with two[0].store.work() as session:
        await session.execute(
            text("UPDATE quote_turns SET free_at = clock_timestamp() WHERE account = :account"),
            {"account": of.account},
        )
    assert (await taken(two[1], of)).number == late.number + 1
    await two[0].turns.give_back(late, 0.01, {"NSE:TCS": quote(66)})
    found = await row(two[0].store, of)
    assert (found.turn, found.prices) == (late.number + 1, None)


async def test_a_turn_further_ahead_than_any_can_be_is_free(two: Sequence[Process], of: Asker) -> None:
    await taken(two[0], of)
    async with two[0].store.work() as session:
        await session.execute(
            text("UPDATE quote_turns SET free_at = free_at + interval '1 hour' WHERE account = :account"),
            {"account": of.account},
        )
    assert await taken(two[1], of)  # Postgres' clock was set back


async def test_a_process_that_stood_still_with_its_turn_asks_nothing(of: Asker) -> None:
    exchange = Exchange()

    class Frozen:
        """Gives a turn late, then another at once."""

        given = 0

        async def take(self, one: Asker) -> Turn | Told:
            self.given += 1
            if self.given == 1:
                await asyncio.sleep(0.35)
            return Turn(one, self.given, ())

        async def look(self, one: Asker) -> Told:
            return Told(0)

        async def give_back(self, turn: Turn, heard_after: float, prices: Mapping[str, Quote]) -> None:
            assert turn.number == 2

    turns = Frozen()
    assert await SharedQuotes(exchange.ask, SystemClock(), turns, of).quotes(["NSE:TCS"])
    assert (len(exchange.calls), turns.given) == (1, 2)


async def test_the_api_sees_no_turn(postgres: PostgresServer, database: str) -> None:
    seen = Store.open(postgres.api_url(database))
    with pytest.raises(Exception, match="permission denied"):
        async with seen.read() as session:
            await session.execute(text("SELECT count(*) FROM quote_turns"))
    await seen.close()


def test_marks_open_nothing_and_are_the_same_everywhere() -> None:
    user_id = uuid4()
    mine = asker(user_id, "kitekey", "secret")
    assert mine == asker(user_id, "kitekey", "secret")
    assert "kitekey" not in repr(mine)
    assert "secret" not in repr(mine)
