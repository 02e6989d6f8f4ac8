"""`/account`: a user's limits and kill switch over REST."""

from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal

import pytest

from adapters.calendar.exchange import open_calendar
from adapters.postgres.account_days import PostgresAccountDays
from adapters.postgres.engine import Store
from adapters.postgres.limits import set_operator_switch, set_system_switch
from api.account.view import shown as account_shown
from domain.account_day import Breach
from domain.limits import KillExits, LimitName, OnBreach
from domain.session import at, exchange_time
from domain.strategy import OnStop
from services.auth.passwords import Passwords
from tests.api_world import World, json_of, new_world
from tests.fakes.manual_clock import ManualClock

NO_LIMITS = {
    **dict.fromkeys(["order_quantity", "order_value", "daily_loss", "symbols", "daily_profit"]),
    "trades_a_day": None,
    "on_breach": "block",
}
OFF = {"on": False, "exits": None, "reason": "", "since": None}


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


async def test_nothing_is_limited_at_first(world: World) -> None:
    customer = await world.customer()
    assert json_of(await customer.get("/account")) == {
        "kill_switch": OFF,
        "operator": OFF,
        "system": OFF,
        "limits": NO_LIMITS,
        "breach": None,
        "selling": 0,
        "untold": 0,
        "sold": 0,
    }


async def test_limits_are_replaced_together_and_are_one_users(world: World) -> None:
    mine, yours = await world.customer(), await world.customer()
    wanted = {"order_quantity": 50, "order_value": 250000.5, "daily_loss": 1000, "symbols": ["tcs", "INFY"]}
    answer = await world.http.put("/account/limits", json=wanted, headers=mine.bearer)
    assert json_of(answer)["limits"] == NO_LIMITS | {
        "order_quantity": 50,
        "order_value": Decimal("250000.5"),
        "daily_loss": 1000,
        "symbols": ["TCS", "INFY"],
    }
    assert json_of(await yours.get("/account"))["limits"]["order_quantity"] is None
    answer = await world.http.put("/account/limits", json={"daily_loss": 500}, headers=mine.bearer)
    assert json_of(answer)["limits"]["symbols"] is None


async def test_limits_of_a_day_are_kept_and_given_back(world: World) -> None:
    customer = await world.customer()
    wanted = {"daily_loss": 1000, "daily_profit": 2500.5, "trades_a_day": 3, "on_breach": "exit"}
    answer = await world.http.put("/account/limits", json=wanted, headers=customer.bearer)
    assert json_of(answer)["limits"] == NO_LIMITS | wanted | {"daily_profit": Decimal("2500.5")}
    answer = await world.http.put("/account/limits", json={}, headers=customer.bearer)
    assert json_of(answer)["limits"] == NO_LIMITS


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("daily_profit", -5, "above 0"),
        ("daily_profit", "2500", "amount in rupees"),
        ("trades_a_day", 0, "kill switch"),
        ("trades_a_day", -1, "at least 1"),
        ("trades_a_day", 2.5, "whole number of trades"),
        ("trades_a_day", True, "whole number of trades"),
        ("on_breach", "sell", '"exit"'),
        ("on_breach", None, '"block"'),
        ("on_breach", ["exit"], '"block"'),
    ],
)
async def test_refusal_names_the_field_and_what_would_be_right(
    world: World, field: str, value: object, words: str
) -> None:
    customer = await world.customer()
    answer = await world.http.put("/account/limits", json={field: value}, headers=customer.bearer)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["message"]


async def test_breach_of_today_is_shown_with_its_end_and_is_one_users(world: World, store: Store) -> None:
    mine, yours = await world.customer(), await world.customer()
    today = exchange_time(world.deps.clock.now()).date()
    rows = (
        (today, LimitName.TRADES_A_DAY, Decimal(3), None),
        (today, LimitName.DAILY_LOSS, Decimal(1000), Decimal("-1020.456")),
        (today - timedelta(days=1), LimitName.DAILY_PROFIT, Decimal(5), Decimal(5)),
    )
    days = PostgresAccountDays(store)
    for day, limit, value, net in rows:
        await days.breach(await mine.id(), day, Breach(limit, value, net, OnBreach.EXIT))
    shown = json_of(await mine.get("/account"))["breach"]
    assert shown.pop("since") is not None
    assert date.fromisoformat(shown.pop("until")) > today
    assert shown == {
        "limit": "daily_loss",
        "value": 1000,
        "net": Decimal("-1020.46"),
        "on_breach": "exit",
    }
    assert json_of(await yours.get("/account"))["breach"] is None


