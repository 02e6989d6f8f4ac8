"""What every store of the turns to read accounts promises: the one in Postgres and the one in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from adapters.postgres.account_moves import PostgresAccountMoves
from adapters.postgres.account_reads import PostgresAccountReads
from adapters.postgres.engine import Store
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from domain.account_state import AccountState, Claim, Finding, Shown, WaitingEntry
from domain.account_watch import AFTER_FAILURE, EVERY
from domain.errors import StoreUnavailable
from domain.order import Leg, LegKey, OrderTerms
from domain.ports import AccountMoves, AccountReads, ReadTurn
from domain.run import EnterOrder
from domain.strategy import Product
from migrations.roles import Role, make_roles
from tests.fakes.account_reads import MemoryAccountReads
from tests.fakes.manual_clock import ManualClock
from tests.store_rows import Desk, just_now

LIMIT = 1000
_PASS = text(
    "UPDATE account_reads SET next_at = next_at - CAST(:time AS interval), "
    "tried_at = tried_at - CAST(:time AS interval), read_at = read_at - CAST(:time AS interval), "
    "taken_until = taken_until - CAST(:time AS interval), foreign_at = foreign_at - CAST(:time AS interval), "
    "failed_since = failed_since - CAST(:time AS interval)"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A store in which one user's strategy holds ten shares; time passes when the test says so."""

    reads: AccountReads
    moves: AccountMoves
    user_id: UUID
    after: Callable[[float], Awaitable[None]]
    wait: Callable[[], Awaitable[UUID]]
    """Has an entry of the user wait for its instant; returns its strategy."""
    lines: Callable[[], Awaitable[list[str]]]

    async def due(self) -> list[ReadTurn]:
        """Take what is due of this user: others may live in the same store."""
        await self.reads.note_holders()
        await self.reads.note_entries()
        return [turn for turn in await self.reads.take(LIMIT) if turn.user_id == self.user_id]

    async def turn(self) -> ReadTurn:
        (turn,) = await self.due()
        return turn

    async def claim(self) -> Claim:
        (claim,) = (await self.reads.state(ReadTurn(self.user_id, "", 0, 0))).claims
        return claim


@pytest.fixture
def in_memory() -> Subject:
    clock, user_id = ManualClock(), uuid4()
    terms = OrderTerms("NSE", "TCS", Product.CNC)
    held = Claim(uuid4(), user_id, uuid4(), terms, held=10, sold=0)
    reads = MemoryAccountReads(clock, {(user_id, ""): AccountState((held,))})

    async def after(seconds: float) -> None:
        await clock.advance(seconds)

    async def wait() -> UUID:
        key = LegKey(uuid4(), user_id, date(2026, 11, 23), 1, Leg.ENTRY)
        state = reads.states[user_id, ""]
        reads.states[user_id, ""] = replace(state, entries=(WaitingEntry(key, terms),))
        return key.strategy_id

    async def lines() -> list[str]:
        return list(reads.lines)

    return Subject(reads, reads, user_id, after, wait, lines)


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await desk.bought()

    async def after(seconds: float) -> None:
        async with store.work() as session:
            await session.execute(_PASS, {"time": timedelta(seconds=seconds)})

    async def wait() -> UUID:
        other = await Desk.made(store, "TCS", desk.strategy.user_id)
        await other.runs.activate(other.start())
        due_at = just_now() + timedelta(seconds=7)
        order = EnterOrder(other.key(), OrderTerms("NSE", "TCS", Product.CNC), 1, Decimal(1), due_at)
        assert await PostgresScheduledOrderLog(store, store).arm(order, "a worker")
        return other.strategy.strategy_id

    async def lines() -> list[str]:
        return [line.text for line in await desk.lines() if line.kind == "alert"]

    reads = PostgresAccountReads(store)
    return Subject(reads, PostgresAccountMoves(store), desk.strategy.user_id, after, wait, lines)


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_an_account_that_holds_something_is_due_and_taken_once(subject: Subject) -> None:
    await subject.turn()
    assert await subject.due() == [], "another process has it"


async def test_a_turn_that_is_not_given_back_is_free_again(subject: Subject) -> None:
    first = await subject.turn()
    await subject.after(30)
    second = await subject.turn()
    assert second.number > first.number
    await subject.reads.was_read(first, {}, EVERY)
    await subject.after(1.1)
    assert await subject.due() == [], "the turn has passed to another: nothing of the first is written"


async def test_the_next_reading_is_due_when_it_was_said_to_be(subject: Subject) -> None:
    await subject.reads.was_read(await subject.turn(), {}, EVERY)
    await subject.after(EVERY.total_seconds() - 1)
    assert await subject.due() == []
    await subject.after(1)
    assert await subject.due() != []


async def test_what_is_not_settled_is_there_at_the_next_turn(subject: Subject) -> None:
    shown = {uuid4(): Shown(Finding(4, 0, 0), 12.5)}
    await subject.reads.was_read(await subject.turn(), shown, timedelta())
    await subject.after(1.1)
    assert (await subject.turn()).shown == shown


