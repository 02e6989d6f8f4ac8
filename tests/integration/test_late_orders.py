"""Orders that turn up when no run follows them any more, on a real Postgres with a broker in memory."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.operator import positions
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.process.clock import SystemClock
from domain.errors import Unavailable
from domain.order import Attempt, BrokerOrder, Leg, OrderStatus, Reason
from domain.run import Adoption, FinishRun
from domain.session import exchange_time
from domain.strategy import Outcome, Position
from execution.late_orders import LateOrders
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.open_runs import MemoryOpenRuns
from tests.store_rows import TERMS, Desk, just_now, seen

TODAY = exchange_time(just_now()).date()


@dataclass
class Late:
    """One strategy of today, its broker, and rounds of looking for its orders."""

    desk: Desk
    broker: MemoryBroker
    told: MemoryAlerts
    runs: MemoryOpenRuns
    away: list[str] = field(default_factory=list)

    async def round(self) -> dict[Leg, list[Any]]:
        doubtful = await PostgresReconciliation(self.desk.store).doubtful_orders()
        brokers = MemoryBrokers(self.broker, connected=TERMS.account)
        late = LateOrders(self.runs, self.desk.log, brokers, self.told)
        return await late.look_for(doubtful, self.away)

    def shows(self, attempt: Attempt, filled: int, status: OrderStatus | None = None) -> BrokerOrder:
        row = seen(attempt, filled, status=status, broker_order_id=str(7000 + len(self.broker.book)))
        self.broker.book.append(row)
        return row

    async def order(self, attempt: Attempt) -> Any:
        return next(row for row in await self.desk.orders() if row.order_id == attempt.order_id)


@pytest.fixture
async def late(store: Store) -> Late:
    clock = SystemClock()
    return Late(await Desk.made(store), MemoryBroker(clock), MemoryAlerts(), MemoryOpenRuns(clock))


async def started(late: Late) -> FinishRun:
    """START the strategy today, hours before the close; return how it ends."""
    start = late.desk.start(TODAY)
    plan = replace(start.start.plan, closes_at=just_now() + timedelta(hours=1))
    start = replace(start, start=replace(start.start, plan=plan))
    await late.desk.runs.activate(start)
    return late.desk.end(start, Outcome.SOLD, Position.SOLD)


async def sold_at_the_second_attempt(late: Late) -> Attempt:
    """Return the first sale of a day: given up, because neither book showed it; the second one sold all."""
    desk = late.desk
    end = await started(late)
    entry = await desk.accepted(desk.key(day=TODAY), "1001")
    await desk.log.saw(entry, seen(entry, 10))
    key = desk.key(Leg.EXIT, day=TODAY)
    first = await desk.log.leg(key)
    lost = await claimed(desk, first[0])
    second = await desk.log.supersede(lost, TERMS, absent=True, message="in no book", due_at=just_now())
    sale = await claimed(desk, second)
    await desk.log.saw(sale, seen(sale, 10, "3600", broker_order_id="1002"))
    await desk.runs.finish(end)
    return (await desk.log.leg(key))[0]


async def claimed(desk: Desk, attempt: Attempt) -> Attempt:
    await desk.log.claim(attempt, 10, Reason.SELL, just_now(), None)
    return (await desk.log.leg(attempt.key))[attempt.attempt - 1]


async def test_a_sale_that_was_given_up_and_rejected_gets_its_end_and_alarms_nobody(late: Late) -> None:
    lost = await sold_at_the_second_attempt(late)
    assert lost.status is OrderStatus.ABSENT
    assert await late.round() == {Leg.ENTRY: [], Leg.EXIT: []}  # not there yet
    late.shows(lost, 0, OrderStatus.REJECTED)
    assert (await late.round())[Leg.EXIT] == [late.desk.strategy.strategy_id]
    row = await late.order(lost)
    assert (row.status, row.broker_order_id, row.filled_quantity) == ("rejected", "7000", 0)
    assert late.told.raised == []
    assert (await late.round())[Leg.EXIT] == []


async def test_a_sale_that_was_given_up_and_rests_is_cancelled_before_it_sells(late: Late) -> None:
    lost = await sold_at_the_second_attempt(late)
    late.shows(lost, 0)
    await late.round()
    assert late.broker.book[0].status is OrderStatus.CANCELLED
    await late.round()
    assert (await late.order(lost)).status == "cancelled"
    assert (await late.desk.row()).sold_quantity == 10
    assert late.told.raised == []


async def test_shares_that_were_sold_twice_are_counted_told_and_listed(late: Late) -> None:
    lost = await sold_at_the_second_attempt(late)
    late.shows(lost, 4)
    await late.round()
    (alarm,) = late.told.raised
    assert (alarm.kind, alarm.data["quantity"], alarm.data["surplus"]) == ("late_exit", "4", "4")
    assert "4 more than were bought" in alarm.text
    (listed,) = [one for one in await positions(late.desk.store) if one.kind == "sold_twice"]
    assert (listed.quantity, "buy back" in listed.what_to_do) == (-4, True)
    await late.round()  # what was open of it is cancelled: nothing new to tell
    assert (await late.order(lost)).status == "cancelled"
    assert len(late.told.raised) == 1


async def test_a_sale_that_turns_up_for_shares_still_held_is_not_called_a_surplus(late: Late) -> None:
    desk = late.desk
    end = await started(late)
    entry = await desk.accepted(desk.key(day=TODAY), "1001")
    await desk.log.saw(entry, seen(entry, 10))
    sale = await claimed(desk, (await desk.log.leg(desk.key(Leg.EXIT, day=TODAY)))[0])
    await desk.log.give_up(sale, "in no book")
    await desk.runs.finish(replace(end, outcome=Outcome.KEPT, position=Position.BOUGHT))
    late.shows(sale, 10)
    await late.round()
    (alarm,) = late.told.raised
    assert (alarm.data["quantity"], alarm.data["surplus"]) == ("10", "0")
    assert (await desk.row()).position == "sold"
    assert await positions(desk.store) == []


async def test_what_was_sold_is_told_again_by_whoever_comes_after_a_crash(
    late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = await sold_at_the_second_attempt(late)
    late.shows(lost, 10)

    async def dies(*_: object) -> Attempt:
        raise Unavailable("Postgres went away in this very moment")

    with monkeypatch.context() as patched:
        patched.setattr(late.desk.log, "saw", dies)
        await late.round()
    await late.round()
    assert len(late.told.raised) == 2
    assert (await late.order(lost)).status == "complete"


async def test_a_sale_of_an_earlier_start_is_called_back_while_a_new_one_runs(late: Late) -> None:
    lost = await sold_at_the_second_attempt(late)
    await started(late)
    late.shows(lost, 0)
    await late.round()
    assert late.broker.book[0].status is OrderStatus.CANCELLED


async def test_a_sale_that_its_run_follows_is_left_to_it(late: Late) -> None:
    desk = late.desk
    await started(late)
    entry = await desk.accepted(desk.key(day=TODAY), "1001")
    await desk.log.saw(entry, seen(entry, 10))
    sale = await claimed(desk, (await desk.log.leg(desk.key(Leg.EXIT, day=TODAY)))[0])
    late.shows(sale, 0)
    assert (await late.round())[Leg.EXIT] == []
    assert late.broker.book[0].status is OrderStatus.OPEN


async def test_an_entry_is_told_of_once_temporal_has_taken_its_run(late: Late) -> None:
    desk = late.desk
    end = await started(late)
    sent = await desk.sent(desk.key(day=TODAY))
    await desk.log.give_up(sent, "in no book for 120 s")
    await desk.runs.finish(replace(end, outcome=Outcome.ORDER_FAILED, position=Position.NONE))
    late.shows(sent, 10)
    late.runs.away = True
    for _ in range(3):
        await late.round()
    assert late.told.raised == []
    late.runs.away = False
    assert (await late.round())[Leg.ENTRY] == [desk.strategy.strategy_id]
    assert [alarm.kind for alarm in late.told.raised] == ["late_entry"]
    (adopted,) = late.runs.adopted
    assert adopted.adopted is Adoption.LATE_ENTRY
    assert (await desk.row()).entry_price == Decimal("3501.25")
