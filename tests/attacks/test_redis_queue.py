"""A writer of Redis at the workers' queue: what they put there sells nothing, and hides no stop that was hit.

The attacker has a connection to Redis that may do anything; the key that signs events they have not.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from adapters.process.clock import SystemClock
from adapters.redis.fast_stops import RedisFastStops
from adapters.redis.stop_queue import RedisStopQueue
from adapters.secrets.stop_signatures import StopSignatures
from domain.hit_stop import Dropped, HitStop
from domain.order import Leg, LegKey, Reason
from domain.ports import Claimed
from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import ScheduledOrder
from execution.fast_exits import FastExits
from execution.scheduled_orders import ScheduledOrders
from execution.task_end import ended
from tests.fakes.armed import MemoryScheduledOrderLog
from tests.fakes.house import MemoryOrderLog
from tests.fakes.starts import a_strategy
from tests.store_rows import TERMS, TODAY, seen
from tests.valkey_process import ValkeyProcess

QUEUE = "queue:orders"
KEY, NEXT, FOREIGN = "-" * 43, "_" * 43, "A" * 43
STOP = Decimal(3500)
AT_STOP, ABOVE = Decimal("3499.95"), Decimal(3600)
FIELDS = ("strategy_id", "event", "price", "at", "mac")


class Hands(ScheduledOrders):
    """Takes note of the sales that would leave."""

    def __init__(self) -> None:
        self.sold: list[UUID] = []

    def take(self, held: ScheduledOrder) -> None:
        assert isinstance(held.order, ExitOrder)
        self.sold.append(held.order.key.strategy_id)


@dataclass
class Desk:
    """A worker at the queue, strategies that hold shares, a listener, and the attacker's own connection."""

    url: str
    attacker: Redis
    orders: MemoryScheduledOrderLog
    hands: Hands = field(default_factory=Hands)
    dropped: Counter[Dropped] = field(default_factory=Counter)
    clock: SystemClock = field(default_factory=SystemClock)

    async def holding(self) -> UUID:
        strategy, log = a_strategy(), self.orders.log
        key = LegKey(strategy.strategy_id, strategy.user_id, TODAY, 1, Leg.ENTRY)
        now = self.clock.now()
        held = await self.orders.arm(EnterOrder(key, TERMS, 10, STOP, now), "a worker")
        assert held is not None
        claim = await log.claim(held.attempt, 10, Reason.BUY, now, None)
        assert isinstance(claim, Claimed)
        await log.saw(claim.attempt, seen(claim.attempt, 10))
        return strategy.strategy_id

    def hit(self, strategy_id: UUID, price: Decimal = AT_STOP, ago: float = 0) -> HitStop:
        return HitStop(strategy_id, price, self.clock.now() - timedelta(seconds=ago))

    async def listener_puts(self, stop: HitStop, keys: str = KEY) -> None:
        stops = RedisFastStops.connect(self.url, StopSignatures(keys))
        await stops.put([stop])
        await stops.close()

    async def genuine(self, stop: HitStop) -> dict[str, str]:
        """Return the entry that the listener writes for a stop, read and taken away by the attacker."""
        await self.listener_puts(stop)
        entries: Any = await self.attacker.xrange(QUEUE)
        ((entry_id, event),) = entries
        await self.attacker.xdel(QUEUE, entry_id)
        return dict(event)

    async def worker_reads(self, keys: str = KEY, until: int = 1) -> None:
        """Have a worker read until so many events were sold or dropped."""
        queue = RedisStopQueue.connect(self.url, "worker", StopSignatures(keys))
        reading = asyncio.ensure_future(
            FastExits(queue, self.orders, self.hands, self.clock, self._count).run()
        )
        try:
            async with asyncio.timeout(20):
                while len(self.hands.sold) + self.dropped.total() < until:
                    assert not reading.done(), reading
                    await asyncio.sleep(0.02)
        finally:
            await ended([reading])
            await queue.close()

    def _count(self, why: Dropped, count: int) -> None:
        self.dropped[why] += count


@pytest.fixture
async def desk(own_valkey: ValkeyProcess) -> AsyncIterator[Desk]:
    attacker = Redis.from_url(own_valkey.url, decode_responses=True)
    yield Desk(own_valkey.url, attacker, MemoryScheduledOrderLog(MemoryOrderLog(SystemClock())))
    await attacker.aclose()