async def test_an_order_of_the_users_own_makes_the_account_due(subject: Subject) -> None:
    await subject.reads.was_read(await subject.turn(), {}, EVERY)
    await subject.after(2)
    await subject.moves.moved(uuid4())
    assert await subject.due() == [], "somebody else's"
    await subject.moves.moved(subject.user_id)
    assert await subject.due() != []


async def test_an_order_that_moves_during_a_reading_makes_it_due_once_more(subject: Subject) -> None:
    turn = await subject.turn()
    await subject.after(0.1)
    await subject.moves.moved(subject.user_id)
    await subject.reads.was_read(turn, {}, EVERY)
    await subject.after(1.1)
    assert await subject.due() != []


async def test_two_readings_of_an_account_are_a_second_apart(subject: Subject) -> None:
    await subject.reads.was_read(await subject.turn(), {}, timedelta())
    await subject.moves.moved(subject.user_id)
    assert await subject.due() == []
    await subject.after(1.1)
    assert await subject.due() != []


async def test_a_failure_lasts_until_a_reading_succeeds(subject: Subject) -> None:
    turn = await subject.turn()
    assert turn.failing is None
    await subject.reads.failed(turn, "no answer", {}, AFTER_FAILURE, told=False)
    await subject.after(6)
    turn = await subject.turn()
    assert turn.failing is not None
    assert timedelta(seconds=5) < turn.failing < timedelta(seconds=30)
    await subject.reads.failed(turn, "no answer", {}, AFTER_FAILURE, told=True)
    await subject.after(6)
    turn = await subject.turn()
    assert turn.told
    await subject.reads.was_read(turn, {}, timedelta())
    await subject.after(1.1)
    turn = await subject.turn()
    assert turn.failing is None
    assert not turn.told


async def test_a_finding_is_written_with_one_line(subject: Subject) -> None:
    claim = await subject.claim()
    await subject.reads.note(claim, Finding(4))
    await subject.reads.note(claim, Finding(4))
    assert (await subject.claim()).noted.missing == 4
    assert ["4 were sold by hand" in line for line in await subject.lines()] == [True]
    await subject.reads.note(await subject.claim(), Finding())
    assert (await subject.claim()).noted.note is None
    assert len(await subject.lines()) == 2, "it is said that they are back"


async def test_a_finding_about_what_is_no_longer_so_is_not_written(subject: Subject) -> None:
    claim = await subject.claim()
    await subject.reads.note(replace(claim, held=6), Finding(4))
    await subject.reads.note(replace(claim, start_id=uuid4()), Finding(4))
    assert (await subject.claim()).noted.missing == 0
    assert await subject.lines() == []


async def test_an_entry_that_waits_makes_its_account_due_until_its_baseline_is_known(
    subject: Subject,
) -> None:
    await subject.reads.was_read(await subject.turn(), {}, EVERY)
    await subject.after(3)
    strategy_id = await subject.wait()
    turn = await subject.turn()
    (entry,) = (await subject.reads.state(turn)).entries
    assert entry.key.strategy_id == strategy_id
    await subject.reads.note_baseline(entry, 7, 3)
    assert (await subject.reads.state(turn)).entries == ()
    await subject.reads.was_read(turn, {}, EVERY)
    await subject.after(3)
    assert await subject.due() == []


async def test_an_account_that_is_left_is_not_due_until_it_holds_something(subject: Subject) -> None:
    await subject.reads.leave(await subject.turn())
    assert await subject.reads.take(LIMIT) == []
    await subject.turn()  # it holds something still: taken up again


async def test_a_store_that_is_away_says_so() -> None:
    gone = Store.open("postgresql://nobody:nothing@127.0.0.1:1/nowhere")
    memory = MemoryAccountReads(ManualClock(), down=True)
    for reads in (memory, PostgresAccountReads(gone)):
        with pytest.raises(StoreUnavailable):
            await reads.note_holders()
        with pytest.raises(StoreUnavailable):
            await reads.take(1)
    for moves in (memory, PostgresAccountMoves(gone)):
        with pytest.raises(StoreUnavailable):
            await moves.moved(uuid4())
    await gone.close()


@pytest.fixture
async def listener(database: str) -> AsyncIterator[Store]:
    """The store as the listener's role sees it."""
    url = make_url(database).set(username=f"listener_{uuid4().hex[:8]}", password="listener's")
    address = url.render_as_string(hide_password=False)
    await make_roles(database, [Role.of("listener", address)])
    opened = Store.open(address)
    yield opened
    await opened.close()


async def test_the_listener_can_have_an_account_read_and_see_and_change_nothing_of_it(
    in_postgres: Subject, listener: Store
) -> None:
    await in_postgres.reads.was_read(await in_postgres.turn(), {}, EVERY)
    await in_postgres.after(2)
    await PostgresAccountMoves(listener).moved(in_postgres.user_id)
    assert await in_postgres.due() != []
    for words in ("SELECT count(*) FROM account_reads", "UPDATE account_reads SET next_at = now()"):
        with pytest.raises(Exception, match="permission denied"):
            async with listener.work() as session:
                await session.execute(text(words))
