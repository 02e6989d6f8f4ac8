"""LIMIT entries and sizes in the store: what a claim lets pass of a START's terms, and what changes cost."""

import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.terms_json import terms_json
from domain.budget import ENTRIES
from domain.entry_price import MOVES
from domain.entry_size import Buying
from domain.order import Limit, Reason
from domain.outcome import Accepted
from domain.ports import Claimed, NotClaimed
from domain.run import EnterOrder
from domain.scheduled_order import ScheduledOrder
from domain.terms import Distance, Entry, EntryKind, Size, SizeBy, Terms, Unit
from tests.integration.test_limits import limit
from tests.store_rows import TERMS, Desk, just_now, seen

TRIES = 6
ONE_SECOND = 0.9
"""Seconds: a little less, since the store counts by its own clock."""
LIMITED = Entry(EntryKind.LIMIT, Decimal(3490))
CHASED = Entry(EntryKind.CHASE, None, Distance(Decimal(1), Unit.POINTS), Distance(Decimal(5), Unit.POINTS))


async def started(store: Store, terms: Terms) -> Desk:
    """Return a strategy of these terms that runs."""
    made = await Desk.made(store)
    quantity = 10 if terms.size is None else None
    await made._set(terms=terms_json(terms), quantity=quantity)
    desk = replace(made, strategy=replace(made.strategy, terms=terms, quantity=quantity))
    await desk.runs.activate(desk.start())
    return desk


async def claimed(
    desk: Desk, limit: str | None, ceiling: str | None = None, quantity: int = 10, price: str = "3500"
) -> Claimed | NotClaimed:
    planned = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    asked = None if limit is None else Limit(Decimal(limit), Decimal(ceiling or limit))
    judged = Decimal(price) if asked is None else asked.ceiling
    return await desk.log.claim(planned, quantity, Reason.BUY, just_now(), None, judged, asked)


@pytest.mark.parametrize(
    ("entry", "limit", "ceiling", "won"),
    [
        (LIMITED, "3490", None, True),
        (LIMITED, "3480", None, True),
        (LIMITED, "3490.05", None, False),
        (LIMITED, None, None, False),
        (CHASED, "3501", "3505", True),
        (CHASED, None, None, False),
        (None, None, None, True),
    ],
)
async def test_an_entry_costs_no_more_than_its_start_says(
    store: Store, entry: Entry | None, limit: str | None, ceiling: str | None, won: bool
) -> None:
    desk = await started(store, Terms(entry=entry))
    assert isinstance(await claimed(desk, limit, ceiling), Claimed) is won


@pytest.mark.parametrize(
    ("size", "quantity", "won"),
    [
        (Size(SizeBy.AMOUNT, Decimal(35000)), 10, True),
        (Size(SizeBy.AMOUNT, Decimal(35000)), 11, False),
        # A share that costs 3500 loses nothing down to its stop of 3500: any number risks so little.
        (Size(SizeBy.RISK, Decimal(500)), 11, True),
    ],
)
async def test_no_more_shares_are_had_than_its_money_pays_for(
    store: Store, size: Size, quantity: int, won: bool
) -> None:
    desk = await started(store, Terms(size=size))
    assert isinstance(await claimed(desk, None, quantity=quantity), Claimed) is won


async def test_a_risk_is_judged_by_the_price_and_the_stop(store: Store) -> None:
    desk = await started(store, Terms(size=Size(SizeBy.RISK, Decimal(500))))
    over = await claimed(desk, None, quantity=6, price="3600")
    assert isinstance(over, NotClaimed)
    assert isinstance(await claimed(desk, None, quantity=5, price="3600"), Claimed)


async def test_changes_of_a_price_count_among_the_accounts_orders(store: Store) -> None:
    counts = [await _taken_beside_a_change(store) for _ in range(TRIES)]
    known = {count for count in counts if count is not None}
    assert known == {ENTRIES.a_second - 2}, "its own order, and a change of it, are two of them"


