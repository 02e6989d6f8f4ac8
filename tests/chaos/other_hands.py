"""The hands of others on a paper account: what the plan chose is done, and what was really done is noted."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx

from tests.chaos.plan import Day, Hand
from tests.e2e.trader import Trader

LOOKS, LOOK_EVERY = 60, 0.1
"""How often, and with how many seconds between, a hand looks for shares or an open order to reach for."""
TRIES = 60
TOLD_WITHIN = 45.0
"""Seconds after a hand has moved in which an account is read again and what is wrong with it told."""
CANCELS = {"cancel": "OPEN", "cancel_stop": "TRIGGER PENDING"}
"""Hands that cancel an order, and the state of the one that they reach for."""
OTHER = {"CNC": "MIS", "MIS": "CNC"}

Note = Callable[..., None]


class OtherHands:
    """Moves on one user's account; `note` takes an act of the day's record."""

    def __init__(self, user: Trader, symbol: str, note: Note) -> None:
        self._user = user
        self._symbol = symbol
        self._note = note
        self._before: dict[str, int] | None = None

    async def look(self) -> None:
        """Look what is there before the day: that is left alone."""
        self._before = await self.positions()

    async def act(self, day: Day, hand: Hand) -> None:
        """Do what the hand does, as far as there is anything to do."""
        if hand.action == "login_elsewhere":
            await self._log_in_elsewhere(hand)
        elif hand.action == "switch":
            await self.switch()
        elif (message := await self._message(day, hand)) is not None:
            await self._move(hand, message)

    async def _move(self, hand: Hand, message: dict[str, Any]) -> None:
        asked = time.time()
        action = "cancel" if hand.action in CANCELS else hand.action
        answer = await self._call("/_paper/hand", message | {"user_id": self._user_id, "action": action})
        if answer is not None:
            moves = list(self._moves(hand.action, message, answer))
            self._note("hand", action=hand.action, asked=asked, orders=_orders(answer), moves=moves)

    async def buy_back(self) -> None:
        """Buy what the account is short of in one of the products, once everything could be told of it."""
        for product in OTHER:
            if ((await self.positions()) or {}).get(product, 0) >= 0:
                continue
            await asyncio.sleep(TOLD_WITHIN)
            short = -((await self.positions()) or {}).get(product, 0)
            if short > 0:
                words = {"symbol": self._symbol, "exchange": "NSE", "product": product, "quantity": short}
                await self._move(Hand("buy", 0), words)

    async def switch(self) -> None:
        """Forget the account and connect another one; where that is refused, try to connect it anyway."""
        forgotten = await self._until_answered(lambda: self._user.http.delete("/broker"))
        account = await self._user.product.paper("/_paper/accounts", cash=10_000_000)
        if forgotten.status_code == httpx.codes.NO_CONTENT:
            self._user.account = account
            await self._user.connect()
            self._note("switched", to=self._user_id)
        else:
            keys = {name: account[name] for name in ("api_key", "api_secret", "access_token")}
            connected = await self._until_answered(lambda: self._user.http.post("/broker/connect", json=keys))
            self._note("hand", action="switch", orders=[], moves=[], forgotten=forgotten.status_code)
            self._note("connected another", answer=connected.status_code, to=account["user_id"])

    @property
    def _user_id(self) -> str:
        return str(self._user.account["user_id"])

    async def _message(self, day: Day, hand: Hand) -> dict[str, Any] | None:
        """Return what is asked of the account, None where there is nothing to reach for in time."""
        if hand.action == "square_off":
            return {}
        words = {"symbol": self._symbol, "exchange": "NSE"}
        share = max(1, round(hand.share * day.quantity * day.twins))
        if hand.action == "buy":
            return words | {"product": day.product, "quantity": share}
        if hand.action in CANCELS:
            order_id = await self._soon(lambda: self._order_that_is(CANCELS[hand.action]))
            return None if order_id is None else {"order_id": order_id}
        there = await self._soon(lambda: self._there(day.product))
        if there is None:
            return None
        if hand.action == "sell":
            return words | {"product": day.product, "quantity": min(share, there)}
        return words | {"from": day.product, "to": OTHER[day.product], "quantity": min(share, there)}

    async def positions(self) -> dict[str, int] | None:
        """Return what the account has of the symbol today, by product; None where it could not be asked."""
        account = self._user.account
        headers = {"Authorization": f"token {account['api_key']}:{account['access_token']}"}
        url = self._user.product.endpoints["paper"]
        try:
            async with httpx.AsyncClient(base_url=url, headers=headers, timeout=5) as kite:
                rows = (await kite.get("/portfolio/positions")).json()["data"]["net"]
            mine = [row for row in rows if row["tradingsymbol"] == self._symbol]
            return {row["product"]: int(row["quantity"]) for row in mine}
        except (httpx.TransportError, ValueError, KeyError, TypeError):
            return None

    async def _there(self, product: str) -> int | None:
        """Return how many shares the account has beyond those of before the day, None where none.

        Of an account that is short nothing is sold or converted: the broker would take the short for it.
        """
        found = await self.positions()
        if found is None or self._before is None:
            return None
        now = found.get(product, 0)
        more = min(now, now - self._before.get(product, 0))
        return more if more > 0 else None

    async def _order_that_is(self, status: str) -> str | None:
        rows = [row for row in await self._user.ledger() if row["tradingsymbol"] == self._symbol]
        return next((row["order_id"] for row in rows if row["status"] == status), None)

    async def _soon(self, look: Callable[[], Awaitable[Any]]) -> Any:
        for _ in range(LOOKS):
            if (found := await look()) is not None:
                return found
            await asyncio.sleep(LOOK_EVERY)
        return None

    def _moves(
        self, action: str, message: dict[str, Any], answer: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Yield by how much each position of the account was changed."""
        if action == "convert":
            for product, step in ((message["from"], -1), (message["to"], 1)):
                yield {"symbol": self._symbol, "product": product, "quantity": step * message["quantity"]}
        for order in answer.get("orders", [answer] if action in ("sell", "buy") else []):
            step = 1 if order["transaction_type"] == "BUY" else -1
            moved = step * order["filled_quantity"]
            yield {"symbol": order["symbol"], "product": order["product"], "quantity": moved}

    async def _log_in_elsewhere(self, hand: Hand) -> None:
        await self._call("/_paper/hand", {"user_id": self._user_id, "action": "login_elsewhere"})
        self._note("hand", action=hand.action, orders=[], moves=[])
        await asyncio.sleep(hand.after)
        await log_in_again(self._user)
        self._note("login_renewed")

    async def _call(self, path: str, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer, None where the exchange refused: the account has no such shares or order now."""
        async with httpx.AsyncClient(base_url=self._user.product.endpoints["paper"], timeout=10) as client:
            answer = await client.post(path, json=message)
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            self._note("hand refused", action=message["action"], why=answer.text[:200])
            return None
        found: dict[str, Any] = answer.json()
        return found

    async def _until_answered(self, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        for _ in range(TRIES):
            try:
                answer = await call()
            except httpx.TransportError:
                await asyncio.sleep(0.5)
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            await asyncio.sleep(0.5)
        raise AssertionError("no answer to the switch of accounts")


def _orders(answer: dict[str, Any]) -> list[str]:
    """Return the ids of the orders that a hand made; one that it cancelled is not its own."""
    if "orders" in answer:
        return [order["order_id"] for order in answer["orders"]]
    made = "order_id" in answer and answer["action"] in ("sell", "buy")
    return [answer["order_id"]] if made else []


async def log_in_again(user: Trader) -> None:
    """Give the product the account's newest token; one that another login ends on the way is got anew."""
    expected = (httpx.codes.OK, httpx.codes.UNPROCESSABLE_ENTITY, httpx.codes.CONFLICT)
    for _ in range(TRIES):
        account = await user.product.paper("/_paper/accounts", user_id=user.account["user_id"])
        answer = await user.post(
            "/broker/connect", {"access_token": account["access_token"]}, expect=expected
        )
        if answer.status_code == httpx.codes.OK:
            user.account = account
            return
        await asyncio.sleep(LOOK_EVERY)
    raise AssertionError(f"no login was taken: {answer.text}")
