"""Strategies that repeat, over REST: created, started, left out, edited while they wait, and stopped."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.series import PostgresSeries
from domain.run import (
    FinishRun,
    StartRun,
)
from domain.series import EndDay
from domain.session import exchange_time
from domain.strategy import Outcome, Position
from execution.series_days import SeriesDays
from services.auth.passwords import Passwords
from tests.api_world import STRATEGY, Customer, World, json_of, new_world
from tests.fakes.calendar import Weekdays
from tests.fakes.instruments import listing_nothing
from tests.fakes.noted_closes import comparing_nothing
from tests.fakes.trading_days import MemoryTradingDays
from tests.store_rows import just_now

WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
REPEATED = {"buy_time": "00:00:01", "sell_time": "23:59:58", "repeat": {"days": WEEK}}


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


@pytest.fixture
async def customer(world: World) -> Customer:
    return await world.trader()


def tomorrow(ahead: int = 1) -> date:
    return exchange_time(just_now()).date() + timedelta(days=ahead)


async def next_day_of(world: World, start: StartRun) -> StartRun:
    """End the day of a START as its run would, and begin the run of the next."""
    series = PostgresSeries(world.store)
    days = SeriesDays(
        series, MemoryTradingDays(), world.clock, comparing_nothing(world.clock), listing_nothing()
    )
    (request,) = [one for one in world.runs.open.values() if one.start.start_id == start.start_id]
    finish = FinishRun(request.ref, start.strategy, Outcome.SKIPPED, "for the test", Position.NONE)
    following = await days.end_day(EndDay(finish, start, asked=False))
    del world.runs.open[request.ref.workflow_id]
    assert following is not None
    await world.runs.start(following)
    return following


async def test_a_repetition_is_answered_as_it_was_given(customer: Customer) -> None:
    repeat = {"days": ["mon", "wed"], "until": "2030-01-31"}
    created = await customer.create(repeat={"days": ["wed", "mon"], "until": "2030-01-31"})
    assert created["terms"]["repeat"] == created["repeat"] == repeat
    assert created["next_trading_day"] is None
    edited = await customer.http.patch(
        f"/strategy/{created['strategy_id']}", json={"quantity": 7}, headers=customer.bearer
    )
    assert json_of(edited)["repeat"] == repeat


@pytest.mark.parametrize(
    ("repeat", "code"),
    [
        ({"days": []}, "no_days"),
        ({"days": ["mon", "mon"]}, "no_days"),
        ({"days": ["monday"]}, "no_days"),
        ({"days": "mon"}, "no_days"),
        ({"days": [1]}, "no_days"),
        ({"days": ["mon"], "until": "2020-01-01"}, "until_past"),
        ({"days": ["mon"], "until": "soon"}, "not_a_day"),
        ({"days": ["mon"], "until": 20300101}, "not_a_day"),
        ({"until": "2030-01-01"}, "missing"),
        ({"days": ["mon"], "often": True}, "unknown_field"),
    ],
)
async def test_a_repetition_that_cannot_be_is_refused(
    customer: Customer, repeat: dict[str, Any], code: str
) -> None:
    answer = await customer.post("/strategy/create", {**STRATEGY, "repeat": repeat})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert (error["field"].split(".")[0], error["code"]) == ("repeat", code)


async def test_days_on_which_nothing_trades_are_refused(store: Store, passwords: Passwords) -> None:
    world = new_world(store, passwords, calendar=Weekdays())
    world.clock.at = just_now().replace(year=2026, month=11, day=23, hour=3)
    customer = await world.customer()
    answer = await customer.post("/strategy/create", {**STRATEGY, "repeat": {"days": ["sat", "sun"]}})
    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == ["no_trading_day"]


async def test_between_two_days_it_runs_and_waits_and_shows_what_the_last_one_came_to(
    world: World, customer: Customer
) -> None:
    started = await customer.running(**REPEATED)
    assert (started["status"], started["phase"]) == ("running", "waiting")
    following = await next_day_of(world, world.runs.started[-1])
    shown = json_of(await customer.get(f"/strategy/{started['strategy_id']}"))
    assert (shown["status"], shown["phase"], shown["outcome"]) == ("running", "waiting", None)
    assert shown["trading_day"] == shown["next_trading_day"] == following.plan.trading_day.isoformat()
    assert (shown["last_day"]["outcome"], shown["last_day"]["trading_day"]) == (
        "skipped",
        started["trading_day"],
    )
    again = json_of(await customer.start(started["strategy_id"]))
    assert again["run_id"] == shown["run_id"], "a second START is the same run"


async def test_a_stop_between_two_days_ends_it(world: World, customer: Customer) -> None:
    started = await customer.running(**REPEATED)
    await next_day_of(world, world.runs.started[-1])
    stopped = await customer.stop(started["strategy_id"])
    assert (stopped.status_code, json_of(stopped)["status"]) == (200, "stopped")
    assert json_of(stopped)["next_trading_day"] is None


async def test_the_kill_switch_between_two_days_ends_it(world: World, customer: Customer) -> None:
    await customer.running(**REPEATED)
    following = await next_day_of(world, world.runs.started[-1])
    answer = await customer.post("/account/kill-switch", {"on": True, "exits": "keep", "reason": "holidays"})
    assert answer.status_code == 200, answer.text
    assert await PostgresSeries(world.store).state(following) is None


async def test_it_is_edited_while_it_waits_and_its_run_is_told(world: World, customer: Customer) -> None:
    started = await customer.running(**REPEATED)
    await next_day_of(world, world.runs.started[-1])
    edited = await customer.http.patch(
        f"/strategy/{started['strategy_id']}", json={"quantity": 25}, headers=customer.bearer
    )
    assert edited.status_code == 200, edited.text
    assert (json_of(edited)["quantity"], json_of(edited)["status"]) == (25, "running")
    assert len(world.runs.told_plan_anew) == 1


@pytest.mark.parametrize(("change", "answers"), [({"stop_loss": 3400}, True), ({"quantity": 25}, False)])
async def test_prices_that_are_in_question_are_confirmed_by_sending_them_again(
    world: World, customer: Customer, change: dict[str, int], answers: bool
) -> None:
    started = await customer.running(**{**REPEATED, "stop_loss": 3400})
    following = await next_day_of(world, world.runs.started[-1])
    async with world.store.work() as session:
        await session.execute(text("UPDATE series SET asked_on = current_date, close_day = current_date"))
    path = f"/strategy/{started['strategy_id']}"
    edited = await customer.http.patch(path, json=change, headers=customer.bearer)
    assert edited.status_code == 200, edited.text
    state = await PostgresSeries(world.store).state(following)
    assert state is not None
    assert (state.asked_on is None) is answers


async def test_it_is_not_edited_once_its_day_has_begun_nor_out_of_its_series(
    world: World, customer: Customer
) -> None:
    started = await customer.running(**REPEATED)
    path = f"/strategy/{started['strategy_id']}"
    taken = await customer.http.patch(path, json={"repeat": None}, headers=customer.bearer)
    assert (taken.status_code, taken.json()["code"]) == (409, "strategy_running")
    assert "which ends its series" in taken.json()["detail"]
    await _in_phase(world, started["strategy_id"], "entering")
    late = await customer.http.patch(path, json={"quantity": 25}, headers=customer.bearer)
    assert (late.status_code, late.json()["code"]) == (409, "strategy_running")


async def test_a_day_is_left_out(world: World, customer: Customer) -> None:
    started = await customer.running(**REPEATED)
    waits = date.fromisoformat(started["trading_day"])
    answer = await customer.post(
        f"/strategy/{started['strategy_id']}/skip", {"trading_day": waits.isoformat()}
    )
    assert answer.status_code == 200, answer.text
    assert len(world.runs.told_plan_anew) == 1
    state = await PostgresSeries(world.store).state(world.runs.started[-1])
    assert state is not None
    assert state.left_out == {waits}


async def test_a_day_that_trades_is_over_or_does_not_repeat_is_not_left_out(
    world: World, customer: Customer
) -> None:
    started = await customer.running(**REPEATED)
    path = f"/strategy/{started['strategy_id']}/skip"
    over = await customer.post(path, {"trading_day": "2026-01-05"})
    assert (over.status_code, over.json()["errors"][0]["code"]) == (422, "day_over")
    await _in_phase(world, started["strategy_id"], "entering")
    begun = await customer.post(path, {"trading_day": started["trading_day"]})
    assert (begun.status_code, begun.json()["code"]) == (409, "day_has_orders")
    plain = await customer.running()
    refused = await customer.post(
        f"/strategy/{plain['strategy_id']}/skip", {"trading_day": tomorrow(5).isoformat()}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "not_repeating")


async def _in_phase(world: World, strategy_id: str, phase: str) -> None:
    async with world.store.work() as session:
        await session.execute(
            text("UPDATE strategies SET phase = :phase WHERE strategy_id = :id"),
            {"phase": phase, "id": strategy_id},
        )
