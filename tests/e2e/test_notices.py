"""A fill is told to whom it belongs while the product runs, and once, whoever dies meanwhile."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.browsers import push_service, senders
from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon
from tests.receivers import Hook, hook


async def told(trader: Trader, receiver: Hook) -> dict[str, Any]:
    words = {"kind": "webhook", "address": receiver.url}
    made: dict[str, Any] = (await trader.post("/notices/channels", words, expect=201)).json()
    return made


async def test_test_message_arrives_while_its_user_looks(product: Product, trader: Trader) -> None:
    async with hook() as receiver:
        channel = await told(trader, receiver)
        answer = (await trader.post(f"/notices/channels/{channel['channel_id']}/test")).json()
        assert (answer["status"], answer["message"]) == ("sent", "")
        receiver.verify(channel["secret"])
        assert receiver.notices[0]["type"] == "test"


async def test_browser_is_told_by_the_key_that_up_has_made(product: Product, trader: Trader) -> None:
    key = (await trader.get("/notices/push-key"))["key"]
    async with push_service() as (browser, service):
        words = {"kind": "push", "subscription": browser.subscription}
        channel = (await trader.post("/notices/channels", words, expect=201)).json()
        assert channel["shown"] == "This browser (127.0.0.1)"
        answer = (await trader.post(f"/notices/channels/{channel['channel_id']}/test")).json()
        assert (answer["status"], answer["message"]) == ("sent", "")
        (shown,) = browser.shown(service)
        assert (shown["title"], shown["place"]) == ("Stopwatch: Test", "#/account")
        assert shown["tag"] == answer["notice_id"]
        assert len(senders(service, key)) == 1


async def test_a_day_is_told_fill_by_fill_signed_and_without_a_secret(
    product: Product, trader: Trader
) -> None:
    async with hook() as receiver:
        channel = await told(trader, receiver)
        buy_at = await soon(2)
        strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=6))
        await trader.start(strategy_id)
        await trader.until(strategy_id, status="stopped")
        await receiver.until(2)
        receiver.verify(channel["secret"])
        assert [notice["type"] for notice in receiver.notices] == ["fill", "fill"]
        assert {notice["data"]["strategy_id"] for notice in receiver.notices} == {strategy_id}
        bought, sold = (notice["data"]["text"] for notice in receiver.notices)
        assert bought.startswith("Bought 10 TCS")
        assert sold.startswith("Sold 10 TCS")
        happened = [datetime.fromisoformat(notice["timestamp"]) for notice in receiver.notices]
        events = (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]
        fills = [event["at"] for event in events if event["kind"] in ("bought", "sold")]
        assert happened == [datetime.fromisoformat(at) for at in fills]
        said = b"".join(body for _, body in receiver.requests)
        secrets = (trader.account[name] for name in ("api_key", "api_secret", "access_token"))
        assert not [secret for secret in (*secrets, channel["secret"]) if secret.encode() in said]


@pytest.mark.proof
async def test_nothing_is_told_twice_though_the_worker_dies_while_it_tells(
    product: Product, trader: Trader
) -> None:
    async def slow(_: int) -> int:
        await asyncio.sleep(3)
        return 204

    async with hook() as receiver:
        receiver.behave = slow
        await told(trader, receiver)
        buy_at = await soon(2)
        strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=20))
        await trader.start(strategy_id)
        await receiver.until(1)
        await product.kill("worker")  # the receiver has it, nobody knows
        ended = await trader.until(strategy_id, status="stopped")
        assert ended["outcome"] == "sold"
        # The sale waits behind the fill that is in doubt, and is told when that is given up: unknown.
        await receiver.until(2, seconds=120)
        assert len(set(receiver.ids)) == 2
        notices = (await trader.get("/notices"))["items"]
        assert [notice["status"] for notice in notices] in (["sent", "unknown"], ["sending", "unknown"])
