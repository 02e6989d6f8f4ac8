"""What a user's other strategies hold of the same shares, on a real Postgres."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from adapters.postgres.account_reads import PostgresAccountReads
from adapters.postgres.engine import Store
from adapters.postgres.resting_stops import PostgresRestingStops
from adapters.postgres.tables import OrderRow, StrategyRow
from domain.kept_stop import ExitAim
from domain.order import Leg, OrderStatus, Reason
from domain.ports import ReadTurn
from domain.sellable import OtherClaims
from domain.strategy import Outcome, Position, Product
from tests.store_rows import Desk, just_now, seen

Another = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def first(store: Store) -> Desk:
    made = await Desk.made(store)
    await made.runs.activate(made.start())
    return made


@pytest.fixture
def another(store: Store, first: Desk) -> Another:
    async def made(**changes: Any) -> Desk:
        """Return a further running strategy of the same user."""
        desk = await Desk.made(store)
        strategy = replace(desk.strategy, user_id=first.strategy.user_id, **changes)
        async with store.work() as session:
            row = update(StrategyRow).where(StrategyRow.strategy_id == strategy.strategy_id)
            await session.execute(row.values(user_id=first.strategy.user_id, **changes))
        desk = replace(desk, strategy=strategy)
        await desk.runs.activate(desk.start())
        return desk

    return made


async def claims(desk: Desk) -> OtherClaims:
    return await desk.log.other_claims(desk.key(Leg.EXIT))


async def test_what_bought_first_has_the_first_claim(first: Desk, another: Another) -> None:
    second = await another()
    await first.bought()
    await second.bought()
    assert await claims(first) == OtherClaims(0)
    assert await claims(second) == OtherClaims(10)


async def test_what_an_older_strategy_has_sold_is_not_claimed_by_it(first: Desk, another: Another) -> None:
    second = await another()
    await first.bought()
    await second.bought()
    sale = await first.accepted(first.key(Leg.EXIT), "2001")
    assert await claims(second) == OtherClaims(10, in_flight=True), "the books may disagree for a moment"
    await first.log.saw(sale, seen(sale, 4, broker_order_id="2001", status=OrderStatus.CANCELLED))
    assert await claims(second) == OtherClaims(6)


async def test_a_stop_that_rests_holds_up_no_other_sale_until_it_is_asked_to_sell(
    store: Store, first: Desk, another: Another
) -> None:
    """Two strategies are stopped after the broker has squared off their shares and cancelled their stops."""
    second = await another()
    await first.bought()
    await second.bought()
    stops = PostgresRestingStops(store)
    rests = await first.accepted(first.key(Leg.EXIT), "2001")
    async with store.work() as session:
        row = update(OrderRow).where(OrderRow.order_id == rests.order_id)
        await session.execute(row.values(stop={"kind": "SL-M", "trigger": "3000", "limit": None}))
    await stops.begin_exit(first.key(Leg.EXIT), ExitAim.SELL)
    assert not (await claims(second)).in_flight
    assert await stops.change(rests, 1, None, Reason.STOP, just_now())
    assert (await claims(second)).in_flight, "it may be filled at any moment"


@pytest.mark.parametrize("change", [{"symbol": "INFY"}, {"exchange": "BSE"}, {"product": Product.MIS}])
async def test_other_shares_are_no_claim_on_these(
    first: Desk, another: Another, change: dict[str, Any]
) -> None:
    await first.bought()
    second = await another(**change)
    await second.bought()
    assert await claims(second) == OtherClaims(0)


async def test_another_users_shares_are_no_claim_on_these(store: Store, first: Desk) -> None:
    await first.bought()
    stranger = await Desk.made(store)
    await stranger.runs.activate(stranger.start())
    await stranger.bought()
    assert await claims(stranger) == OtherClaims(0)


@pytest.mark.parametrize(("outcome", "older"), [(Outcome.KEPT, 0), (Outcome.ORDER_FAILED, 10)])
async def test_kept_shares_are_the_users_own_and_left_over_ones_their_strategys(
    first: Desk, another: Another, outcome: Outcome, older: int
) -> None:
    await first.bought()
    second = await another()
    await second.bought()
    row = await first.row()
    assert row.start_id is not None
    ended = first.end(first.start(), outcome, Position.BOUGHT)
    await first.runs.finish(replace(ended, ref=replace(ended.ref, start_id=row.start_id)))
    assert await claims(second) == OtherClaims(older)


async def test_shares_gone_outside_leave_no_position_and_no_claim(first: Desk, another: Another) -> None:
    await first.bought()
    second = await another()
    await second.bought()
    row = await first.row()
    assert row.start_id is not None
    ended = first.end(first.start(), Outcome.CLOSED_OUTSIDE, Position.SOLD)
    await first.runs.finish(replace(ended, ref=replace(ended.ref, start_id=row.start_id), outside=10))
    row = await first.row()
    assert (row.position, row.outside_quantity, row.sold_quantity) == ("sold", 10, 0)
    assert await claims(second) == OtherClaims(0)


@pytest.mark.parametrize(("missing", "later"), [(10, 10), (4, 10), (0, 0)])
async def test_what_others_bought_since_shares_were_found_missing_is_named(
    first: Desk, another: Another, missing: int, later: int
) -> None:
    before, since = await another(), await another()
    await first.bought()
    await before.bought()
    found_at = just_now()
    async with first.store.work() as session:
        row = update(StrategyRow).where(StrategyRow.strategy_id == first.strategy.strategy_id)
        await session.execute(
            row.values(missing_quantity=missing, missing_since=found_at if missing else None)
        )
    await since.bought()
    found = await claims(first)
    assert (found.missing, found.later, found.older) == (missing, later, 0)
    turn = ReadTurn(first.strategy.user_id, "", 0, 0)
    read = (await PostgresAccountReads(first.store).state(turn)).claims
    assert [claim.later for claim in read] == [later, 0, 0]


async def test_an_entry_that_was_found_late_counts_as_newer_than_what_was_bought_after_it(
    first: Desk, another: Another
) -> None:
    """The broker may have squared it off before it was found: the other's shares are not sold as its."""
    second = await another()
    lost = await first.sent(first.key())
    async with first.store.work() as session:
        row = update(OrderRow).where(OrderRow.strategy_id == first.strategy.strategy_id)
        await session.execute(row.values(sent_at=just_now() - timedelta(seconds=40)))
    await first.log.saw(lost, seen(lost, 10, broker_order_id="1001"))
    await second.bought()
    assert (await claims(first)).older == 10
    assert (await claims(second)).older == 0
    turn = ReadTurn(first.strategy.user_id, "", 0, 0)
    read = (await PostgresAccountReads(first.store).state(turn)).claims
    assert [claim.strategy_id for claim in read] == [second.strategy.strategy_id, first.strategy.strategy_id]