async def test_what_the_listener_puts_is_sold(desk: Desk) -> None:
    strategy_id = await desk.holding()
    await desk.listener_puts(desk.hit(strategy_id))
    await desk.worker_reads()
    assert (desk.hands.sold, desk.dropped.total()) == ([strategy_id], 0)


async def test_an_event_without_a_signature_sells_nothing(desk: Desk) -> None:
    """As `XADD queue:orders` by hand did: at any price, with the fields of the contract alone."""
    strategy_id = await desk.holding()
    await desk.attacker.xadd(QUEUE, {"strategy_id": str(strategy_id), "event": "STOPLOSS"})
    await desk.worker_reads()
    assert (desk.hands.sold, dict(desk.dropped)) == ([], {Dropped.UNSIGNED: 1})


async def test_a_signature_is_for_its_own_words(desk: Desk) -> None:
    """One that was read in Redis moves to no other strategy, price, time or kind of event."""
    mine, other = await desk.holding(), await desk.holding()
    event = await desk.genuine(desk.hit(mine, ABOVE))
    later = str(int(event["at"]) + 60_000)
    changes: list[dict[str, str]] = [
        {"strategy_id": str(other)},
        {"price": "1"},
        {"at": later},
        {"event": "TARGET"},
        {"mac": event["mac"][:-1]},
        {"mac": ""},
        {"mac": "é" * 16},
        # The same words, parted elsewhere.
        {"strategy_id": f"{mine}|STOPLOSS", "event": event["price"], "price": event["at"], "at": ""},
    ]
    for change in changes:
        await desk.attacker.xadd(QUEUE, {**event, **change})  # type: ignore[dict-item]
    await desk.worker_reads(until=len(changes))
    assert (desk.hands.sold, dict(desk.dropped)) == ([], {Dropped.UNSIGNED: len(changes)})


@pytest.mark.parametrize("ago", [5.5, 3600, -60])
async def test_a_genuine_event_that_is_put_again_later_sells_nothing(desk: Desk, ago: float) -> None:
    strategy_id = await desk.holding()
    event = await desk.genuine(desk.hit(strategy_id, ago=ago))
    await desk.attacker.xadd(QUEUE, event)  # type: ignore[arg-type]
    await desk.worker_reads()
    assert (desk.hands.sold, dict(desk.dropped)) == ([], {Dropped.OLD: 1})


async def test_no_id_of_an_entry_makes_a_replayed_event_young(desk: Desk) -> None:
    strategy_id = await desk.holding()
    event = await desk.genuine(desk.hit(strategy_id, ago=10))
    await desk.attacker.xadd(QUEUE, event, id=f"{2**62}-1")  # type: ignore[arg-type]
    await desk.worker_reads()
    assert (desk.hands.sold, dict(desk.dropped)) == ([], {Dropped.OLD: 1})


async def test_a_price_above_the_stop_sells_nothing_whoever_signed_it(desk: Desk) -> None:
    """A listener that was taken over has the key; the stop that is stored judges its price."""
    strategy_id = await desk.holding()
    await desk.listener_puts(desk.hit(strategy_id, STOP + Decimal("0.05")))
    await desk.worker_reads()
    assert (desk.hands.sold, dict(desk.dropped)) == ([], {Dropped.PRICE: 1})
    await desk.listener_puts(desk.hit(strategy_id, STOP))
    await desk.worker_reads(until=2)
    assert desk.hands.sold == [strategy_id]


async def test_events_of_both_keys_sell_while_keys_are_rotated_and_a_foreign_key_never(desk: Desk) -> None:
    first, second, third = [await desk.holding() for _ in range(3)]
    await desk.listener_puts(desk.hit(first), KEY)
    await desk.listener_puts(desk.hit(second), f"{NEXT},{KEY}")
    await desk.listener_puts(desk.hit(third), FOREIGN)
    await desk.worker_reads(f"{KEY},{NEXT}", until=3)
    assert (desk.hands.sold, dict(desk.dropped)) == ([first, second], {Dropped.UNSIGNED: 1})
    await desk.listener_puts(desk.hit(third), KEY)  # one that was taken out of the setting
    await desk.worker_reads(NEXT, until=4)
    assert (desk.hands.sold, dict(desk.dropped)) == ([first, second], {Dropped.UNSIGNED: 2})


