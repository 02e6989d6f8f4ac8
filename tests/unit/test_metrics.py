"""What worker and listener tell an operator: numbers that are true now, and which part is ill."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from adapters.telemetry.alert_counter import CountedAlerts
from adapters.telemetry.disk import Disk
from adapters.telemetry.metrics_server import MetricsPortTaken, serving
from adapters.telemetry.order_metrics import OrderNumbers
from adapters.telemetry.worker_metrics import WorkerMetrics
from adapters.temporal.connection import TemporalAddress, connect
from domain.order import Attempt, Leg, OrderStatus
from domain.outcome import Accepted, Cause, Denied, PlaceOutcome, Rejected, Unknown
from domain.run import Alarm
from domain.strategy import Phase, Position
from listener.health import Health
from listener.metrics import ListenerMetrics, MarketNumbers
from tests.e2e.product import free_port
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.watch_list import watched
from tests.listener_in_memory import House
from tests.unit.test_executor import KEY, NOW

SENT = Attempt(uuid4(), KEY, 1, "TAG", OrderStatus.SENT, due_at=NOW, sent_at=NOW + timedelta(seconds=0.3))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (Accepted("1001"), "accepted"),
        (Rejected(Cause.FINAL, "margin"), "rejected"),
        (Denied("too late"), "denied"),
        (Unknown("no answer"), "unknown"),
    ],
)
def test_an_order_is_counted_by_its_leg_and_by_what_came_of_it(
    registry: CollectorRegistry, outcome: PlaceOutcome, name: str
) -> None:
    numbers = OrderNumbers(registry)
    assert registry.get_sample_value("stopwatch_orders_total", {"leg": "exit", "outcome": name}) == 0
    numbers.answered(replace(SENT, key=replace(KEY, leg=Leg.EXIT)), outcome)
    assert registry.get_sample_value("stopwatch_orders_total", {"leg": "exit", "outcome": name}) == 1
    assert registry.get_sample_value("stopwatch_orders_total", {"leg": "entry", "outcome": name}) == 0


def test_lateness_is_that_of_orders_that_left_and_of_no_others(registry: CollectorRegistry) -> None:
    numbers = OrderNumbers(registry)
    numbers.answered(SENT, Denied("the right to send it had expired before it left"))
    assert registry.get_sample_value("stopwatch_order_lateness_seconds_count", {"leg": "entry"}) == 0
    numbers.answered(SENT, Unknown("no answer"))
    assert registry.get_sample_value(
        "stopwatch_order_lateness_seconds_sum", {"leg": "entry"}
    ) == pytest.approx(0.3)


async def test_an_alarm_is_counted_by_its_kind_and_still_told(registry: CollectorRegistry) -> None:
    told = MemoryAlerts()
    alarm = Alarm("feed_lost", "No prices.", user_id=uuid4(), strategy_id=uuid4())
    await CountedAlerts(told, registry).raise_(alarm)
    assert told.raised == [alarm]
    assert registry.get_sample_value("stopwatch_alerts_total", {"kind": "feed_lost"}) == 1


def test_a_worker_shows_what_it_holds_and_who_is_away_at_the_moment_of_the_scrape() -> None:
    metrics, held, down = WorkerMetrics(), ["one"], {"redis"}
    metrics.show(held, down, Disk(Path()))
    read = metrics.registry.get_sample_value
    free, size = read("stopwatch_disk_free_bytes"), read("stopwatch_disk_bytes")
    assert free is not None
    assert size is not None
    assert 0 < free < size
    assert read("stopwatch_orders_held") == 1
    assert read("stopwatch_part_up", {"part": "redis"}) == 0
    held.append("two")
    down.clear()
    assert read("stopwatch_orders_held") == 2
    assert read("stopwatch_part_up", {"part": "redis"}) == 1


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.end()


async def test_a_listener_shows_its_stops_and_how_old_its_prices_are(house: House) -> None:
    metrics = ListenerMetrics(lambda: house.listener.numbers)
    read = metrics.registry.get_sample_value
    assert read("stopwatch_feed_age_seconds") is None, "a feed that nobody needs is not stale"
    await house.start(watched(stop_loss="3400"), watched("INFY", "3500"))
    await house.tick("3600")
    assert (read("stopwatch_strategies_followed"), read("stopwatch_stops_watched")) == (2, 2)
    await house.clock.advance(7)
    age = read("stopwatch_feed_age_seconds")
    assert age is not None
    assert 7 <= age < 8
    assert read("stopwatch_feeds_stale") == 0
    house.feed.lose()
    assert (read("stopwatch_feeds"), read("stopwatch_feeds_stale")) == (1, 1)


async def test_a_feed_that_guards_no_stop_is_never_stale(house: House) -> None:
    await house.start(watched(position=Position.NONE, phase=Phase.WAITING))
    house.feed.lose()
    await house.clock.advance(60)
    now = house.listener.numbers
    assert (now.feeds, now.stale, now.feed_age) == (1, 0, None)


async def test_a_stop_whose_signal_does_not_arrive_is_counted(house: House) -> None:
    house.signals.away = True
    await house.start(watched(stop_loss="3500"))
    await house.tick("3400")
    await house.clock.advance(2)
    assert house.listener.numbers.unsignalled == 1


async def answers() -> None:
    return None


async def away() -> None:
    raise ConnectionError


async def test_a_process_serves_its_numbers_and_names_the_part_that_is_ill() -> None:
    metrics = ListenerMetrics(lambda: numbers)
    numbers = MarketNumbers(strategies=1, stops=1, unsignalled=0, feeds=1, stale=0, feed_age=0.2)
    parts = {"redis": answers, "postgres": answers}
    port, health = free_port(), Health(parts, lambda: numbers)
    async with (
        serving("127.0.0.1", port, metrics.registry, health.ill),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        async with http.get("/metrics") as page:
            assert "stopwatch_feed_age_seconds 0.2" in await page.text()
        async with http.get("/health/ready") as well:
            assert (well.status, await well.json()) == (200, {"status": "ok"})
        parts["postgres"], numbers = away, replace(numbers, stale=1)
        async with http.get("/health/ready") as ill:
            assert ill.status == 503
            assert (await ill.json())["parts"] == {
                "postgres": "does not answer",
                "feed": "1 of 1 price feeds bring no prices for the stops they guard",
            }
        async with http.get("/health/live") as live:
            assert live.status == 200


async def well() -> dict[str, str]:
    return {}


async def test_a_port_that_another_process_has_is_refused_in_words(registry: CollectorRegistry) -> None:
    port = free_port()
    async with serving("127.0.0.1", port, registry, well):
        with pytest.raises(MetricsPortTaken, match=f"STOPWATCH_METRICS_PORT.*{port}"):
            async with serving("127.0.0.1", port, registry, well):
                pass


async def test_an_address_that_temporals_numbers_cannot_have_is_refused_in_words() -> None:
    port = free_port()
    async with serving("127.0.0.1", port, CollectorRegistry(), well):
        for address in (f"127.0.0.1:{port}", f"localhost:{port}"):
            with pytest.raises(MetricsPortTaken, match=f"STOPWATCH_TEMPORAL_METRICS_PORT.*{address}"):
                await connect(TemporalAddress("127.0.0.1:1"), lazy=True, metrics=address)
