"""The account is not ours alone: the user trades the same shares in the broker's own app."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis

from adapters.redis.stop_events import SEPARATOR, event_of
from adapters.secrets.stop_signatures import StopSignatures
from domain.hit_stop import HitStop
from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

pytestmark = [pytest.mark.usefixtures("calm"), pytest.mark.proof]


async def by_hand(trader: Trader, action: str, **what: object) -> dict[str, Any]:
    """Act on the account as the broker's own app does, on MIS shares of TCS unless told."""
    words = {"user_id": trader.account["user_id"], "action": action, "symbol": "TCS", "product": "MIS"}
    done: dict[str, Any] = await trader.product.paper("/_paper/hand", **(words | what))
    return done


async def by_another_program(trader: Trader, side: str, quantity: int) -> None:
    """Order over Kite Connect with the account's own token, as another program of the user does."""
    account = trader.account
    order = {
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "transaction_type": side,
        "quantity": str(quantity),
        "product": "MIS",
        "order_type": "MARKET",
        "market_protection": "-1",
        "validity": "DAY",
    }
    headers = {"Authorization": f"token {account['api_key']}:{account['access_token']}"}
    async with httpx.AsyncClient(base_url=trader.product.endpoints["paper"], headers=headers) as kite:
        answer = await kite.post("/orders/regular", data=order)
        assert answer.status_code == 200, answer.text


async def net(trader: Trader, symbol: str = "TCS") -> int:
    """Return what the exchange's ledger says the account has bought less what it has sold."""
    orders = [order for order in await trader.ledger() if order["tradingsymbol"] == symbol]
    signs = {"BUY": 1, "SELL": -1}
    return sum(signs[order["transaction_type"]] * order["filled_quantity"] for order in orders)


async def holding(trader: Trader, hold: float, **changes: object) -> tuple[str, datetime]:
    """Bring a strategy to where it holds; return its id and its sell_at."""
    buy_at = await soon(2, length=180)
    sell_at = buy_at + timedelta(seconds=hold)
    strategy_id = await trader.create(buy_at, sell_at, **({"product": "MIS"} | changes))
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    return strategy_id, sell_at


async def fall(product: Product, symbol: str = "TCS", price: float = 2990) -> None:
    await product.paper("/_paper/price", symbol=symbol, price=price)


def assert_closed_outside(ended: dict[str, Any]) -> None:
    assert (ended["outcome"], ended["position"]) == ("closed_outside", "sold"), ended
    assert ended["pnl"] is None
    assert ended["exit_price"] is None
    assert "gone at the broker" in ended["outcome_detail"]


@pytest.mark.parametrize("how", ["sell_time", "stop", "STOP"])
async def test_nothing_is_sold_when_the_user_has_sold_by_hand(
    product: Product, trader: Trader, how: str
) -> None:
    strategy_id, _ = await holding(trader, 6 if how == "sell_time" else 100)
    await by_hand(trader, "sell", quantity=10)
    if how == "stop":
        await fall(product)
    elif how == "STOP":
        await trader.stop(strategy_id, on_stop="exit")
    assert_closed_outside(await trader.until(strategy_id, status="stopped"))
    assert await net(trader) == 0, await trader.ledger()
    assert len(await trader.ledger()) == 2
    lines = (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]
    assert "gone at the broker" in lines[-1]["text"]
    again = await trader.http.post("/strategy/start", json={"strategy_id": strategy_id})
    assert again.status_code == 200, "nothing is left that would have to be sold first"
    await trader.stop(strategy_id)


async def test_nothing_is_sold_when_the_risk_desk_has_squared_off(product: Product, trader: Trader) -> None:
    strategy_id, _ = await holding(trader, 100)
    squared = await by_hand(trader, "square_off")
    assert [order["filled_quantity"] for order in squared["orders"]] == [10]
    await fall(product)
    assert_closed_outside(await trader.until(strategy_id, status="stopped"))
    assert await net(trader) == 0


