"""Shares that a failed exit left: sold, kept on the user's word, or found to be gone."""

import pytest

from adapters.postgres.engine import Store
from domain.strategy import Outcome
from services.auth.passwords import Passwords
from tests.api_world import World, new_world
from tests.integration.test_api_runs import bought


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


async def test_left_over_shares_are_kept_on_the_users_word_and_then_all_is_free(world: World) -> None:
    customer = await world.trader()
    strategy_id = (await bought(world, customer, Outcome.ORDER_FAILED))["strategy_id"]
    kept = await customer.stop(strategy_id, on_stop="keep")
    assert kept.status_code == 200
    assert (kept.json()["outcome"], kept.json()["position"]) == ("kept", "bought")
    again = await customer.stop(strategy_id, on_stop="keep")
    assert (again.status_code, again.json()["outcome"]) == (200, "kept")
    assert len(world.runs.started) == 2, "the second word finds them kept"
    assert (await customer.start(strategy_id)).status_code == 200


async def test_left_over_shares_are_kept_without_a_broker_account(world: World) -> None:
    customer = await world.trader()
    strategy_id = (await bought(world, customer, Outcome.ORDER_FAILED))["strategy_id"]
    assert (await customer.delete("/broker")).status_code == 204
    kept = await customer.stop(strategy_id, on_stop="keep")
    assert (kept.status_code, kept.json()["outcome"]) == (200, "kept")
    assert (await customer.delete(f"/strategy/{strategy_id}")).status_code == 204


async def test_a_start_looks_whether_left_over_shares_are_still_there(world: World) -> None:
    customer = await world.trader()
    strategy_id = (await bought(world, customer, Outcome.ORDER_FAILED))["strategy_id"]
    refused = await customer.start(strategy_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "position_open")
    assert "keep" in refused.json()["detail"]
    world.runs.gone = True
    started = await customer.start(strategy_id)
    assert (started.status_code, started.json()["position"]) == (200, "none")


async def test_a_release_leaves_the_day_of_the_strategy_as_it_was(world: World) -> None:
    customer = await world.trader()
    before = await bought(world, customer, Outcome.ORDER_FAILED)
    kept = (await customer.stop(before["strategy_id"], on_stop="keep")).json()
    for name in ("trading_day", "buy_at", "sell_at"):
        assert kept[name] == before[name]
    assert kept["entry_price"] == 3501.25


async def test_to_keep_shares_is_written_into_the_audit_log(world: World) -> None:
    customer = await world.trader()
    strategy_id = (await bought(world, customer, Outcome.ORDER_FAILED))["strategy_id"]
    await customer.stop(strategy_id, on_stop="keep")
    lines = (await customer.get("/account/audit")).json()["items"]
    assert any("on_stop keep" in str(line) and strategy_id in str(line) for line in lines)


async def test_a_stop_without_a_word_on_the_shares_changes_nothing(world: World) -> None:
    customer = await world.trader()
    strategy_id = (await bought(world, customer, Outcome.ORDER_FAILED))["strategy_id"]
    answer = await customer.stop(strategy_id)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "order_failed")
    assert len(world.runs.started) == 1