async def _taken_beside_a_change(store: Store) -> int | None:
    """Return how many more entries one second takes beside an order and a change of it.

    None where it was not one second: orders are counted by the second, and this machine may be slow.
    """
    desk = await started(store, Terms(entry=CHASED))
    other = await Desk.started(store, user_id=desk.strategy.user_id)
    began = time.monotonic()
    claim = await claimed(desk, "3501", "3600")
    assert isinstance(claim, Claimed)
    order = await desk.log.answer(claim.attempt, Accepted("1001"))
    made = 0
    while await desk.log.move(order, Decimal(3502 + made)):
        made += 1
        (order,) = await desk.log.leg(desk.key())
        assert order.move is not None
        assert order.move.number == made
        if made > MOVES:
            break
    assert made > 1, "one order's changes are counted once a second"
    taken = [await _sent(other, number) for number in range(1, ENTRIES.a_second + 1)]
    return taken.count(True) if time.monotonic() - began < ONE_SECOND else None


async def _sent(desk: Desk, number: int) -> bool:
    await desk.in_round(number)
    planned = await desk.log.plan(desk.key(round_=number), TERMS, 1, just_now())
    claim = await desk.log.claim(planned, 10, Reason.BUY, just_now(), None, Decimal(3500))
    return isinstance(claim, Claimed)


@pytest.mark.parametrize(
    "how",
    [
        Buying(),
        Buying(LIMITED, tick=Decimal("0.05")),
        Buying(CHASED, Size(SizeBy.RISK, Decimal("500.5")), Distance(Decimal(1), Unit.PERCENT), None, 75),
    ],
)
async def test_a_worker_that_takes_an_entry_over_buys_it_as_it_was_to_be_bought(
    store: Store, how: Buying
) -> None:
    size = how.size
    desk = await started(store, Terms(entry=how.entry, size=size))
    log = PostgresScheduledOrderLog(store, store)
    quantity = None if size else 10
    sell_at = just_now() + timedelta(hours=1)
    order = EnterOrder(desk.key(), TERMS, quantity, Decimal(3500), just_now(), sell_at=sell_at, how=how)
    assert isinstance(await log.arm(order, "dead"), ScheduledOrder)
    (taken,) = await log.orphans("living", timedelta(seconds=5))
    assert isinstance(taken.order, EnterOrder)
    assert (taken.order.how, taken.order.quantity) == (how, quantity)
    assert taken.order.sell_at == sell_at


async def slice_of(desk: Desk, number: int, quantity: int, filled: int) -> Claimed | NotClaimed:
    """Claim a slice; fill it where its claim was won, and more than nothing is filled of it."""
    planned = await desk.log.plan(desk.key(), replace(TERMS, most=4), number, just_now())
    claim = await desk.log.claim(planned, quantity, Reason.BUY, just_now(), None, Decimal(3500))
    if isinstance(claim, Claimed) and filled:
        await desk.log.answer(claim.attempt, Accepted(f"B{number}"))
        await desk.log.saw(claim.attempt, seen(claim.attempt, filled, broker_order_id=f"B{number}"))
    return claim


async def test_all_slices_together_are_no_more_than_the_start_says(store: Store) -> None:
    desk = await started(store, Terms())
    assert isinstance(await slice_of(desk, 1, 4, 4), Claimed)
    assert isinstance(await slice_of(desk, 2, 4, 4), Claimed)
    over = await slice_of(desk, 3, 4, 0)
    assert isinstance(over, NotClaimed)
    assert over.barred is not None
    assert isinstance(await slice_of(desk, 3, 2, 2), Claimed)


async def test_a_slice_whose_answer_is_not_known_counts_as_bought(store: Store) -> None:
    desk = await started(store, Terms())
    assert isinstance(await slice_of(desk, 1, 4, 0), Claimed)
    assert isinstance(await slice_of(desk, 2, 4, 0), Claimed)
    assert isinstance(await slice_of(desk, 3, 4, 0), NotClaimed)


async def test_the_first_slice_is_judged_by_all_that_is_wanted(store: Store) -> None:
    desk = await started(store, Terms())
    await limit(desk, order_quantity=9)
    refused = await slice_of(desk, 1, 4, 0)
    assert isinstance(refused, NotClaimed)
    assert "9" in str(refused.barred)