async def test_breach_is_shown_over_the_weekend_and_gone_on_the_next_trading_day(
    store: Store, passwords: Passwords
) -> None:
    friday, days = date(2026, 11, 27), PostgresAccountDays(store)
    world = new_world(store, passwords, calendar=open_calendar("XNSE"))
    customer = await world.customer()
    breach = Breach(LimitName.DAILY_PROFIT, Decimal(1000), Decimal(1001), OnBreach.BLOCK)
    await days.breach(await customer.id(), friday, breach)
    user_id = await customer.id()
    shown = {
        day: (await account_shown(replace(world.deps, clock=ManualClock(at(day, time(12)))), user_id)).breach
        for day in (friday, friday + timedelta(days=1), friday + timedelta(days=3))
    }
    saturday = shown[friday + timedelta(days=1)]
    assert saturday is not None
    assert saturday.until == date(2026, 11, 30)
    assert shown[friday + timedelta(days=3)] is None


@pytest.mark.parametrize(
    "body",
    [
        {"daily_loss": 0},
        {"daily_loss": -1},
        {"daily_loss": "1000"},
        {"daily_loss": True},
        {"order_quantity": 1.5},
        {"symbols": "TCS"},
        {"symbols": ["T" * 41]},
        {"kill_switch": False},
    ],
)
async def test_limit_that_is_none_is_refused(world: World, body: dict[str, object]) -> None:
    customer = await world.customer()
    answer = await world.http.put("/account/limits", json=body, headers=customer.bearer)
    assert answer.status_code == 422


async def test_start_says_that_the_kill_switch_is_on(world: World) -> None:
    trader = await world.trader()
    strategy_id = (await trader.create())["strategy_id"]
    shown = json_of(await trader.post("/account/kill-switch", {"on": True, "reason": "bad day"}))
    assert shown["kill_switch"]["on"] is True
    assert shown["kill_switch"]["exits"] == "keep"
    assert shown["kill_switch"]["since"] is not None
    refused = await trader.start(strategy_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "kill_switch")
    assert json_of(await trader.post("/account/kill-switch", {"on": False}))["kill_switch"] == OFF
    assert (await trader.start(strategy_id)).status_code == 200


async def test_start_says_that_the_operator_has_stopped_all_buying(world: World) -> None:
    trader = await world.trader()
    strategy_id = (await trader.create())["strategy_id"]
    async with world.store.work() as session:
        await set_system_switch(session, KillExits.KEEP, "the exchange is ill")
    refused = await trader.start(strategy_id)
    assert refused.json()["code"] == "system_halted"
    assert "the exchange is ill" in refused.json()["detail"]
    assert json_of(await trader.get("/account"))["system"]["on"] is True


async def test_what_the_operator_has_stopped_is_not_for_the_user_to_allow(world: World) -> None:
    trader = await world.trader()
    strategy_id = (await trader.create())["strategy_id"]
    async with world.store.work() as session:
        await set_operator_switch(session, await trader.id(), KillExits.KEEP, "orders that look like a fault")
    shown = json_of(await trader.post("/account/kill-switch", {"on": False}))
    assert (shown["operator"]["on"], shown["operator"]["reason"]) == (True, "orders that look like a fault")
    refused = await trader.start(strategy_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "suspended")
    assert "look like a fault" in refused.json()["detail"]


async def test_kill_switch_with_exit_sells_what_runs_of_its_user_alone(world: World) -> None:
    trader, other = await world.trader(), await world.trader()
    await trader.running()
    await trader.running(on_stop="keep")
    await other.running()
    shown = json_of(await trader.post("/account/kill-switch", {"on": True, "exits": "exit"}))
    assert shown["selling"] == 2
    assert [stop.on_stop for stop in world.runs.stops] == [OnStop.EXIT, OnStop.EXIT]
    statuses = [item["status"] for item in (await trader.get("/strategy")).json()["items"]]
    assert statuses == ["stopped", "stopped"]
    assert (await other.get("/strategy")).json()["items"][0]["status"] == "running"


async def test_kill_switch_holds_although_temporal_is_away(world: World) -> None:
    """What could not be told to sell now is told by the reconciler."""
    trader = await world.trader()
    await trader.running()
    world.runs.away = True
    answer = await trader.post("/account/kill-switch", {"on": True, "exits": "exit"})
    assert (answer.status_code, answer.json()["selling"], answer.json()["untold"]) == (200, 0, 1)
    assert json_of(await trader.get("/account"))["kill_switch"]["exits"] == "exit"


async def test_kill_switch_with_keep_stops_nothing_that_runs(world: World) -> None:
    trader = await world.trader()
    await trader.running()
    shown = json_of(await trader.post("/account/kill-switch", {"on": True}))
    assert shown["selling"] == 0
    assert world.runs.stops == []
