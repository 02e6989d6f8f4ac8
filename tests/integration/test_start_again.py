"""A START that is sent again under its Idempotency-Key happens once, whatever has ended since."""

import asyncio

import pytest
from httpx import Response
from sqlalchemy import text

from adapters.postgres.engine import Store
from services.auth.passwords import Passwords
from tests.api_world import MONDAY_0830, STRATEGY, Customer, World, new_world
from tests.fakes.calendar import Weekdays


@pytest.fixture
async def exchange(store: Store, passwords: Passwords) -> World:
    """A Monday morning at the exchange."""
    opened = new_world(store, passwords, calendar=Weekdays())
    opened.clock.at = MONDAY_0830
    return opened


async def _press(customer: Customer, strategy_id: str, key: str) -> Response:
    headers = customer.bearer | {"Idempotency-Key": key}
    return await customer.http.post("/strategy/start", json={"strategy_id": strategy_id}, headers=headers)


async def test_a_start_that_is_sent_again_after_its_day_has_ended_begins_no_other(exchange: World) -> None:
    customer = await exchange.trader()
    strategy_id = str((await customer.create())["strategy_id"])
    assert (await _press(customer, strategy_id, "monday")).json()["status"] == "running"
    await customer.stop(strategy_id)
    again = await _press(customer, strategy_id, "monday")
    assert (again.status_code, again.json()["status"]) == (200, "stopped")
    assert (await _press(customer, strategy_id, "tuesday")).json()["status"] == "running"
    assert len(exchange.runs.started) == 2
    await customer.stop(strategy_id)
    assert (await _press(customer, strategy_id, "monday")).json()["status"] == "stopped", "an older one"


async def test_a_start_whose_run_never_began_begins_when_it_is_sent_again(exchange: World) -> None:
    customer = await exchange.trader()
    strategy_id = str((await customer.create())["strategy_id"])
    exchange.runs.away = True
    assert (await _press(customer, strategy_id, "monday")).status_code == 503
    exchange.runs.away = False
    running = (await _press(customer, strategy_id, "monday")).json()
    assert running["status"] == "running"
    [start] = exchange.runs.started
    assert start.account, "as it was written down"


async def test_a_start_that_is_sent_again_beside_another_that_has_not_begun_begins(exchange: World) -> None:
    customer = await exchange.trader()
    strategy_id = str((await customer.create())["strategy_id"])
    exchange.runs.away = True
    for key in ("one finger", "another"):
        assert (await _press(customer, strategy_id, key)).status_code == 503
    exchange.runs.away = False
    assert (await _press(customer, strategy_id, "one finger")).json()["status"] == "running"


async def test_a_start_that_never_began_does_not_begin_after_a_later_one_has_ended(exchange: World) -> None:
    customer = await exchange.trader()
    strategy_id = str((await customer.create())["strategy_id"])
    exchange.runs.away = True
    assert (await _press(customer, strategy_id, "monday")).status_code == 503
    exchange.runs.away = False
    await _press(customer, strategy_id, "once more")
    await customer.stop(strategy_id)
    assert (await _press(customer, strategy_id, "monday")).json()["status"] == "stopped"
    assert len(exchange.runs.started) == 1


async def test_starts_at_once_under_one_key_are_one(exchange: World) -> None:
    customer = await exchange.trader()
    strategy_id = str((await customer.create())["strategy_id"])
    answers = await asyncio.gather(*(_press(customer, strategy_id, "monday") for _ in range(4)))
    assert {answer.json()["status"] for answer in answers} == {"running"}
    assert len({start.start_id for start in exchange.runs.started}) == 1


async def test_a_start_right_after_a_stop_begins_though_the_run_before_is_open(exchange: World) -> None:
    customer = await exchange.trader()
    strategy_id = str((await customer.running())["strategy_id"])
    await customer.stop(strategy_id)
    exchange.runs.closing = 3
    assert (await _press(customer, strategy_id, "once more")).json()["status"] == "running"
    assert len(exchange.runs.started) == 2


async def test_a_start_whose_run_does_not_begin_is_no_success(exchange: World) -> None:
    customer = await exchange.trader()
    strategy_id = str((await customer.running())["strategy_id"])
    await customer.stop(strategy_id)
    exchange.runs.closing = 1_000_000
    assert (await _press(customer, strategy_id, "once more")).status_code == 503
    exchange.runs.closing = 0
    assert (await _press(customer, strategy_id, "once more")).json()["status"] == "running"


async def test_one_key_starts_each_of_two_strategies(exchange: World) -> None:
    customer = await exchange.trader()
    made = [str((await customer.create())["strategy_id"]) for _ in range(2)]
    for one in made:
        assert (await _press(customer, one, "monday")).json()["status"] == "running"


async def test_a_start_and_a_check_say_that_a_limit_bars_the_day(exchange: World) -> None:
    customer = await exchange.trader()
    created = await customer.create()
    add = (
        "INSERT INTO breaches (user_id, trading_day, limit_name, value, net, on_breach) "
        "VALUES (:user_id, :day, 'daily_loss', 50, -85, 'block')"
    )
    async with exchange.store.work() as session:
        await session.execute(text(add), {"user_id": await customer.id(), "day": MONDAY_0830.date()})
    checked = (await customer.post("/strategy/check", STRATEGY)).json()
    started = (await _press(customer, str(created["strategy_id"]), "monday")).json()
    for answer in (checked, started):
        assert any("Your limit for a day's loss was reached" in words for words in answer["warnings"]), answer