@pytest.mark.parametrize(("converted", "left"), [(10, 0), (4, 6)])
async def test_shares_that_the_user_converted_are_not_sold_as_what_they_were(
    product: Product, trader: Trader, converted: int, left: int
) -> None:
    strategy_id, _ = await holding(trader, 100)
    await by_hand(trader, "convert", quantity=converted, **{"from": "MIS", "to": "CNC"})
    await fall(product)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["position"], ended["pnl"]) == ("sold", None), ended
    assert ended["outcome"] == ("stop_loss" if left else "closed_outside")
    assert await net(trader) == 10 - left, "what was converted is still the user's, under its new product"


async def test_what_was_sold_by_hand_is_not_sold_again_though_the_order_book_shows_it_late(
    product: Product, trader: Trader
) -> None:
    strategy_id, _ = await holding(trader, 100)
    match = {"user_id": trader.account["user_id"], "side": "SELL"}
    await product.paper("/_paper/faults", kind="late_visibility", match=match, delay=30)
    await by_another_program(trader, "SELL", 10)
    await fall(product)
    assert_closed_outside(await trader.until(strategy_id, status="stopped"))
    assert await net(trader) == 0


async def test_what_is_left_is_sold_when_the_user_has_sold_a_part_by_hand(
    product: Product, trader: Trader
) -> None:
    strategy_id, _ = await holding(trader, 100, product="CNC")
    await by_hand(trader, "sell", quantity=4, product="CNC")
    await fall(product)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["pnl"]) == ("stop_loss", None), ended
    assert "sold 6 TCS" in ended["outcome_detail"]
    assert await net(trader) == 0
    assert [order["filled_quantity"] for order in await trader.ledger()] == [10, 4, 6]


async def test_a_future_is_not_sold_short_when_the_user_has_sold_it_by_hand(
    product: Product, trader: Trader
) -> None:
    found = (await trader.get("/instruments?q=TCS"))["items"]
    future = next(one for one in found if one["exchange"] == "NFO" and one["symbol"].endswith("FUT"))
    words = {"symbol": future["symbol"], "exchange": "NFO", "product": "NRML"}
    lot = future["lot_size"]
    strategy_id, _ = await holding(trader, 6, **words, quantity=lot, stop_loss=100)
    await by_hand(trader, "sell", quantity=lot, **words)
    assert_closed_outside(await trader.until(strategy_id, status="stopped"))
    assert await net(trader, future["symbol"]) == 0


async def test_nothing_is_sold_after_the_login_when_the_user_has_sold_at_the_broker(
    product: Product, trader: Trader
) -> None:
    strategy_id, _ = await holding(trader, 100)
    await product.paper("/_paper/faults", kind="token_expired", match={"user_id": trader.account["user_id"]})
    await fall(product)

    async def told() -> Any:
        return (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]

    await trader.eventually(
        told, lambda lines: any("sell them at the broker" in one["text"] for one in lines)
    )
    trader.account |= await product.paper("/_paper/accounts", user_id=trader.account["user_id"])
    await by_hand(trader, "sell", quantity=10)
    await trader.post("/broker/connect", {"access_token": trader.account["access_token"]})
    assert_closed_outside(await trader.until(strategy_id, status="stopped"))
    assert await net(trader) == 0


async def test_the_older_strategy_keeps_its_claim_when_one_of_two_is_closed_by_hand(
    product: Product, trader: Trader
) -> None:
    older, _ = await holding(trader, 120)
    newer, _ = await holding(trader, 100)
    await by_hand(trader, "sell", quantity=10)
    await fall(product)
    assert_closed_outside(await trader.until(newer, status="stopped"))
    ended = await trader.until(older, status="stopped")
    assert ended["outcome"] == "stop_loss", ended
    assert await net(trader) == 0


async def test_the_users_other_shares_do_not_keep_a_strategy_from_selling_its_own(
    product: Product, trader: Trader
) -> None:
    await by_hand(trader, "buy", quantity=10)
    strategy_id, _ = await holding(trader, 5)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "sold", ended
    assert await net(trader) == 10


