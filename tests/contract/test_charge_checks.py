"""What every store of charge checks promises: the one in Postgres and the one in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text

from adapters.postgres.book_tables import FinishedRoundRow
from adapters.postgres.charge_checks import PostgresChargeChecks
from adapters.postgres.engine import Store
from domain.charge_check import AGAIN, TRIES, AccountRounds
from domain.errors import StoreUnavailable
from domain.finished_round import FinishedRound
from domain.order import Side
from domain.ports import ChargeChecks
from tests.fakes.charge_checks import MemoryChargeChecks
from tests.fakes.manual_clock import ManualClock
from tests.store_rows import Desk
from tests.unit.test_books import MONDAY, TUESDAY, finished, trade

MANY = 1000
MINUTE = 60.0
_PASS = text("UPDATE strategy_days SET charge_tried_at = charge_tried_at - CAST(:time AS interval)")


@dataclass(frozen=True, slots=True)
class Subject:
    """A store with the books of one user; time passes when the test says so."""

    checks: ChargeChecks
    user_id: UUID
    add: Callable[[FinishedRound], Awaitable[None]]
    after: Callable[[float], Awaitable[None]]

    async def take(self, day: date = MONDAY) -> list[AccountRounds]:
        """Take what is due of this user: others may live in the same store."""
        return [of for of in await self.checks.take(day, MANY) if of.user_id == self.user_id]


@pytest.fixture
def in_memory() -> Subject:
    clock, user_id = ManualClock(), uuid4()
    checks = MemoryChargeChecks(clock)

    async def add(one: FinishedRound) -> None:
        checks.add(user_id, one)

    return Subject(checks, user_id, add, clock.advance)


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    user_id = (await Desk.made(store)).strategy.user_id

    async def add(one: FinishedRound) -> None:
        async with store.work() as session:
            await session.execute(insert(FinishedRoundRow).values(row(user_id, one)))

    async def after(seconds: float) -> None:
        async with store.work() as session:
            await session.execute(_PASS, {"time": timedelta(seconds=seconds)})

    return Subject(PostgresChargeChecks(store), user_id, add, after)


def row(user_id: UUID, one: FinishedRound) -> dict[str, object]:
    same = ("account", "exchange", "symbol", "outcome_detail", "quantity", "sold", "outside", "ended_at")
    prices = ("entry_price", "exit_price", "entry_lateness_ms", "exit_lateness_ms", "row_id")
    trades = [
        {
            "side": of.side.value,
            "quantity": of.quantity,
            "price": None if of.price is None else str(of.price),
            "day": of.day.isoformat(),
        }
        for of in one.trades
    ]
    return {
        **one.key._asdict(),
        **{name: getattr(one, name) for name in (*same, *prices)},
        "user_id": user_id,
        "product": one.product.value,
        "outcome": one.outcome.value,
        "trades": trades,
        "first_day": one.days[0] if one.days else None,
        "last_day": one.days[-1] if one.days else None,
    }


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


def a_round(sold_on: date = MONDAY, account: str = "zerodha:AB1234") -> FinishedRound:
    return finished(trade(Side.BUY, 100, "1000"), trade(Side.SELL, 100, "1010", sold_on), account=account)


async def test_a_round_that_traded_is_taken_by_one_caller(subject: Subject) -> None:
    one = a_round()
    await subject.add(one)
    await subject.add(finished())
    (of,) = await subject.take()
    assert (of.account, of.day, set(of.unchecked)) == ("zerodha:AB1234", MONDAY, {one.key})
    (found,) = of.rounds
    assert (found.trades, found.ended_at, found.product) == (one.trades, one.ended_at, one.product)
    assert await subject.take() == [], "another worker has it"


async def test_a_round_comes_on_its_last_day_with_all_that_traded_on_it(subject: Subject) -> None:
    slept, other, elsewhere = a_round(TUESDAY), a_round(), a_round(account="zerodha:CD5678")
    for one in (slept, other, elsewhere):
        await subject.add(one)
    taken = {of.account: of for of in await subject.take()}
    of = taken["zerodha:AB1234"]
    assert of.unchecked == {other.key}
    assert {one.key for one in of.rounds} == {slept.key, other.key}
    assert taken["zerodha:CD5678"].unchecked == {elsewhere.key}
    (later,) = await subject.take(TUESDAY)
    assert later.unchecked == {slept.key}


async def test_what_was_checked_is_not_taken_again_but_comes_along(subject: Subject) -> None:
    one, late = a_round(), a_round()
    await subject.add(one)
    await subject.take()
    await subject.checks.write([one.key], agrees=True)
    await subject.add(late)
    await subject.after(AGAIN.total_seconds() + MINUTE)
    (of,) = await subject.take()
    assert of.unchecked == {late.key}
    assert {found.key for found in of.rounds} == {one.key, late.key}


async def test_what_could_not_be_checked_is_tried_a_few_times(subject: Subject) -> None:
    await subject.add(a_round())
    for _ in range(TRIES):
        assert len(await subject.take()) == 1
        await subject.after(AGAIN.total_seconds() - MINUTE)
        assert await subject.take() == []
        await subject.after(2 * MINUTE)
    assert await subject.take() == []


async def test_a_day_has_differed_once_a_difference_is_written(subject: Subject) -> None:
    day = date(2027, 1, 4)  # of this test alone: the question is about all users
    one, other = (replace(a_round(), trades=(trade(Side.BUY, 1, "1000", day),)) for _ in range(2))
    for found in (one, other):
        await subject.add(found)
    await subject.checks.write([one.key], agrees=True)
    assert not await subject.checks.differed(day)
    await subject.checks.write([other.key], agrees=False)
    assert await subject.checks.differed(day)


async def test_only_so_many_accounts_are_taken(subject: Subject) -> None:
    for number in range(3):
        await subject.add(a_round(account=f"zerodha:{number}"))
    assert len(await subject.checks.take(MONDAY, 1)) == 1


async def test_a_store_that_is_away_says_so() -> None:
    gone = Store.open("postgresql://nobody:nothing@127.0.0.1:1/nowhere")
    for checks in (MemoryChargeChecks(ManualClock(), down=True), PostgresChargeChecks(gone)):
        with pytest.raises(StoreUnavailable):
            await checks.take(MONDAY, 1)
        with pytest.raises(StoreUnavailable):
            await checks.differed(MONDAY)
        with pytest.raises(StoreUnavailable):
            await checks.write([a_round().key], agrees=True)
