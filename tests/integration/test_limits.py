"""The gate: what a claim refuses, for whom and until when; exits pass it always."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.limits import UserLimits, set_operator_switch, set_system_switch, to_sell
from adapters.postgres.orders import PostgresOrderLog
from domain.limits import ORDERS_A_DAY, KillExits, Limits
from domain.order import Attempt, Leg, OrderStatus, Reason
from domain.ports import Claimed, NotClaimed
from tests.store_rows import TERMS, Desk, just_now, seen


@pytest.fixture
async def desk(store: Store) -> Desk:
    return await Desk.started(store)


async def limit(desk: Desk, **limits: Any) -> None:
    async with desk.store.work() as session:
        await UserLimits(session, desk.strategy.user_id).set_limits(Limits(**limits))


async def kill(desk: Desk, exits: KillExits | None = KillExits.KEEP) -> None:
    async with desk.store.work() as session:
        await UserLimits(session, desk.strategy.user_id).set_switch(exits, "enough")


async def asked(
    desk: Desk, leg: Leg = Leg.ENTRY, quantity: int = 10, price: str | None = "3500", round_: int = 1
) -> Claimed | NotClaimed:
    await desk.in_round(round_)
    planned = await desk.log.plan(desk.key(leg, round_), TERMS, 1, just_now())
    reason = Reason.BUY if leg is Leg.ENTRY else Reason.SELL
    known = Decimal(price) if price is not None else None
    return await desk.log.claim(planned, quantity, reason, just_now(), None, known)


def barred(claim: Claimed | NotClaimed) -> str:
    assert isinstance(claim, NotClaimed)
    assert claim.barred is not None
    return claim.barred


async def traded(desk: Desk, bought: str, sold: str | None, round_: int = 1) -> None:
    """Buy and sell ten shares of a round."""
    await desk.in_round(round_)
    for leg, price in ((Leg.ENTRY, bought), (Leg.EXIT, sold)):
        attempt = await desk.sent(desk.key(leg, round_))
        row = seen(attempt, 10, price, broker_order_id=f"{leg}-{round_}")
        await desk.log.saw(attempt, replace(row, average_price=Decimal(price) if price else None))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"order_quantity": 9}, "9 shares"),
        ({"order_value": Decimal("34999.99")}, "34999.99"),
        ({"symbols": ("INFY", "SBIN")}, "allowed symbols"),
    ],
)
async def test_entry_over_a_limit_is_not_sent(desk: Desk, limits: dict[str, Any], words: str) -> None:
    await limit(desk, **limits)
    assert words in barred(await asked(desk))
    (row,) = await desk.orders()
    assert (row.status, row.sent_at) == (OrderStatus.PLANNED, None)


@pytest.mark.parametrize(
    "limits", [{"order_quantity": 10}, {"order_value": Decimal(35000)}, {"symbols": ("TCS",)}, {}]
)
async def test_entry_within_its_limits_is_sent(desk: Desk, limits: dict[str, Any]) -> None:
    await limit(desk, **limits)
    assert isinstance(await asked(desk), Claimed)


async def test_value_of_an_order_without_a_price_is_unknown_and_not_zero(desk: Desk) -> None:
    await limit(desk, order_value=Decimal(10**9))
    assert "value" in barred(await asked(desk, price=None))


async def test_exit_passes_every_limit_and_both_switches(desk: Desk) -> None:
    await desk.bought()
    await limit(desk, order_quantity=1, order_value=Decimal(1), symbols=(), daily_loss=Decimal(1))
    await kill(desk)
    async with desk.store.work() as session:
        await set_system_switch(session, KillExits.KEEP, "a test")
    assert isinstance(await asked(desk, Leg.EXIT), Claimed)


async def test_kill_switch_stops_its_users_next_entry_and_nobody_elses(store: Store, desk: Desk) -> None:
    other = await Desk.started(store)
    await kill(desk)
    assert "kill switch" in barred(await asked(desk))
    assert isinstance(await asked(other), Claimed)
    await kill(desk, None)
    assert isinstance(await asked(desk), Claimed)


async def test_kill_switch_stops_an_entry_that_was_held_before_it(desk: Desk) -> None:
    planned = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    await kill(desk)
    barred(await desk.log.claim(planned, 10, Reason.BUY, just_now(), None))


async def test_system_switch_stops_every_entry(store: Store, desk: Desk) -> None:
    other = await Desk.started(store)
    async with store.work() as session:
        await set_system_switch(session, KillExits.KEEP, "the exchange is ill")
    assert "operator" in barred(await asked(desk))
    assert "operator" in barred(await asked(other))
    async with store.work() as session:
        await set_system_switch(session, None, "")
    assert isinstance(await asked(desk), Claimed)


async def test_operators_switch_for_one_user_bars_that_user_alone(store: Store, desk: Desk) -> None:
    other = await Desk.started(store)
    async with store.work() as session:
        await set_operator_switch(session, desk.strategy.user_id, KillExits.EXIT, "ask us")
        await set_operator_switch(session, desk.strategy.user_id, KillExits.KEEP, "ask us")
    await kill(desk, None)
    assert "operator" in barred(await asked(desk))
    assert isinstance(await asked(other), Claimed)
    async with store.work() as session:
        await set_operator_switch(session, desk.strategy.user_id, None, "")
    assert isinstance(await asked(desk), Claimed)


async def test_many_claims_at_once_are_judged_each_by_its_own_limits(store: Store) -> None:
    desks = [await Desk.started(store) for _ in range(20)]
    for one in desks[::2]:
        await kill(one)
    log = PostgresOrderLog(store)
    planned = [await log.plan(one.key(), TERMS, 1, just_now()) for one in desks]

    async def claim(attempt: Attempt) -> Claimed | NotClaimed:
        return await log.claim(attempt, 10, Reason.BUY, just_now(), None)

    claims = await asyncio.gather(*map(claim, planned))
    assert [isinstance(one, Claimed) for one in claims] == [False, True] * 10


async def test_day_s_loss_over_all_strategies_bars_the_next_entry(store: Store, desk: Desk) -> None:
    await limit(desk, daily_loss=Decimal(1000))
    await traded(desk, "3500", "3450.01")
    assert isinstance(await asked(desk, round_=2), Claimed)  # 499.90 so far
    await desk.log.deny((await desk.log.leg(desk.key(round_=2)))[0], "not this one")
    await traded(desk, "3500", "3449.99", round_=3)
    assert "1000.00" in barred(await asked(desk, round_=4))
    fresh = PostgresOrderLog(store)  # nothing of it is kept in a process
    planned = await fresh.plan(desk.key(round_=5), TERMS, 1, just_now())
    barred(await fresh.claim(planned, 1, Reason.BUY, just_now(), None))


async def test_profits_count_against_losses(desk: Desk) -> None:
    await limit(desk, daily_loss=Decimal(1000))
    await traded(desk, "3500", "3600")
    await traded(desk, "3500", "3350", round_=2)
    assert isinstance(await asked(desk, round_=3), Claimed)


async def test_loss_that_is_not_known_is_not_zero(desk: Desk) -> None:
    await limit(desk, daily_loss=Decimal(1000))
    await traded(desk, "3500", None)
    assert "not known" in barred(await asked(desk, round_=2))


async def test_loss_is_not_known_while_a_sale_has_no_answer_and_then_it_is(desk: Desk) -> None:
    await limit(desk, daily_loss=Decimal(1000))
    bought, sold = await desk.sent(desk.key(Leg.ENTRY, 1)), await desk.sent(desk.key(Leg.EXIT, 1))
    await desk.log.saw(bought, seen(bought, 10, "3500", broker_order_id="bought"))
    claim = await asked(desk, round_=2)
    assert "not known" in barred(claim)
    assert isinstance(claim, NotClaimed)
    assert claim.may_pass
    await desk.log.saw(sold, seen(sold, 10, "3450", broker_order_id="sold"))
    assert isinstance(await asked(desk, round_=2), Claimed)


async def test_sale_of_what_an_earlier_round_bought_leaves_the_loss_unknown(desk: Desk) -> None:
    await limit(desk, daily_loss=Decimal(1000))
    attempt = await desk.sent(desk.key(Leg.EXIT, 2))
    await desk.log.saw(attempt, seen(attempt, 10, "3000", broker_order_id="kept"))
    assert "not known" in barred(await asked(desk, round_=3))


async def test_strategy_that_orders_without_end_buys_no_more(store: Store, desk: Desk) -> None:
    await desk.sent(desk.key())
    async with store.work() as session:
        await session.execute(
            text(
                "INSERT INTO orders (order_id, user_id, strategy_id, trading_day, round, leg, attempt, tag, "
                "exchange, symbol, product, side, sent_at) SELECT gen_random_uuid(), user_id, strategy_id, "
                "trading_day, round, leg, attempt + n, tag || n, exchange, symbol, product, side, "
                "now() - interval '1 hour' FROM orders, generate_series(1, :more) AS n"
            ),
            {"more": ORDERS_A_DAY - 1},
        )
    assert str(ORDERS_A_DAY) in barred(await asked(desk, round_=2))


async def test_who_is_to_be_sold_is_who_runs_and_whose_switch_says_so(store: Store, desk: Desk) -> None:
    other = await Desk.made(store)
    await other.runs.activate(other.start())
    await kill(desk, KillExits.KEEP)
    async with store.read() as session:
        assert await to_sell(session) == []
    await kill(desk, KillExits.EXIT)
    async with store.read() as session:
        assert [one.strategy_id for one in await to_sell(session)] == [desk.strategy.strategy_id]
    async with store.work() as session:
        await set_system_switch(session, KillExits.EXIT, "a test")
    async with store.read() as session:
        found = {one.strategy_id for one in await to_sell(session)}
    assert found == {desk.strategy.strategy_id, other.strategy.strategy_id}


async def test_a_sale_is_the_operators_where_its_users_own_switch_does_not_ask_for_it(
    store: Store, desk: Desk
) -> None:
    other = await Desk.made(store)
    await other.runs.activate(other.start())
    await kill(desk, KillExits.EXIT)
    async with store.work() as session:
        await set_operator_switch(session, other.strategy.user_id, KillExits.EXIT, "a test")
    async with store.read() as session:
        found = {one.strategy_id: one.by_operator for one in await to_sell(session)}
    assert found == {desk.strategy.strategy_id: False, other.strategy.strategy_id: True}
