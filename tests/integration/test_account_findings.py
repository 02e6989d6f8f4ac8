"""What readings of an account leave in a real Postgres: baselines, differences, warnings, numbers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from adapters.postgres.account_reads import PostgresAccountReads
from adapters.postgres.engine import Store
from adapters.postgres.operator import positions
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.tables import StrategyRow
from adapters.postgres.watchers import Watchers
from domain.account_state import Claim, Finding, WaitingEntry
from domain.account_watch import EVERY
from domain.order import Leg, OrderTerms, Reason
from domain.ports import ReadTurn
from domain.run import ActivateRun, EnterOrder, ExitOrder
from domain.strategy import Outcome, Phase, Position, Product
from tests.store_rows import Desk, just_now, seen

LIMIT = 1000
TERMS = OrderTerms("NSE", "TCS", Product.CNC)


@pytest.fixture
async def desk(store: Store) -> Desk:
    made = await Desk.made(store)
    await made.runs.activate(made.start())
    return made


@pytest.fixture
def reads(store: Store) -> PostgresAccountReads:
    return PostgresAccountReads(store)


def turn_of(desk: Desk) -> ReadTurn:
    return ReadTurn(desk.strategy.user_id, "", 0, 0)


async def claim_of(reads: PostgresAccountReads, desk: Desk) -> Claim:
    claims = (await reads.state(turn_of(desk))).claims
    return next(one for one in claims if one.strategy_id == desk.strategy.strategy_id)


async def change(desk: Desk, **values: object) -> None:
    async with desk.store.work() as session:
        row = update(StrategyRow).where(StrategyRow.strategy_id == desk.strategy.strategy_id)
        await session.execute(row.values(**values))


async def earlier(store: Store, seconds: float) -> None:
    """Let the last reading have been so long ago, and the next be as far ahead."""
    words = "UPDATE account_reads SET tried_at = tried_at - CAST(:time AS interval)"
    async with store.work() as session:
        await session.execute(text(words), {"time": timedelta(seconds=seconds)})


async def sold(desk: Desk, quantity: int = 10) -> None:
    sale = await desk.accepted(desk.key(Leg.EXIT), "2001", quantity)
    await desk.log.saw(sale, seen(sale, quantity, broker_order_id="2001"))


async def newest_start(desk: Desk) -> ActivateRun:
    row = await desk.row()
    assert row.start_id is not None
    start = desk.start()
    return replace(start, ref=replace(start.ref, start_id=row.start_id))


async def test_the_users_own_shares_are_stored_before_the_purchase_and_never_after(
    desk: Desk, reads: PostgresAccountReads
) -> None:
    entry = WaitingEntry(desk.key(), TERMS)
    assert (await desk.log.other_claims(desk.key(Leg.EXIT))).baseline is None
    await reads.note_baseline(entry, 7, 3)
    claims = await desk.log.other_claims(desk.key(Leg.EXIT))
    assert (claims.baseline, claims.holdings) == (7, 3)
    await reads.note_baseline(entry, 8, 3)
    assert (await desk.row()).baseline == 7, "the first reading stands"


async def test_a_purchase_that_was_sent_gets_no_baseline(desk: Desk, reads: PostgresAccountReads) -> None:
    await desk.accepted(desk.key(), "1001")
    await reads.note_baseline(WaitingEntry(desk.key(), TERMS), 17, 0)
    assert (await desk.row()).baseline is None


async def test_the_baseline_of_an_older_start_is_not_written_on_a_newer_one(
    desk: Desk, reads: PostgresAccountReads
) -> None:
    await reads.note_baseline(WaitingEntry(desk.key(round_=9), TERMS), 7, 0)
    assert (await desk.row()).baseline is None


async def test_a_new_start_forgets_what_the_account_showed(desk: Desk, reads: PostgresAccountReads) -> None:
    await reads.note_baseline(WaitingEntry(desk.key(), TERMS), 7, 3)
    await desk.runs.finish(desk.end(await newest_start(desk)))
    await change(desk, oversold_quantity=5, missing_quantity=4, missing_note="gone", unread_since=just_now())
    await desk.runs.activate(desk.start())
    row = await desk.row()
    assert (row.baseline, row.baseline_holdings, row.oversold_quantity) == (None, None, 0)
    assert (row.missing_quantity, row.missing_note, row.unread_since) == (0, None, None)


async def test_a_run_that_only_sells_keeps_the_users_own_shares(
    desk: Desk, reads: PostgresAccountReads
) -> None:
    await reads.note_baseline(WaitingEntry(desk.key(), TERMS), 7, 3)
    await desk.bought()
    await desk.runs.finish(desk.end(await newest_start(desk), Outcome.ORDER_FAILED, Position.BOUGHT))
    await desk.runs.activate(desk.start(sell_only=True))
    row = await desk.row()
    assert (row.baseline, row.baseline_holdings) == (7, None), "holdings of an earlier day are read anew"


async def test_a_run_whose_shares_are_found_gone_is_told_as_long_as_they_are(
    store: Store, desk: Desk, reads: PostgresAccountReads
) -> None:
    await desk.bought()
    await change(desk, phase=Phase.HOLDING.value)
    rows = PostgresReconciliation(store)

    async def told() -> bool:
        later = just_now() + timedelta(seconds=10)
        return desk.strategy.strategy_id in [one.strategy_id for one in await rows.sold(later)]

    await reads.note(await claim_of(reads, desk), Finding(4))
    assert not await told(), "six are left to sell at their time"
    await reads.note(await claim_of(reads, desk), Finding(10))
    assert await told()
    assert await told(), "again, until the run has ended"
    await change(desk, unread_since=just_now())
    assert not await told(), "it would look in vain"
    await change(desk, unread_since=None)
    await reads.note(await claim_of(reads, desk), Finding())
    assert not await told()


async def test_the_end_of_a_run_ends_its_warning(desk: Desk, reads: PostgresAccountReads) -> None:
    await desk.bought()
    await reads.note(await claim_of(reads, desk), Finding(10))
    assert (await desk.row()).missing_since is not None
    await desk.runs.finish(
        replace(desk.end(await newest_start(desk), Outcome.CLOSED_OUTSIDE, Position.SOLD), outside=10)
    )
    row = await desk.row()
    assert (row.missing_quantity, row.missing_note, row.missing_since) == (0, None, None)
    assert (await reads.state(turn_of(desk))).claims == (), "nothing was sold here: nothing can be short"


async def test_the_positions_list_names_what_is_missing_oversold_and_unread(
    store: Store, desk: Desk, reads: PostgresAccountReads
) -> None:
    await desk.bought()
    await change(desk, sell_at=just_now() + timedelta(hours=1))  # or its run is listed as overdue
    await reads.note(await claim_of(reads, desk), Finding(4))
    (listed,) = await positions(store)
    assert (listed.kind, listed.quantity, listed.symbol) == ("missing", 4, "NSE:TCS")
    assert "shows 6 of the 10" in listed.why
    await change(desk, missing_quantity=0, missing_note=None, unread_since=just_now())
    assert [one.kind for one in await positions(store)] == ["unread"]
    await change(desk, unread_since=None)
    assert await positions(store) == []


async def test_what_was_sold_is_watched_though_the_strategy_was_started_again_at_once(
    store: Store, desk: Desk, reads: PostgresAccountReads
) -> None:
    await desk.bought()
    await sold(desk)
    await desk.runs.finish(desk.end(await newest_start(desk)))
    await desk.runs.activate(desk.start())
    await change(desk, started_at=just_now() - timedelta(seconds=5))
    await reads.note_holders()
    (turn,) = await reads.take(LIMIT)
    (claim,) = (await reads.state(turn)).claims
    assert (claim.held, claim.sold, claim.running) == (0, 10, True)
    await reads.note(claim, Finding(oversold=10))
    assert (await desk.row()).oversold_quantity == 10


async def test_what_was_sold_is_watched_though_the_next_round_was_stopped_before_it_bought(
    store: Store, desk: Desk, reads: PostgresAccountReads
) -> None:
    await desk.bought()
    await sold(desk)
    await desk.runs.finish(desk.end(await newest_start(desk)))
    again = desk.start()
    await desk.runs.activate(again)
    await desk.runs.finish(desk.end(again, Outcome.STOPPED))
    await change(desk, started_at=just_now() - timedelta(seconds=5))
    await reads.note_holders()
    (turn,) = await reads.take(LIMIT)
    (claim,) = (await reads.state(turn)).claims
    assert (claim.held, claim.sold, claim.running) == (0, 10, False)
    await reads.note(claim, Finding(oversold=10))
    assert (await desk.row()).oversold_quantity == 10


async def test_an_account_is_watched_for_two_minutes_after_its_last_sale(
    store: Store, desk: Desk, reads: PostgresAccountReads
) -> None:
    await desk.bought()
    await reads.note_holders()
    (turn,) = await reads.take(LIMIT)
    await reads.was_read(turn, {}, EVERY)
    await earlier(store, 5)
    await sold(desk)
    await desk.runs.finish(desk.end(await newest_start(desk)))
    await reads.note_holders()
    assert await reads.take(LIMIT) == [], "the books may not show the sale yet"
    await change(desk, stopped_at=just_now() - timedelta(seconds=3))
    await reads.note_holders()
    (turn,) = await reads.take(LIMIT)
    (claim,) = (await reads.state(turn)).claims
    assert (claim.held, claim.sold) == (0, 10)
    await reads.note(claim, Finding(oversold=10))
    await change(desk, stopped_at=just_now() - timedelta(seconds=121))
    assert (await reads.state(turn)).claims == (), "of another day"


async def test_a_short_position_is_watched_for_the_rest_of_its_day(
    store: Store, desk: Desk, reads: PostgresAccountReads
) -> None:
    await desk.bought()
    await sold(desk)
    await desk.runs.finish(desk.end(await newest_start(desk)))
    await reads.note(await claim_of(reads, desk), Finding(oversold=10))
    async with store.work() as session:
        today = await session.scalar(text("SELECT date(timezone('Asia/Kolkata', now()))"))
    await change(desk, stopped_at=just_now() - timedelta(hours=1), trading_day=today)
    assert (await claim_of(reads, desk)).noted.oversold == 10
    (listed,) = await positions(store)
    assert (listed.kind, listed.quantity) == ("oversold", 10)


@pytest.mark.parametrize(("due_in", "reads_it"), [(0.3, False), (-0.7, False), (3, True), (-5, True)])
async def test_no_account_is_read_beside_an_order_that_is_due(
    store: Store, desk: Desk, reads: PostgresAccountReads, due_in: float, reads_it: bool
) -> None:
    await desk.bought()
    sale = ExitOrder(desk.key(Leg.EXIT), TERMS, 10, Reason.SELL, just_now() + timedelta(seconds=due_in))
    assert await PostgresScheduledOrderLog(store, store).arm(sale, "a worker")
    await reads.note_holders()
    assert bool(await reads.take(LIMIT)) is reads_it


async def test_entries_of_one_second_are_one_turn(store: Store, reads: PostgresAccountReads) -> None:
    user_id, due_at = uuid4(), just_now() + timedelta(seconds=6)
    for symbol in ("TCS", "INFY", "SBIN"):
        one = await Desk.made(store, symbol, user_id)
        await one.runs.activate(one.start())
        order = EnterOrder(one.key(), OrderTerms("NSE", symbol, Product.CNC), 1, Decimal(1), due_at)
        assert await PostgresScheduledOrderLog(store, store).arm(order, "a worker")
    await reads.note_entries()
    (turn,) = await reads.take(LIMIT)
    assert {entry.terms.symbol for entry in (await reads.state(turn)).entries} == {"TCS", "INFY", "SBIN"}


async def test_orders_under_way_are_seen_in_the_claims_they_concern(
    store: Store, desk: Desk, reads: PostgresAccountReads
) -> None:
    await desk.bought()
    assert not (await claim_of(reads, desk)).in_flight
    other = await Desk.made(store, "INFY", desk.strategy.user_id)
    await other.runs.activate(other.start())
    await desk.sent(desk.key(Leg.EXIT))
    assert (await claim_of(reads, desk)).in_flight


async def test_the_age_of_the_oldest_reading_is_a_number(
    store: Store, desk: Desk, reads: PostgresAccountReads
) -> None:
    watchers = Watchers(store)
    assert await watchers.account_age() is None, "nothing is held: not zero"
    await desk.bought()
    await change(desk, bought_at=just_now() - timedelta(seconds=300))
    age = await watchers.account_age()
    assert age is not None
    assert age > timedelta(seconds=299), "never read: as old as the purchase"
    await reads.note_holders()
    (turn,) = await reads.take(LIMIT)
    await reads.failed(turn, "no answer", {}, EVERY, told=False)
    age = await watchers.account_age()
    assert age is not None
    assert age > timedelta(seconds=299), "a reading that failed is none"
    await reads.was_read(turn, {}, EVERY)
    age = await watchers.account_age()
    assert age is not None
    assert age < timedelta(seconds=60)


async def test_an_account_that_was_unread_is_a_warning_until_it_is_read(
    desk: Desk, reads: PostgresAccountReads
) -> None:
    await desk.bought()
    await reads.note_holders()
    (turn,) = await reads.take(LIMIT)
    await reads.failed(turn, "no answer", {}, EVERY, told=True)
    await reads.note_unread(turn)
    assert (await desk.row()).unread_since is not None
    await reads.was_read(replace(turn, told=True), {}, EVERY)
    assert (await desk.row()).unread_since is None
