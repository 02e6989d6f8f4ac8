"""The order log on a real Postgres: an intent is sent once, and what is known of it only grows."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.orders import PostgresOrderLog
from domain.errors import IllegalMove
from domain.order import Leg, OrderStatus, Reason
from domain.outcome import Accepted, Cause, Denied, PlaceOutcome, Rejected, Unknown
from domain.ports import Claimed, NotClaimed
from tests.store_rows import TERMS, Desk, just_now, seen


@pytest.fixture
async def desk(store: Store) -> Desk:
    made = await Desk.made(store)
    await made.runs.activate(made.start())
    return made


async def test_an_intent_is_written_once_when_planned_by_many(desk: Desk) -> None:
    due = just_now()
    planned = await asyncio.gather(*(desk.log.plan(desk.key(), TERMS, 1, due) for _ in range(20)))
    assert {attempt.order_id for attempt in planned} == {(await desk.orders())[0].order_id}
    assert len(await desk.orders()) == 1
    assert planned[0].tag == desk.key().tag(1)


async def test_one_of_twenty_wins_when_all_claim_at_once(desk: Desk, database: str) -> None:
    planned = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    stores = [Store.open(database, pool_size=1) for _ in range(20)]
    claims = await asyncio.gather(
        *(PostgresOrderLog(one).claim(planned, 10, Reason.BUY, just_now(), None) for one in stores)
    )
    await asyncio.gather(*(one.close() for one in stores))
    won = [claim for claim in claims if isinstance(claim, Claimed)]
    assert len(won) == 1
    assert all(claim.attempt == won[0].attempt for claim in claims)
    assert won[0].attempt.status is OrderStatus.SENT
    assert won[0].attempt.send_before == won[0].now + timedelta(seconds=2)
    assert await desk.log.leg(desk.key()) == [won[0].attempt]


async def test_one_wins_when_one_process_claims_an_intent_many_times(desk: Desk) -> None:
    planned = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    claims = await asyncio.gather(
        *(desk.log.claim(planned, 10, Reason.BUY, just_now(), None) for _ in range(50))
    )
    assert sum(isinstance(claim, Claimed) for claim in claims) == 1


async def test_many_strategies_each_win_when_claimed_in_one_group(store: Store) -> None:
    desks = [await Desk.started(store) for _ in range(60)]
    log = desks[0].log
    planned = await asyncio.gather(*(log.plan(one.key(), TERMS, 1, just_now()) for one in desks))
    claims = await asyncio.gather(
        *(log.claim(one, 7, Reason.BUY, just_now(), None) for one in planned for _ in range(2))
    )
    won = [claim.attempt.order_id for claim in claims if isinstance(claim, Claimed)]
    assert sorted(won) == sorted(one.order_id for one in planned)


async def test_a_claim_waits_for_a_locked_row_when_others_of_its_group_go_on(store: Store) -> None:
    one, other = await Desk.started(store), await Desk.started(store)
    held = await one.log.plan(one.key(), TERMS, 1, just_now())
    free = await one.log.plan(other.key(), TERMS, 1, just_now())
    async with store.work() as session:
        await session.execute(
            text("SELECT 1 FROM orders WHERE order_id = :id FOR UPDATE"), {"id": held.order_id}
        )
        first = asyncio.gather(*(one.log.claim(free, 1, Reason.BUY, just_now(), None) for _ in range(3)))
        waiting = asyncio.create_task(one.log.claim(held, 1, Reason.BUY, just_now(), None))
        assert any(isinstance(claim, Claimed) for claim in await first)
        assert not waiting.done()
    assert isinstance(await waiting, Claimed)


async def test_a_claim_is_refused_when_it_is_too_late(desk: Desk) -> None:
    due = just_now() - timedelta(seconds=6)
    planned = await desk.log.plan(desk.key(), TERMS, 1, due)
    claim = await desk.log.claim(planned, 10, Reason.BUY, due, due + timedelta(seconds=5))
    assert isinstance(claim, NotClaimed)
    assert (claim.too_late, claim.too_early) == (True, False)
    assert (await desk.log.leg(desk.key()))[0].status is OrderStatus.PLANNED


async def test_a_claim_is_refused_when_the_workers_clock_is_ahead(desk: Desk) -> None:
    due = just_now() + timedelta(seconds=30)
    planned = await desk.log.plan(desk.key(), TERMS, 1, due)
    claim = await desk.log.claim(planned, 10, Reason.BUY, due, due + timedelta(seconds=5))
    assert isinstance(claim, NotClaimed)
    assert (claim.too_late, claim.too_early) == (False, True)


async def test_a_denied_intent_is_never_claimed(desk: Desk) -> None:
    planned = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    denied = await desk.log.deny(planned, "the price is at the stop")
    claim = await desk.log.claim(planned, 10, Reason.BUY, just_now(), None)
    assert denied.status is OrderStatus.NOT_PLACED
    assert isinstance(claim, NotClaimed)


@pytest.mark.parametrize(
    ("outcome", "status", "kind"),
    [
        (Accepted("1001"), OrderStatus.OPEN, "order_accepted"),
        (Rejected(Cause.FINAL, "no margin"), OrderStatus.REJECTED, "order_rejected"),
        (Rejected(Cause.TRY_AGAIN, "too many"), OrderStatus.NOT_PLACED, "order_not_placed"),
        (Rejected(Cause.LOGIN, "token"), OrderStatus.NOT_PLACED, "order_not_placed"),
        (Denied("expired"), OrderStatus.NOT_PLACED, "order_not_placed"),
        (Unknown("timed out"), OrderStatus.SENT, "order_unknown"),
    ],
)
async def test_an_answer_is_written_once_when_repeated(
    desk: Desk, outcome: PlaceOutcome, status: OrderStatus, kind: str
) -> None:
    sent = await desk.sent(desk.key())
    answered = await desk.log.answer(sent, outcome)
    after_one = await desk.everything()
    assert await desk.log.answer(sent, outcome) == answered
    assert answered.status is status
    assert await desk.everything() == after_one
    assert (await desk.kinds()).count(kind) == 1


async def test_nothing_is_bought_when_an_entry_is_only_accepted(desk: Desk) -> None:
    sent = await desk.sent(desk.key())
    await desk.log.answer(sent, Accepted("1001"))
    row = await desk.row()
    assert (row.position, row.bought_quantity) == ("none", 0)


async def test_the_order_book_stands_when_a_refusal_comes_after_it(desk: Desk) -> None:
    sent = await desk.sent(desk.key())
    await desk.log.saw(sent, seen(sent, 10))
    answered = await desk.log.answer(sent, Rejected(Cause.TRY_AGAIN, "timed out"))
    assert answered.status is OrderStatus.COMPLETE
    assert (await desk.row()).position == "bought"


async def test_an_order_is_adopted_when_it_turns_up_after_a_refusal(desk: Desk) -> None:
    sent = await desk.sent(desk.key())
    await desk.log.answer(sent, Rejected(Cause.TRY_AGAIN, "Order request timed out"))
    found = await desk.log.saw(sent, seen(sent, 10))
    assert found.status is OrderStatus.COMPLETE
    assert "order_found" in await desk.kinds()
    assert (await desk.row()).bought_quantity == 10


async def test_the_first_fill_is_one_transaction_when_an_entry_fills(desk: Desk) -> None:
    attempt = await desk.accepted(desk.key())
    filled = await desk.log.saw(attempt, seen(attempt, 4, "3501.25"))
    row, (exit_,) = await desk.row(), await desk.log.leg(desk.key(Leg.EXIT))
    assert (row.position, row.bought_quantity, row.entry_price) == ("bought", 4, Decimal("3501.25"))
    assert (exit_.attempt, exit_.status, exit_.tag) == (1, OrderStatus.PLANNED, desk.key(Leg.EXIT).tag(1))
    (line,) = [line for line in await desk.lines() if line.kind == "bought"]
    assert line.text.startswith("Bought 4 TCS at 3501.25 (asked 10), ")
    assert filled.status is OrderStatus.OPEN


async def test_fills_only_grow_when_rows_come_late_and_twice(desk: Desk) -> None:
    attempt = await desk.accepted(desk.key())
    complete = await desk.log.saw(attempt, seen(attempt, 10, "3502"))
    after = await desk.everything()
    for filled in (10, 4, 0):
        late = seen(attempt, filled, "3000", OrderStatus.OPEN)
        assert await desk.log.saw(attempt, late) == complete
    assert await desk.everything() == after


async def test_the_cancelled_part_keeps_its_fills_when_the_last_row_shows_fewer(desk: Desk) -> None:
    attempt = await desk.accepted(desk.key())
    await desk.log.saw(attempt, seen(attempt, 6))
    ended = await desk.log.saw(attempt, seen(attempt, 4, status=OrderStatus.CANCELLED))
    assert (ended.status, ended.filled_quantity) == (OrderStatus.CANCELLED, 6)
    assert "order_cancelled" in await desk.kinds()


async def test_a_second_order_under_one_tag_is_said_and_not_counted(desk: Desk) -> None:
    attempt = await desk.accepted(desk.key())
    await desk.log.saw(attempt, seen(attempt, 4))
    other = await desk.log.saw(attempt, seen(attempt, 10, broker_order_id="1002"))
    assert (other.broker_order_id, other.filled_quantity) == ("1001", 4)
    assert (await desk.kinds()).count("order_twice") == 1


async def test_an_exit_is_sold_when_all_its_attempts_have_filled(desk: Desk) -> None:
    await desk.bought(10, "3500")
    key = desk.key(Leg.EXIT)
    (planned,) = await desk.log.leg(key)
    first = await desk.sent(key)
    assert first.order_id == planned.order_id
    await desk.log.saw(first, seen(first, 4, "3600", OrderStatus.CANCELLED, "2001"))
    assert (await desk.row()).position == "bought"
    second = await desk.log.supersede(
        (await desk.log.leg(key))[0], TERMS, absent=False, message="", due_at=just_now()
    )
    assert second.attempt == 2
    second = await desk.sent(key, attempt=2, quantity=6)
    await desk.log.saw(second, seen(second, 6, "3700", broker_order_id="2002"))
    row = await desk.row()
    assert (row.position, row.sold_quantity, row.exit_price) == ("sold", 10, Decimal(3660))
    assert (await desk.kinds()).count("sold") == 2


async def test_the_next_attempt_exists_only_with_the_proof_when_an_exit_is_sent_again(desk: Desk) -> None:
    sent = await desk.sent(desk.key(Leg.EXIT))
    nexts = await asyncio.gather(
        *(desk.log.supersede(sent, TERMS, absent=True, message="gone", due_at=just_now()) for _ in range(9))
    )
    first, second = await desk.log.leg(desk.key(Leg.EXIT))
    assert first.status is OrderStatus.ABSENT
    assert second.status is OrderStatus.PLANNED
    assert {attempt.order_id for attempt in nexts} == {second.order_id}


async def test_a_sent_attempt_is_closed_when_the_next_one_exists_already(desk: Desk) -> None:
    # What was sent while Postgres was away is written down later, several attempts at once.
    sent = await desk.sent(desk.key(Leg.EXIT))
    await desk.log.plan(desk.key(Leg.EXIT), TERMS, 2, just_now())
    await desk.log.supersede(sent, TERMS, absent=True, message="gone", due_at=just_now())
    first, second = await desk.log.leg(desk.key(Leg.EXIT))
    assert (first.status, second.status) == (OrderStatus.ABSENT, OrderStatus.PLANNED)


async def test_no_next_attempt_is_planned_when_the_one_before_has_turned_up(desk: Desk) -> None:
    sent = await desk.sent(desk.key(Leg.EXIT))
    await desk.log.saw(sent, seen(sent, 0, broker_order_id="2001"))
    told = await desk.log.supersede(sent, TERMS, absent=True, message="gone", due_at=just_now())
    assert (told.attempt, told.status) == (1, OrderStatus.OPEN)
    assert len(await desk.log.leg(desk.key(Leg.EXIT))) == 1


async def test_a_row_is_filled_in_and_never_sent_when_the_order_left_without_a_claim(desk: Desk) -> None:
    planned = await desk.log.plan(desk.key(Leg.EXIT), TERMS, 1, None)
    found = await desk.log.saw(planned, seen(planned, 10, "3600"))
    claim = await desk.log.claim(planned, 10, Reason.SELL, just_now(), None)
    assert (found.status, found.sent_at) == (OrderStatus.COMPLETE, None)
    assert isinstance(claim, NotClaimed)


async def test_looking_up_is_counted_when_nothing_is_found(desk: Desk) -> None:
    sent = await desk.sent(desk.key())
    await desk.log.looked_up(sent, "not in the book yet")
    await desk.log.looked_up(sent, "not in the book yet")
    given_up = await desk.log.give_up(sent, "never seen")
    (row,) = await desk.orders()
    assert (row.look_ups, given_up.status) == (2, OrderStatus.ABSENT)
    assert await desk.log.give_up(sent, "never seen") == given_up


async def test_an_illegal_move_of_one_stops_no_other_when_both_share_a_transaction(store: Store) -> None:
    desks = [await Desk.started(store) for _ in range(10)]
    log = desks[0].log
    sents = [await one.sent(one.key()) for one in desks]
    await log.saw(sents[0], seen(sents[0], 10))
    results = await asyncio.gather(
        *(log.saw(sent, seen(sent, 0, status=OrderStatus.CANCELLED)) for sent in sents),
        return_exceptions=True,
    )
    assert isinstance(results[0], IllegalMove)
    assert all(getattr(one, "status", None) is OrderStatus.CANCELLED for one in results[1:])


async def test_another_users_key_finds_nothing(store: Store) -> None:
    mine, theirs = await Desk.started(store), await Desk.started(store)
    await mine.sent(mine.key())
    key = replace(mine.key(), user_id=theirs.strategy.user_id)
    assert await mine.log.leg(key) == []
    with pytest.raises(LookupError):
        await mine.log.plan(key, TERMS, 2, None)
