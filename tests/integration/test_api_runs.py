"""START, STOP, and what a day leaves behind."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.calendar.exchange import ExchangeCalendar
from adapters.calendar.overrides import OverrideFile
from adapters.postgres.engine import Store
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.read_models import OrderLogReader, TimelineReader
from adapters.postgres.runs import PostgresRunStore
from domain.budget import ENTRIES
from domain.order import Leg, Reason
from domain.outcome import Accepted
from domain.ports import Claimed
from domain.strategy import Outcome, Position
from services.auth.passwords import Passwords
from tests.api_world import MONDAY_0830, Customer, World, json_of, new_world
from tests.fakes.calendar import Weekdays
from tests.store_rows import Desk, just_now, seen


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


@pytest.fixture
async def exchange(store: Store, passwords: Passwords) -> World:
    """A Monday morning at the exchange."""
    opened = new_world(store, passwords, calendar=Weekdays())
    opened.clock.at = MONDAY_0830
    return opened


def desk_of(world: World) -> Desk:
    """Return what writes the rows of the strategy that was started last."""
    strategy = world.runs.started[-1].strategy
    return Desk(world.store, PostgresOrderLog(world.store), PostgresRunStore(world.store), strategy)


async def due_already(world: World) -> None:
    """Have the newest START buy from now on, in any account: an entry is claimed as it was written down."""
    words = """UPDATE starts SET account = '',
        plan = jsonb_set(plan::jsonb, '{buy_at}', to_jsonb(statement_timestamp() - interval '1 minute'))
        WHERE start_id = :start_id"""
    async with world.store.work() as session:
        await session.execute(text(words), {"start_id": world.runs.started[-1].start_id})


async def bought(world: World, customer: Customer, outcome: Outcome, sold: int = 0) -> dict[str, Any]:
    """Run a strategy that bought 10 at 3501.25, sold some at 3510.5 and ended like this."""
    running = await customer.running()
    (workflow_id,) = world.runs.open
    desk = desk_of(world)
    day = world.runs.started[-1].plan.trading_day
    await due_already(world)
    entry = await desk.accepted(desk.key(day=day))
    await desk.log.saw(entry, seen(entry, 10))
    if sold:
        exit_ = await desk.log.leg(desk.key(Leg.EXIT, day=day))
        claim = await desk.log.claim(exit_[0], 10, Reason.SELL, just_now(), None)
        assert isinstance(claim, Claimed)
        answered = await desk.log.answer(claim.attempt, Accepted("1002"))
        await desk.log.saw(answered, seen(answered, sold, "3510.5", broker_order_id="1002"))
    world.runs.position = Position.SOLD if sold == 10 else Position.BOUGHT
    await world.runs.finish(workflow_id, outcome)
    return running


async def test_start_plans_the_day_and_answers_with_the_run(exchange: World) -> None:
    customer = await exchange.trader()
    created = await customer.create()
    answer = await customer.start(created["strategy_id"])
    assert answer.status_code == 200
    started = answer.json()
    assert (started["status"], started["phase"], started["position"]) == ("running", "waiting", "none")
    assert started["trading_day"] == "2026-11-23"
    assert datetime.fromisoformat(started["buy_at"]) == datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    assert started["workflow_id"] == f"strategy-{created['strategy_id']}-2026-11-23"
    assert started["run_id"]
    assert started["started_at"]


async def test_a_start_is_warned_as_soon_as_its_turn_would_come_too_late(exchange: World) -> None:
    customer = await exchange.trader()
    other = await exchange.trader()
    await asyncio.gather(*(other.running() for _ in range(3)))  # another account has a line of its own
    most = 5 * ENTRIES.a_second
    for _ in range(most):
        started = await customer.running()
    assert started["warnings"] == [], "the last that is in time"
    [warning] = (await customer.running())["warnings"]
    assert f"{most + 1} of your orders are due at 09:30; the broker takes 10 orders a second" in warning
    assert (await customer.running(buy_time="09:31"))["warnings"] == []
    [again] = (await customer.running())["warnings"]
    assert f"{most + 2} of your orders" in again


async def test_starts_that_come_at_once_count_each_other(exchange: World) -> None:
    customer = await exchange.trader()
    for _ in range(5 * ENTRIES.a_second - 4):
        await customer.running()
    made = [await customer.create() for _ in range(6)]
    answers = await asyncio.gather(*(customer.start(one["strategy_id"]) for one in made))
    assert sum(bool(answer.json()["warnings"]) for answer in answers) == 2


async def test_second_start_returns_the_same_run(exchange: World) -> None:
    customer = await exchange.trader()
    running = await customer.running()
    again = await customer.start(running["strategy_id"])
    assert again.status_code == 200
    assert json_of(again) == running
    assert len(exchange.runs.started) == 1


async def test_start_after_buy_time_is_for_the_next_trading_day(exchange: World) -> None:
    customer = await exchange.trader()
    exchange.clock.at = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)  # Friday, at buy_time
    created = await customer.create()
    assert (await customer.start(created["strategy_id"])).json()["trading_day"] == "2026-11-30"


async def test_start_after_a_stop_is_a_new_run(exchange: World) -> None:
    customer = await exchange.trader()
    running = await customer.running()
    await customer.stop(running["strategy_id"])
    again = (await customer.start(running["strategy_id"])).json()
    assert again["status"] == "running"
    assert again["run_id"] != running["run_id"]


async def test_start_needs_a_broker_account_but_not_a_live_login(exchange: World) -> None:
    customer = await exchange.customer()
    created = await customer.create()
    answer = await customer.start(created["strategy_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "broker_not_connected")
    exchange.clock.at = MONDAY_0830 - timedelta(days=2)
    await customer.connect()
    exchange.clock.at = MONDAY_0830
    started = await customer.start(created["strategy_id"])
    assert started.status_code == 200
    (warning,) = started.json()["warnings"]
    assert "log in again before 09:30 on 2026-11-23" in warning


async def test_start_the_evening_before_warns_that_the_login_ends_in_the_morning(exchange: World) -> None:
    customer = await exchange.customer()
    exchange.clock.at = MONDAY_0830 + timedelta(hours=9)  # 17:30
    await customer.connect()
    running = await customer.running()
    assert running["trading_day"] == "2026-11-24"
    (warning,) = running["warnings"]
    assert "ends at 06:00 on 2026-11-24" in warning
    assert "before 09:30 on 2026-11-24" in warning


async def test_start_beyond_the_calendar_says_the_last_known_day(exchange: World) -> None:
    customer = await exchange.trader()
    created = await customer.create()
    exchange.clock.at = datetime(2026, 12, 31, 12, 0, tzinfo=UTC)
    answer = await customer.start(created["strategy_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "calendar_unknown")
    assert "2026-12-31" in answer.json()["detail"]


@pytest.fixture
async def nse(store: Store, passwords: Passwords) -> World:
    """The exchange with its real calendar."""
    return new_world(store, passwords, calendar=ExchangeCalendar())


@pytest.mark.parametrize(
    ("now", "trading_day"),
    [
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), "2027-01-01"),  # Thursday, after the close
        (datetime(2027, 1, 1, 4, 0, tzinfo=UTC), "2027-01-04"),  # Friday, at buy_time
        (datetime(2027, 1, 2, 6, 0, tzinfo=UTC), "2027-01-04"),  # Saturday
        (datetime(2027, 1, 25, 12, 0, tzinfo=UTC), "2027-01-27"),  # the eve of Republic Day
    ],
)
async def test_start_in_a_year_without_a_published_list_goes_by_the_estimate_and_says_so(
    nse: World, now: datetime, trading_day: str
) -> None:
    nse.clock.at = now
    customer = await nse.trader()
    created = await customer.create()
    (foreseen,) = [words for words in created["warnings"] if "estimate" in words]
    answer = await customer.start(created["strategy_id"])
    assert answer.status_code == 200, answer.text
    started = answer.json()
    assert (started["status"], started["trading_day"]) == ("running", trading_day)
    (warning,) = [words for words in started["warnings"] if "estimate" in words]
    assert warning == foreseen
    assert "has not published its holidays for 2027" in warning
    assert trading_day in warning
    assert "again on that morning" in warning


async def test_start_on_a_published_day_speaks_of_no_estimate(nse: World) -> None:
    nse.clock.at = MONDAY_0830
    customer = await nse.trader()
    running = await customer.running()
    assert running["trading_day"] == "2026-11-23"
    assert [words for words in running["warnings"] if "estimate" in words] == []


async def test_left_over_shares_are_sold_although_the_calendar_cannot_be_read(
    store: Store, passwords: Passwords, tmp_path: Path
) -> None:
    file = tmp_path / "days.toml"
    file.write_text("")
    world = new_world(store, passwords, calendar=ExchangeCalendar(OverrideFile(file).read))
    world.clock.at = MONDAY_0830 + timedelta(hours=1)
    customer = await world.trader()
    running = await bought(world, customer, Outcome.ORDER_FAILED)
    file.write_text("closed = [")
    answer = await customer.stop(running["strategy_id"], on_stop="exit")
    assert answer.status_code in (200, 202), answer.text
    assert world.runs.started[-1].sell_only


async def test_start_says_try_again_when_temporal_is_away(exchange: World) -> None:
    customer = await exchange.trader()
    created = await customer.create()
    exchange.runs.away = True
    answer = await customer.start(created["strategy_id"])
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert (await customer.get(f"/strategy/{created['strategy_id']}")).json()["status"] == "created"


async def test_stop_before_the_first_start_is_refused(world: World) -> None:
    customer = await world.trader()
    created = await customer.create()
    answer = await customer.stop(created["strategy_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "not_started")


async def test_stop_answers_stopped_and_again_the_same(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    first = await customer.stop(running["strategy_id"])
    second = await customer.stop(running["strategy_id"], on_stop="keep")
    assert first.status_code == second.status_code == 200
    assert (first.json()["status"], first.json()["outcome"]) == ("stopped", "stopped")
    assert first.json() == second.json()
    assert [request.on_stop for request in world.runs.stops] == [None]


async def test_stop_that_takes_longer_is_accepted_and_goes_on(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    world.runs.slow_exit = True
    answer = await customer.stop(running["strategy_id"], on_stop="exit")
    assert answer.status_code == 202
    assert answer.json()["status"] == "running"
    world.runs.slow_exit = False
    assert (await customer.stop(running["strategy_id"])).status_code == 200


async def test_stop_answers_as_it_is_when_the_run_ended_meanwhile(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    world.runs.ends_before_stop = True
    answer = await customer.stop(running["strategy_id"])
    assert (answer.status_code, answer.json()["outcome"]) == (200, "sold")


async def test_stop_says_try_again_when_the_run_was_taken_away(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    world.runs.open.clear()
    answer = await customer.stop(running["strategy_id"])
    assert (answer.status_code, answer.json()["code"]) == (503, "run_missing")


async def test_finished_day_shows_fills_profit_and_orders(world: World) -> None:
    customer = await world.trader()
    running = await bought(world, customer, Outcome.SOLD, sold=10)
    shown = json_of(await customer.get(f"/strategy/{running['strategy_id']}"))
    assert (shown["status"], shown["position"], shown["outcome"]) == ("stopped", "sold", "sold")
    assert (shown["entry_price"], shown["exit_price"]) == (Decimal("3501.25"), Decimal("3510.5"))
    assert (shown["filled_quantity"], shown["pnl"]) == (10, Decimal("92.5"))
    for path in (f"/strategy/{running['strategy_id']}/orders", "/orders"):
        orders = json_of(await customer.get(path))["items"]
        assert [(order["leg"], order["side"], order["status"]) for order in orders] == [
            ("exit", "SELL", "complete"),
            ("entry", "BUY", "complete"),
        ]
        assert orders[1]["average_price"] == Decimal("3501.25")
        assert isinstance(orders[1]["lateness_ms"], int)
        assert set(orders[0]) == {
            *("order_id", "strategy_id", "leg", "reason", "attempt", "side", "quantity", "filled_quantity"),
            *("average_price", "status", "tag", "broker_order_id", "due_at", "sent_at", "acknowledged_at"),
            *("filled_at", "lateness_ms", "message", "order_type", "price", "trigger_price", "modifications"),
        }


async def test_orders_and_timeline_of_another_user_are_not_shown(world: World) -> None:
    owner, other = await world.trader(), await world.customer()
    running = await bought(world, owner, Outcome.SOLD, sold=10)
    assert len((await owner.get("/orders")).json()["items"]) == 2
    assert (await other.get("/orders")).json()["items"] == []
    async with world.store.read() as session:
        strategy_id, stranger = UUID(running["strategy_id"]), await other.id()
        assert await TimelineReader(session, stranger).after(strategy_id, 0, 10) == []
        assert await OrderLogReader(session, stranger).page(10, None, strategy_id) == []


async def test_intents_that_were_never_sent_are_not_in_the_order_log(world: World) -> None:
    customer = await world.trader()
    running = await bought(world, customer, Outcome.KEPT)
    orders = (await customer.get(f"/strategy/{running['strategy_id']}/orders")).json()["items"]
    assert [order["leg"] for order in orders] == ["entry"]


async def test_start_is_refused_while_shares_of_a_failed_exit_are_held(world: World) -> None:
    customer = await world.trader()
    running = await bought(world, customer, Outcome.SOLD)
    answer = await customer.start(running["strategy_id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "position_open")
    deleted = await customer.delete(f"/strategy/{running['strategy_id']}")
    assert (deleted.status_code, deleted.json()["code"]) == (409, "position_open")


async def test_start_is_free_again_when_the_shares_were_kept(world: World) -> None:
    customer = await world.trader()
    running = await bought(world, customer, Outcome.KEPT)
    assert (await customer.start(running["strategy_id"])).status_code == 200


async def test_stop_with_exit_sells_what_was_kept(world: World) -> None:
    customer = await world.trader()
    running = await bought(world, customer, Outcome.KEPT)
    quiet = await customer.stop(running["strategy_id"])
    assert (quiet.status_code, quiet.json()["outcome"]) == (200, "kept")
    assert len(world.runs.started) == 1
    sale = await customer.stop(running["strategy_id"], on_stop="exit")
    assert sale.status_code == 202
    assert sale.json()["status"] == "running"
    assert world.runs.started[-1].sell_only
    (workflow_id,) = world.runs.open
    world.runs.position = Position.SOLD
    await world.runs.finish(workflow_id)
    again = await customer.stop(running["strategy_id"], on_stop="exit")
    assert again.status_code == 200


async def test_profit_counts_what_is_held_at_the_last_price_and_is_unknown_without_one(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    desk = desk_of(world)
    await due_already(world)
    entry = await desk.accepted(desk.key(day=world.runs.started[-1].plan.trading_day))
    await desk.log.saw(entry, seen(entry, 10))
    path = f"/strategy/{running['strategy_id']}"
    assert json_of(await customer.get(path))["pnl"] is None
    world.prices.price = Decimal("3499.15")
    shown = json_of(await customer.get(path))
    assert (shown["pnl"], shown["last_price"], shown["position"]) == (
        Decimal(-21),
        Decimal("3499.15"),
        "bought",
    )
    world.prices.away = True
    assert json_of(await customer.get(path))["pnl"] is None


async def test_timeline_is_paged_oldest_first(world: World) -> None:
    customer = await world.trader()
    running = await bought(world, customer, Outcome.SOLD, sold=10)
    path = f"/strategy/{running['strategy_id']}/timeline"
    whole = (await customer.get(path)).json()
    assert whole["next"] is None
    assert [entry["kind"] for entry in whole["items"]][0::100] == ["started"]
    assert set(whole["items"][0]) == {"event_id", "at", "strategy_id", "kind", "phase", "text", "data"}
    ids = [entry["event_id"] for entry in whole["items"]]
    assert ids == sorted(ids)
    cursor, paged = "", []
    while cursor is not None:
        page = (await customer.get(path, params={"limit": 2, "cursor": cursor})).json()
        paged += page["items"]
        cursor = page["next"]
    assert paged == whole["items"]


async def test_running_strategy_is_not_deleted(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    answer = await customer.delete(f"/strategy/{running['strategy_id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "strategy_running")