async def test_rubbish_in_the_queue_keeps_no_stop_from_being_sold(desk: Desk) -> None:
    strategy_id = await desk.holding()
    rubbish: list[dict[Any, Any]] = [
        {b"\xff\xfe": b"\x00\xff"},
        {"strategy_id": b"\xff" * 40, "event": b"\xf0", "price": b"\x00", "at": "1", "mac": b"\xff"},
        {"strategy_id": str(strategy_id), "event": "STOPLOSS", "price": "NaN", "at": "9" * 400, "mac": "0"},
        dict.fromkeys(FIELDS, "x" * 100_000),
        {"": ""},
    ]
    for one in rubbish:
        await desk.attacker.xadd(QUEUE, one)
    await desk.listener_puts(desk.hit(strategy_id))
    await desk.worker_reads(until=len(rubbish) + 1)
    assert (desk.hands.sold, dict(desk.dropped)) == ([strategy_id], {Dropped.UNSIGNED: len(rubbish)})


@pytest.mark.parametrize("odd", ["0", "-1", "NaN", "Infinity", "1e400000", "x", ""])
async def test_a_signed_event_that_is_no_price_sells_nothing(desk: Desk, odd: str) -> None:
    strategy_id = await desk.holding()
    words = f"{strategy_id}|STOPLOSS|{odd}|{int(desk.clock.now().timestamp() * 1000)}"
    event = dict(zip(FIELDS, (*words.split("|"), StopSignatures(KEY).sign(words)), strict=True))
    await desk.attacker.xadd(QUEUE, event)  # type: ignore[arg-type]
    await desk.worker_reads()
    assert desk.hands.sold == []
    assert desk.dropped.total() == 1


async def test_a_queue_that_was_replaced_is_read_again_once_it_is_one(desk: Desk) -> None:
    strategy_id = await desk.holding()
    await desk.attacker.set(QUEUE, "no stream")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await desk.worker_reads()
    await desk.attacker.delete(QUEUE)
    await desk.listener_puts(desk.hit(strategy_id))
    await desk.worker_reads()
    assert desk.hands.sold == [strategy_id]


async def test_a_flood_is_said_once_and_not_a_thousand_times(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(1_000):
        await desk.attacker.xadd(QUEUE, {"strategy_id": str(uuid4()), "event": "STOPLOSS"})
    await desk.worker_reads(until=1_000)
    assert dict(desk.dropped) == {Dropped.UNSIGNED: 1_000}
    assert sum("were dropped" in line.message for line in caplog.records) == 1


async def test_a_stop_is_not_sold_twice_by_its_own_event_put_twice(desk: Desk) -> None:
    """Within the five seconds a copy may be taken as well: the claim of the sale is had once."""
    strategy_id = await desk.holding()
    stop = desk.hit(strategy_id)
    event = await desk.genuine(stop)
    for _ in range(3):
        await desk.attacker.xadd(QUEUE, event)  # type: ignore[arg-type]
    await desk.worker_reads()
    assert set(desk.hands.sold) == {strategy_id}
    (sale,) = await desk.orders.at_their_stop([strategy_id], desk.clock.now())
    claims = [
        await desk.orders.log.claim(sale.attempt, 10, Reason.STOPLOSS, desk.clock.now(), None)
        for _ in range(3)
    ]
    assert [isinstance(claim, Claimed) for claim in claims] == [True, False, False]


def test_the_keys_are_not_shown_and_differ_from_what_they_are_made_of() -> None:
    signatures = StopSignatures(f"{KEY},{NEXT}")
    assert repr(signatures) == "StopSignatures(keys=2)"
    assert StopSignatures(KEY).sign("a") != StopSignatures(NEXT).sign("a")
    assert not StopSignatures(NEXT).is_signed("a", StopSignatures(KEY).sign("a"))
    stop = HitStop(uuid4(), AT_STOP, SystemClock().now())
    assert replace(stop, price=ABOVE) != stop
