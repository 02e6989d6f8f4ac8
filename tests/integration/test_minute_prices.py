"""The minutes of a strategy's chart: in a real Redis, and as the API answers them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from adapters.postgres.engine import Store
from adapters.redis.minute_prices import RedisMinutePrices
from adapters.redis.runtime_cache import RedisRuntimeCache
from domain.minute_price import MinutePrice
from domain.strategy import Position, Status
from services.auth.passwords import Passwords
from tests.api_world import World, new_world
from tests.integration.test_last_prices import strategy
from tests.valkey_process import ValkeyProcess


@pytest.fixture
def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


async def test_minutes_come_back_in_order_and_outlive_the_strategys_keys(own_valkey: ValkeyProcess) -> None:
    cache, minutes = RedisRuntimeCache.connect(own_valkey.url), RedisMinutePrices.connect(own_valkey.url)
    one = strategy()
    await cache.load(one, Status.RUNNING, Position.NONE)
    later = MinutePrice(AT + timedelta(minutes=1), Decimal("3601.5"), Decimal("3564.95"))
    for minute in (later, MinutePrice(AT, Decimal(3600), None), later):
        await minutes.add({one.strategy_id: minute})
    await cache.drop(one)
    assert await minutes.of_strategy(one.strategy_id) == [MinutePrice(AT, Decimal(3600), None), later]
    assert await minutes.of_strategy(uuid4()) == []
    await cache.close()
    await minutes.close()


async def test_many_strategies_are_written_in_batches(own_valkey: ValkeyProcess) -> None:
    minutes = RedisMinutePrices.connect(own_valkey.url)
    many = {uuid4(): MinutePrice(AT, Decimal(100 + number), None) for number in range(1200)}
    await minutes.add(many)
    for strategy_id, minute in list(many.items())[::400]:
        assert await minutes.of_strategy(strategy_id) == [minute]
    await minutes.close()


async def test_the_api_shows_the_days_minutes_of_its_own_strategy_alone(world: World) -> None:
    customer, other = await world.customer(), await world.customer()
    await customer.connect()
    strategy_id = (await customer.create())["strategy_id"]
    assert (await customer.get(f"/strategy/{strategy_id}/minutes")).json() == {"items": [], "next": None}
    day = (await customer.start(strategy_id)).json()["trading_day"]
    at = datetime.fromisoformat(f"{day}T09:30:00+05:30")
    bought = MinutePrice(at, Decimal("3600.5"), Decimal("3500.05"))
    before = MinutePrice(at - timedelta(days=1), Decimal(3590), None)
    world.prices.minutes = {UUID(strategy_id): [before, bought]}
    shown = (await customer.get(f"/strategy/{strategy_id}/minutes")).json()["items"]
    assert shown == [{"at": f"{day}T09:30:00+05:30", "price": 3600.5, "stop_price": 3500.05}]
    assert (await other.get(f"/strategy/{strategy_id}/minutes")).status_code == 404
    world.prices.away = True
    assert (await customer.get(f"/strategy/{strategy_id}/minutes")).json()["items"] == []