async def test_a_stop_hit_in_the_first_instants_after_the_fill_ends_the_run(
    product: Product, trader: Trader
) -> None:
    symbols = ("INFY", "SBIN", "ITC", "WIPRO", "TITAN", "CIPLA", "NTPC", "ONGC")
    buy_at = await soon(40, length=240)

    async def begin(symbol: str) -> str:
        await product.paper("/_paper/price", symbol=symbol, price=1000)
        words = {"symbol": symbol, "stop_loss": 950, "quantity": 1, "product": "MIS"}
        strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=120), **words)
        await trader.start(strategy_id)
        return strategy_id

    started = dict(zip(symbols, await asyncio.gather(*map(begin, symbols)), strict=True))
    for number, symbol in enumerate(symbols):
        falls_in = buy_at.timestamp() - time.time() + 0.02 + 0.03 * number
        points = [[falls_in, 1000], [falls_in + 0.01, 940]]
        await product.paper("/_paper/path", symbol=symbol, points=points)
    for symbol, strategy_id in started.items():
        ended = await trader.until(strategy_id, status="stopped")
        assert (symbol, ended["outcome"], ended["position"]) == (symbol, "stop_loss", "sold"), ended


def signed_hit(product: Product, strategy_id: str, price: str) -> dict[str, str]:
    """Return the event that a listener of this product writes for a hit stop, as of now."""
    secret = product.home / "data" / "secrets" / "encryption_keys"
    signatures = StopSignatures(secret.read_text().strip())
    text = event_of(HitStop(UUID(strategy_id), Decimal(price), datetime.now(UTC)), signatures)
    names = ("strategy_id", "event", "price", "at", "peak", "mac")
    return dict(zip(names, text.split(SEPARATOR), strict=True))


async def test_a_sale_that_another_source_asked_for_ends_the_run(product: Product, trader: Trader) -> None:
    """A listener says so on the workers' queue: the run hears of the sale that a worker then made."""
    strategy_id, _ = await holding(trader, 120)
    async with Redis.from_url(product.endpoints["redis"]) as redis:
        await redis.xadd("queue:orders", signed_hit(product, strategy_id, "2990"))  # type: ignore[arg-type]
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["position"] == "sold", ended
    assert await net(trader) == 0


async def test_nothing_is_sold_when_a_stranger_writes_to_the_queue(product: Product, trader: Trader) -> None:
    """Without a signature, and with one for a price that is above the stop: both are read, and dropped."""
    strategy_id, _ = await holding(trader, 120)
    bare = {"strategy_id": strategy_id, "event": "STOPLOSS"}
    copied = signed_hit(product, strategy_id, "3550")
    async with Redis.from_url(product.endpoints["redis"]) as redis:
        for event in (bare, copied, {**copied, "price": "2990"}):
            await redis.xadd("queue:orders", event)  # type: ignore[arg-type]

        async def waiting() -> int:
            return int(await redis.xlen("queue:orders"))

        await trader.eventually(waiting, lambda count: count == 0)
    other, _ = await holding(trader, 5)  # long enough for a sale to have left
    await trader.until(other, status="stopped")
    assert (await trader.strategy(strategy_id))["phase"] == "holding"
    assert await net(trader) == 10
    await trader.stop(strategy_id)


async def test_a_stop_with_a_book_that_cannot_be_read_sells_what_a_hand_has_left(
    product: Product, trader: Trader
) -> None:
    strategy_id, _ = await holding(trader, 300)
    await by_hand(trader, "sell", quantity=4)
    user_id = trader.account["user_id"]
    match = {"user_id": user_id, "path": "/portfolio"}
    await product.paper("/_paper/faults", kind="http_503", match=match, seconds=20)
    await fall(product)
    await trader.until(strategy_id, status="stopped")
    assert await net(trader) == 0
    assert [order["quantity"] for order in await trader.ledger() if order["tag"]] == [10, 6]
