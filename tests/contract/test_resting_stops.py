"""What every store of stops at the exchange promises: the one in Postgres, and the one in memory."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.resting_stops import PostgresRestingStops
from domain.kept_stop import ExitAim
from domain.order import Attempt, Leg, LegKey, OrderStatus, Reason
from domain.outcome import Accepted
from domain.ports import Claimed, NotClaimed, OrderLog, RestingStops
from domain.resting_facts import Ended
from domain.stop_prices import OrderKind, StopPrices
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops
from tests.store_rows import TERMS, TODAY, Desk, seen

PROTECTED = replace(TERMS, protected=True)
STOP = StopPrices(OrderKind.SL_M, Decimal(3400))


@dataclass(frozen=True, slots=True)
class Subject:
    """The stops of a store, its order log, and the sale of a strategy that holds ten shares."""

    stops: RestingStops
    log: OrderLog
    key: LegKey

    async def resting(self, attempt: int = 1, slice_: int = 0) -> Attempt:
        """Return an order that rests at the exchange."""
        planned = await self.stops.plan(self.key, PROTECTED, attempt, slice_)
        claim = await self.claim(planned)
        assert isinstance(claim, Claimed)
        return await self.log.answer(claim.attempt, Accepted(f"100{attempt}"))

    async def claim(self, planned: Attempt) -> Claimed | NotClaimed:
        now = datetime.now(UTC)
        return await self.log.claim(planned, 10, Reason.STOPLOSS, now, None, stop=STOP)

    async def of(self, attempt: Attempt) -> Attempt:
        return next(one for one in await self.log.leg(self.key) if one.attempt == attempt.attempt)

    async def moved(self, attempt: Attempt, number: int, trigger: int | None) -> bool:
        price = None if trigger is None else Decimal(trigger)
        return await self.stops.change(attempt, number, price, Reason.SELL, datetime.now(UTC))


@pytest.fixture
def in_memory() -> Subject:
    log = MemoryOrderLog(ManualClock(datetime.now(UTC)))
    key = LegKey(uuid4(), uuid4(), TODAY, 1, Leg.EXIT)
    return Subject(MemoryRestingStops(log.table, log.clock), log, key)


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    desk = await Desk.started(store)
    return Subject(PostgresRestingStops(store), desk.log, desk.key(Leg.EXIT))


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_an_intent_of_a_slice_is_written_once(subject: Subject) -> None:
    first = await subject.stops.plan(subject.key, PROTECTED, 2, 1)
    assert (first.status, first.slice, first.protected) == (OrderStatus.PLANNED, 1, True)
    assert await subject.stops.plan(subject.key, PROTECTED, 2, 0) == first


async def test_a_stop_is_claimed_with_its_trigger(subject: Subject) -> None:
    resting = await subject.resting()
    assert resting.resting is not None
    assert (resting.resting.triggers, resting.resting.change) == ((Decimal(3400),), None)
    assert resting.status is OrderStatus.OPEN


@pytest.mark.parametrize("aim", ExitAim)
async def test_no_stop_is_placed_once_the_exit_has_begun(subject: Subject, aim: ExitAim) -> None:
    planned = await subject.stops.plan(subject.key, PROTECTED, 1, 0)
    assert await subject.stops.begin_exit(subject.key, aim)
    assert isinstance(await subject.claim(planned), NotClaimed)
    later = await subject.stops.plan(subject.key, PROTECTED, 2, 1)
    assert isinstance(await subject.claim(later), NotClaimed)
    now = datetime.now(UTC)
    assert isinstance(await subject.log.claim(planned, 10, Reason.SELL, now, None), Claimed)


async def test_a_change_is_had_once_and_counted(subject: Subject) -> None:
    resting = await subject.resting()
    assert await subject.moved(resting, 1, 3450)
    assert not await subject.moved(resting, 1, 3460)
    assert not await subject.moved(resting, 3, 3460)
    assert await subject.moved(resting, 2, 3460)
    facts = (await subject.of(resting)).resting
    assert facts is not None
    assert facts.triggers == (Decimal(3400), Decimal(3450), Decimal(3460))
    assert facts.change is not None
    assert (facts.change.number, facts.change.trigger, facts.market_tries) == (2, Decimal(3460), 0)


async def test_an_exit_may_change_to_the_market_and_move_no_trigger(subject: Subject) -> None:
    resting = await subject.resting()
    await subject.stops.begin_exit(subject.key, ExitAim.SELL)
    assert not await subject.moved(resting, 1, 3450)
    assert await subject.moved(resting, 1, None)
    now = await subject.of(resting)
    assert now.reason is Reason.SELL
    assert now.resting is not None
    assert now.resting.market_tries == 1


async def test_what_is_released_is_not_sold_by_whoever_held_its_sale(subject: Subject) -> None:
    resting = await subject.resting()
    assert await subject.stops.begin_exit(subject.key, ExitAim.RELEASE)
    assert not await subject.stops.begin_exit(subject.key, ExitAim.SELL, over=False)
    assert not await subject.moved(resting, 1, None)
    assert await subject.stops.begin_exit(subject.key, ExitAim.SELL)  # its user sells it after all
    assert await subject.moved(resting, 1, None)


async def test_a_change_is_shown_by_the_book_and_a_refused_one_is_known(subject: Subject) -> None:
    resting = await subject.resting()
    await subject.moved(resting, 1, 3450)
    row = replace(seen(resting, 0), order_type="SL-M", trigger=Decimal(3400), waiting=True)
    await subject.log.saw(resting, row)
    await subject.stops.refused(resting, 1, used_up=True)
    facts = (await subject.of(resting)).resting
    assert facts is not None
    assert facts.change is not None
    assert (facts.change.shown, facts.change.refused, facts.used_up) == (False, True, True)
    await subject.log.saw(resting, replace(row, trigger=Decimal(3450)))
    facts = (await subject.of(resting)).resting
    assert facts is not None
    assert facts.change is not None
    assert facts.change.shown


async def test_why_it_was_cancelled_is_written_once(subject: Subject) -> None:
    resting = await subject.resting()
    await subject.stops.cancel_asked(resting)
    await subject.stops.ended(resting, Ended.ASKED)
    await subject.stops.ended(resting, Ended.HAND)
    facts = (await subject.of(resting)).resting
    assert facts is not None
    assert facts.cancel_asked_at is not None
    assert (facts.ended, facts.ended_at is not None) == (Ended.ASKED, True)


async def test_nothing_is_changed_of_an_order_that_is_over(subject: Subject) -> None:
    resting = await subject.resting()
    await subject.log.saw(resting, seen(resting, 0, status=OrderStatus.CANCELLED))
    assert not await subject.moved(resting, 1, None)


async def test_a_stop_that_was_changed_unwritten_sells_for_its_exits_reason(subject: Subject) -> None:
    """Postgres was away when it was changed: the book shows no trigger any more."""
    resting = await subject.resting()
    await subject.stops.begin_exit(subject.key, ExitAim.SELL, reason=Reason.STOP)
    await subject.log.saw(resting, replace(seen(resting, 10), order_type="LIMIT"))
    assert (await subject.of(resting)).reason is Reason.STOP


async def test_a_stop_that_was_triggered_while_its_exit_began_sold_by_itself(subject: Subject) -> None:
    resting = await subject.resting()
    await subject.stops.begin_exit(subject.key, ExitAim.SELL, reason=Reason.STOP)
    await subject.log.saw(resting, replace(seen(resting, 10), order_type="SL-M", trigger=Decimal(3400)))
    assert (await subject.of(resting)).reason is Reason.STOPLOSS
