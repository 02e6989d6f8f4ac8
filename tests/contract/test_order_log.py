"""What every order log promises: the one in Postgres, the one in memory, and the simulation's."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from adapters.postgres.engine import Store
from domain.order import Attempt, Leg, LegKey, Limit, OrderStatus, Reason
from domain.outcome import Accepted, Cause, Denied, PlaceOutcome, Rejected, Unknown
from domain.ports import Claimed, NotClaimed, OrderLog
from domain.strategy import Outcome
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.simulation.house import Orders
from tests.store_rows import TERMS, TODAY, Desk, seen

SHORT = timedelta(seconds=1)


class Undisturbed:
    """A day of the simulation on which nothing goes wrong."""

    async def storing(self, point: str) -> bool:
        return False

    async def caching(self, point: str) -> None: ...

    def stopped(self) -> None: ...

    def store_now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """An order log, and the entry of a strategy that runs."""

    log: OrderLog
    entry: LegKey
    unwritten: LegKey
    """The entry of a strategy of which no START was written down."""

    async def planned(self, attempt: int = 1) -> Attempt:
        return await self.log.plan(self.entry, TERMS, attempt, now())

    async def claim(
        self, attempt: Attempt, due_at: datetime | None = None, latest: datetime | None = None
    ) -> Claimed | NotClaimed:
        return await self.log.claim(attempt, 10, Reason.BUY, due_at or now(), latest, Decimal(3500))

    async def sent(self) -> Attempt:
        claim = await self.claim(await self.planned())
        assert isinstance(claim, Claimed)
        return claim.attempt

    async def now_of(self, attempt: Attempt) -> Attempt:
        return next(row for row in await self.log.leg(attempt.key) if row.attempt == attempt.attempt)


def now() -> datetime:
    return datetime.now(UTC)


def a_leg(day: date = TODAY) -> LegKey:
    return LegKey(uuid4(), uuid4(), day, 1, Leg.ENTRY)


@pytest.fixture
def in_memory() -> Subject:
    return in_rows(MemoryOrderLog(ManualClock(now())))


@pytest.fixture
def in_the_simulation() -> Subject:
    return in_rows(Orders(Undisturbed()))


def in_rows(log: MemoryOrderLog) -> Subject:
    unwritten = a_leg()
    log.table.unwritten.add(unwritten.strategy_id)
    return Subject(log, a_leg(), unwritten)


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    desk = await Desk.started(store)
    return Subject(desk.log, desk.key(), (await Desk.made(store)).key())


@pytest.fixture(params=["in_memory", "in_the_simulation", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_an_intent_is_written_once(subject: Subject) -> None:
    first = await subject.planned()
    again = await subject.log.plan(subject.entry, TERMS, 1, now() + timedelta(hours=1))
    assert again == first
    assert (first.status, first.tag) == (OrderStatus.PLANNED, subject.entry.tag(1))
    assert list(await subject.log.leg(subject.entry)) == [first]


async def test_a_leg_is_its_attempts_oldest_first(subject: Subject) -> None:
    await subject.planned(2)
    await subject.planned(1)
    assert [row.attempt for row in await subject.log.leg(subject.entry)] == [1, 2]
    assert list(await subject.log.leg(replace(subject.entry, round=2))) == []


async def test_the_right_to_send_is_had_once(subject: Subject) -> None:
    planned = await subject.planned()
    due_at = now() + SHORT
    first = await subject.claim(planned, due_at)
    assert isinstance(first, Claimed)
    attempt = first.attempt
    assert (attempt.status, attempt.quantity, attempt.reason) == (OrderStatus.SENT, 10, Reason.BUY)
    assert attempt.sent_at == attempt.due_at == due_at
    assert attempt.send_before is not None
    assert timedelta(0) < attempt.send_before - first.now <= timedelta(seconds=2)
    second = await subject.claim(planned)
    assert isinstance(second, NotClaimed)
    assert second == NotClaimed(attempt, second.now)


async def test_an_entry_without_a_written_start_is_barred_as_foreign_and_its_sale_is_not(
    subject: Subject,
) -> None:
    bought = await subject.log.plan(subject.unwritten, TERMS, 1, now())
    refused = await subject.claim(bought)
    assert isinstance(refused, NotClaimed)
    assert refused.foreign
    assert refused.barred
    assert (await subject.log.leg(subject.unwritten))[0].status is OrderStatus.PLANNED
    sale = await subject.log.plan(replace(subject.unwritten, leg=Leg.EXIT), TERMS, 1, now())
    assert isinstance(await subject.log.claim(sale, 10, Reason.SELL, now(), None), Claimed)


async def test_an_entry_is_not_sent_after_its_last_instant(subject: Subject) -> None:
    planned = await subject.planned()
    refused = await subject.claim(planned, now() - 2 * SHORT, latest=now() - SHORT)
    assert isinstance(refused, NotClaimed)
    assert refused.too_late
    assert await subject.now_of(planned) == planned


async def test_an_order_is_not_sent_more_than_two_seconds_early(subject: Subject) -> None:
    planned = await subject.planned()
    refused = await subject.claim(planned, now() + timedelta(seconds=30))
    assert isinstance(refused, NotClaimed)
    assert refused.too_early
    assert await subject.now_of(planned) == planned


async def test_a_denied_intent_is_never_sent_and_keeps_its_first_verdict(subject: Subject) -> None:
    planned = await subject.planned()
    denied = await subject.log.deny(planned, "no price")
    assert (denied.status, denied.message, denied.verdict) == (OrderStatus.NOT_PLACED, "no price", None)
    denied = await subject.log.deny(planned, "missed", Outcome.MISSED)
    assert (denied.message, denied.verdict) == ("no price", Outcome.MISSED)
    assert (await subject.log.deny(planned, "stopped", Outcome.STOPPED)).verdict is Outcome.MISSED
    assert isinstance(await subject.claim(planned), NotClaimed)


async def test_nothing_follows_the_newest_attempt_of_a_leg_that_is_closed(subject: Subject) -> None:
    sent = await subject.sent()
    (closed,) = await subject.log.close(sent.key, "stopped", Outcome.STOPPED)
    assert closed == replace(sent, verdict=Outcome.STOPPED)
    (again,) = await subject.log.close(sent.key, "stopped", Outcome.MISSED)
    assert again.verdict is Outcome.STOPPED


async def test_an_intent_that_was_not_sent_is_denied_when_its_leg_is_closed(subject: Subject) -> None:
    planned = await subject.planned()
    (closed,) = await subject.log.close(planned.key, "stopped", Outcome.STOPPED)
    assert (closed.status, closed.verdict) == (OrderStatus.NOT_PLACED, Outcome.STOPPED)
    assert isinstance(await subject.claim(planned), NotClaimed)


async def test_what_was_sent_is_not_denied(subject: Subject) -> None:
    sent = await subject.sent()
    assert await subject.log.deny(sent, "too late", Outcome.MISSED) == sent


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Accepted("1001"), OrderStatus.OPEN),
        (Rejected(Cause.FINAL, "no funds"), OrderStatus.REJECTED),
        (Rejected(Cause.TRY_AGAIN, "too many requests"), OrderStatus.NOT_PLACED),
        (Denied("nothing left"), OrderStatus.NOT_PLACED),
        (Unknown("timeout"), OrderStatus.SENT),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, OrderStatus) else value.value,
)
async def test_an_answer_says_what_became_of_the_order(
    subject: Subject, outcome: PlaceOutcome, status: OrderStatus
) -> None:
    sent = await subject.sent()
    answered = await subject.log.answer(sent, outcome)
    assert answered.status is status
    assert answered.message == ("" if isinstance(outcome, Accepted) else outcome.message)
    assert await subject.log.answer(sent, outcome) == answered


async def test_an_acceptance_takes_the_words_of_a_doubt_back(subject: Subject) -> None:
    sent = await subject.sent()
    await subject.log.answer(sent, Unknown("timeout"))
    assert (await subject.log.answer(sent, Accepted("1001"))).message == ""


async def test_the_order_book_outranks_a_later_refusal(subject: Subject) -> None:
    sent = await subject.sent()
    open_ = await subject.log.saw(sent, seen(sent, 0))
    assert await subject.log.answer(sent, Rejected(Cause.FINAL, "no")) == open_


async def test_a_refusal_keeps_its_words_though_the_order_was_looked_for_meanwhile(subject: Subject) -> None:
    sent = await subject.sent()
    refused = await subject.log.answer(sent, Rejected(Cause.FINAL, "authorise the sale"))
    await subject.log.looked_up(sent, "not in the order book yet")
    assert await subject.log.leg(sent.key) == [refused]
    assert refused.message == "authorise the sale"


async def test_an_order_taken_for_absent_is_adopted_when_its_number_comes(subject: Subject) -> None:
    sent = await subject.sent()
    absent = await subject.log.give_up(sent, "its horizon has passed")
    assert (absent.status, absent.message) == (OrderStatus.ABSENT, "its horizon has passed")
    adopted = await subject.log.answer(sent, Accepted("1001"))
    assert (adopted.status, adopted.broker_order_id) == (OrderStatus.OPEN, "1001")


async def test_an_order_that_turned_up_is_not_given_up(subject: Subject) -> None:
    sent = await subject.sent()
    open_ = await subject.log.saw(sent, seen(sent, 0))
    assert await subject.log.give_up(sent, "its horizon has passed") == open_


async def test_fills_only_grow(subject: Subject) -> None:
    sent = await subject.sent()
    await subject.log.saw(sent, seen(sent, 6))
    fewer = await subject.log.saw(sent, seen(sent, 4, "1"))
    assert (fewer.filled_quantity, fewer.average_price) == (6, Decimal("3501.25"))
    cancelled = await subject.log.saw(
        sent, seen(sent, 5, "1", OrderStatus.CANCELLED, message="by the exchange")
    )
    assert (cancelled.status, cancelled.filled_quantity) == (OrderStatus.CANCELLED, 6)
    assert cancelled.message == "by the exchange"


async def test_a_price_that_comes_after_its_fill_is_written(subject: Subject) -> None:
    sent = await subject.sent()
    assert (await subject.log.saw(sent, seen(sent, 10, None))).average_price is None
    assert (await subject.log.saw(sent, seen(sent, 10))).average_price == Decimal("3501.25")


async def test_a_row_without_a_number_is_followed_by_its_tag_and_takes_no_number_away(
    subject: Subject,
) -> None:
    attempt = await subject.sent()
    nameless = seen(attempt, 4, status=OrderStatus.OPEN, broker_order_id="")
    found = await subject.log.saw(attempt, nameless)
    assert (found.status, found.filled_quantity, found.broker_order_id) == (OrderStatus.OPEN, 4, None)
    named = await subject.log.saw(attempt, seen(attempt, 6, status=OrderStatus.OPEN))
    assert named.broker_order_id == "1001"
    over = await subject.log.saw(named, replace(nameless, filled_quantity=10, status=OrderStatus.COMPLETE))
    assert (over.status, over.filled_quantity, over.broker_order_id) == (OrderStatus.COMPLETE, 10, "1001")


async def test_the_first_share_bought_writes_the_intent_to_sell(subject: Subject) -> None:
    sent, sale = await subject.sent(), replace(subject.entry, leg=Leg.EXIT)
    await subject.log.saw(sent, seen(sent, 0))
    assert list(await subject.log.leg(sale)) == []
    await subject.log.saw(sent, seen(sent, 1))
    await subject.log.saw(sent, seen(sent, 10))
    (exit_,) = await subject.log.leg(sale)
    assert (exit_.status, exit_.attempt) == (OrderStatus.PLANNED, 1)


async def test_a_second_order_under_one_tag_is_not_counted(subject: Subject) -> None:
    sent = await subject.sent()
    first = await subject.log.saw(sent, seen(sent, 5))
    other = seen(sent, 10, broker_order_id="1002")
    assert await subject.log.saw(sent, other) == first
    assert await subject.log.answer(sent, Accepted("1002")) == first


async def test_an_order_sent_without_a_claim_is_filled_in_and_never_sent_again(subject: Subject) -> None:
    planned = await subject.planned()
    filled_in = await subject.log.saw(planned, seen(planned, 10))
    assert (filled_in.status, filled_in.quantity) == (OrderStatus.COMPLETE, 10)
    assert isinstance(await subject.claim(planned), NotClaimed)


@pytest.mark.parametrize(("absent", "status"), [(True, OrderStatus.ABSENT), (False, OrderStatus.NOT_PLACED)])
async def test_the_next_attempt_closes_the_one_in_doubt(
    subject: Subject, absent: bool, status: OrderStatus
) -> None:
    sent = await subject.sent()
    following = await subject.log.supersede(sent, TERMS, absent=absent, message="looked", due_at=now())
    assert (following.attempt, following.status) == (2, OrderStatus.PLANNED)
    closed = await subject.now_of(sent)
    assert (closed.status, closed.message) == (status, "looked")
    again = await subject.log.supersede(sent, TERMS, absent=absent, message="again", due_at=now())
    assert again == following


async def test_no_attempt_follows_one_that_turned_up(subject: Subject) -> None:
    sent = await subject.sent()
    open_ = await subject.log.saw(sent, seen(sent, 0))
    answer = await subject.log.supersede(sent, TERMS, absent=True, message="looked", due_at=now())
    assert answer == open_
    assert len(await subject.log.leg(subject.entry)) == 1


async def test_a_look_that_found_nothing_leaves_its_words(subject: Subject) -> None:
    sent = await subject.sent()
    await subject.log.looked_up(sent, "not in the order book")
    row = await subject.now_of(sent)
    assert (row.status, row.message) == (OrderStatus.SENT, "not in the order book")


LIMIT = Limit(Decimal(101), Decimal(105))


async def resting(subject: Subject) -> Attempt:
    """Return a LIMIT order of the entry that the broker has taken."""
    planned = await subject.planned()
    claim = await subject.log.claim(planned, 10, Reason.BUY, now(), None, LIMIT.ceiling, LIMIT)
    assert isinstance(claim, Claimed)
    assert claim.attempt.limit == LIMIT
    return await subject.log.answer(claim.attempt, Accepted("1001"))


async def test_a_change_of_price_is_written_down_once_before_it_is_asked_for(subject: Subject) -> None:
    order = await resting(subject)
    assert (order.limit, order.move) == (LIMIT, None)
    assert await subject.log.move(order, Decimal(103))
    assert not await subject.log.move(order, Decimal(104)), "another caller has asked since it was read"
    changed = await subject.now_of(order)
    assert changed.move is not None
    assert (changed.move.number, changed.move.price) == (1, Decimal(103))
    assert changed.limit == LIMIT, "the order book does not show it yet"


async def test_no_change_passes_the_ceiling(subject: Subject) -> None:
    order = await resting(subject)
    assert not await subject.log.move(order, Decimal("105.05"))
    assert await subject.log.move(order, Decimal(105))


async def test_the_price_of_an_order_is_what_the_order_book_shows(subject: Subject) -> None:
    order = await resting(subject)
    await subject.log.move(order, Decimal(103))
    row = replace(seen(order, 0, None), order_type="LIMIT", price=Decimal(103), status=OrderStatus.OPEN)
    shown = await subject.log.saw(order, row)
    assert shown.limit == replace(LIMIT, price=Decimal(103))


async def test_a_change_counts_as_made_once_the_order_book_shows_its_price(subject: Subject) -> None:
    order = await resting(subject)
    counted: list[tuple[int, int]] = []
    looks = (("102", "101"), ("103", "101"), ("103", "103"), (None, "103"), ("105", "103"))
    for asked, shows in looks:
        if asked is not None:
            assert await subject.log.move(order, Decimal(asked))
        row = replace(seen(order, 0, None), order_type="LIMIT", price=Decimal(shows), status=OrderStatus.OPEN)
        order = await subject.log.saw(order, row)
        assert order.move is not None
        counted.append((order.move.number, order.move.made))
    assert counted == [(1, 0), (2, 0), (3, 1), (3, 1), (4, 1)], "those that were lost never count"


async def test_an_order_that_is_over_is_not_changed(subject: Subject) -> None:
    order = await resting(subject)
    over = await subject.log.saw(order, seen(order, 10, "101"))
    assert not await subject.log.move(over, Decimal(103))


async def test_a_line_is_written_once_and_its_writer_knows(subject: Subject) -> None:
    key = (await resting(subject)).key
    assert [await subject.log.say(key, "waiting", text, "overdue") for text in ("a", "b")] == [True, False]
