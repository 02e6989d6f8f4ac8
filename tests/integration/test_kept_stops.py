"""Which holdings have their stops kept at the exchange, and by which worker, as Postgres has it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from adapters.postgres.account_moves import PostgresAccountMoves
from adapters.postgres.account_reads import PostgresAccountReads
from adapters.postgres.engine import Store
from adapters.postgres.resting_stops import PostgresRestingStops
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from domain.kept_stop import ExitAim, KeptStop, Protection
from domain.order import Leg, Reason
from domain.outcome import Accepted
from domain.ports import Claimed, ReadTurn
from domain.stop_prices import OrderKind, StopPrices
from domain.terms import Protect
from tests.store_rows import Desk, just_now


async def holding(store: Store) -> Desk:
    """Bring a strategy to where it holds ten shares under a stop that is to rest at the exchange."""
    desk = await Desk.started(store)
    await desk.bought()
    later = just_now() + timedelta(hours=1)
    words = {"id": desk.strategy.strategy_id, "later": later}
    async with store.work() as session:
        await session.execute(
            text(
                "UPDATE strategies SET phase = 'holding', closes_at = :later, sell_at = :later, "
                "terms = terms || jsonb_build_object('protect', 'exchange') WHERE strategy_id = :id"
            ),
            words,
        )
    return desk


@pytest.fixture
async def desk(store: Store) -> Desk:
    return await holding(store)


async def kept(desk: Desk) -> KeptStop | None:
    return await PostgresRestingStops(desk.store).kept(desk.strategy.strategy_id)


async def test_what_is_held_is_kept_with_its_stop(desk: Desk) -> None:
    found = await kept(desk)
    assert found is not None
    assert found.key == desk.key(Leg.EXIT)
    assert (found.bought, found.missing, found.stop) == (10, 0, Decimal(3500))
    assert (found.terms.protected, found.entry_open, found.protection) == (True, False, None)
    assert found.entry_price == Decimal("3501.25")


@pytest.mark.parametrize("aim", ExitAim)
async def test_nothing_is_kept_that_is_being_sold_or_released(desk: Desk, aim: ExitAim) -> None:
    await PostgresRestingStops(desk.store).begin_exit(desk.key(Leg.EXIT), aim)
    assert await kept(desk) is None


@pytest.mark.parametrize(
    "word", ["phase = 'exiting'", "status = 'stopped'", "terms = '{}'", "closes_at = now()"]
)
async def test_nothing_is_kept_that_is_over_or_wants_none(desk: Desk, word: str) -> None:
    async with desk.store.work() as session:
        change = f"UPDATE strategies SET {word} WHERE strategy_id = :id"  # noqa: S608 - of this test
        await session.execute(text(change), {"id": desk.strategy.strategy_id})
    assert await kept(desk) is None


async def test_each_holding_is_kept_by_one_living_worker(store: Store) -> None:
    desks = [await holding(store) for _ in range(8)]
    mine = {one.strategy.strategy_id for one in desks}
    workers = PostgresScheduledOrderLog(store, store)
    stops = PostgresRestingStops(store)
    for name in ("worker one", "worker two"):
        await workers.beat(name)
    shares = [
        {one.key.strategy_id for one in await stops.kept_by(name)} & mine
        for name in ("worker one", "worker two")
    ]
    assert shares[0] | shares[1] == mine
    assert not shares[0] & shares[1]
    await workers.leave("worker one")
    left = {one.key.strategy_id for one in await stops.kept_by("worker two")} & mine
    await workers.leave("worker two")
    assert left == mine


async def test_an_order_that_moved_is_known_to_the_keeper(desk: Desk) -> None:
    async with desk.store.work() as session:
        await session.execute(
            text(
                "INSERT INTO account_reads (user_id, account, next_at) "
                "SELECT user_id, account, now() FROM starts WHERE strategy_id = :id"
            ),
            {"id": desk.strategy.strategy_id},
        )
    before = await kept(desk)
    assert before is not None
    assert before.moved_at is None
    await PostgresAccountMoves(desk.store).own_moved(desk.strategy.user_id)
    after = await kept(desk)
    assert after is not None
    assert after.moved_at is not None


async def test_where_the_stop_lies_is_shown_for_its_own_round_alone(desk: Desk) -> None:
    stops, key = PostgresRestingStops(desk.store), desk.key(Leg.EXIT)
    there = Protection(Protect.EXCHANGE, just_now(), "1001", Decimal("3500.00"))
    await stops.show(key, there, "A stop rests.", "once")
    await stops.show(replace(key, round=2), replace(there, where=Protect.SERVER), "Not of now.", "other")
    found = await kept(desk)
    assert found is not None
    assert found.protection == there


async def test_the_account_is_compared_while_a_stop_rests(desk: Desk) -> None:
    stops, key = PostgresRestingStops(desk.store), desk.key(Leg.EXIT)
    prices = StopPrices(OrderKind.SL_M, Decimal(3400))
    (planned,) = await desk.log.leg(key)
    claim = await desk.log.claim(planned, 10, Reason.STOPLOSS, just_now(), None, stop=prices)
    assert isinstance(claim, Claimed)
    assert await in_flight(desk)
    await desk.log.answer(claim.attempt, Accepted("2001"))
    assert not await in_flight(desk)
    await stops.begin_exit(key, ExitAim.SELL)
    assert not await in_flight(desk), "the sale of another strategy would wait for this one, and it for that"
    (resting,) = await desk.log.leg(key)
    assert await stops.change(resting, 1, None, Reason.SELL, just_now())
    assert await in_flight(desk)


async def in_flight(desk: Desk) -> bool:
    """Tell whether an order of the account may change it at any moment, as its readings have it."""
    turn = ReadTurn(desk.strategy.user_id, "", 0, 0)
    (claim,) = (await PostgresAccountReads(desk.store).state(turn)).claims
    return claim.in_flight
