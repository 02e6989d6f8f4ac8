"""One user's strategy days, played over REST as the plan says; every input is written down with its time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from tests.chaos.day_terms import terms_of
from tests.chaos.other_hands import OtherHands, log_in_again
from tests.chaos.paper_control import BUSY, arm, forget_faults, paper, strike
from tests.chaos.plan import (
    CALM_PRICE,
    CROSSED_PRICE,
    FALLEN_PRICE,
    REFUSED,
    REPEATS_EVERY,
    RISEN_PRICE,
    TARGET_PRICE,
    Day,
    Fault,
    Hand,
    Strike,
)
from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

LONGEST = 420
"""Seconds after its sell_time within which a day must have ended: what only another day lifts is tried again
after five minutes."""
HERD_SYMBOL = "ETERNAL"
"""Nobody's own."""
COMPANIONS = ("INDIGO", "JIOFIN", "MAXHEALTH", "TATACONSUM")
"""Nobody's own either: their price never falls, so that every lane's groups may hold them."""
HERD_EVERY = 20
"""Seconds between two instants at which herds buy."""
OVER_AFTER = 5.0
"""Seconds after the user's word to keep at which the broker refuses sales no more."""
BACK_AFTER = 5.0
"""Seconds after the first end of a day that buys again at which its price is back."""
HERD_CALM = 5.0
"""Seconds before its purchase at which a herd's price stands: the herd before has fallen by then."""
FAR_AHEAD = 900
"""A START that came too late for its buy_time is for tomorrow."""

DELETED = (httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND)
"""Answers to a deletion; the latter to one that is repeated, since the first answer was lost."""
STOPPED = (httpx.codes.OK, httpx.codes.ACCEPTED)
KILLS = {"kill_exit": "exit", "kill_keep": "keep"}
RISEN_FOR = 3.0
"""Seconds that a price stays risen: a stop that follows it has followed it by then."""
SEAM = 9
"""Seconds after the end of a day within which its user says STOP to the next ones, by turns."""


class Ended(Protocol):
    """Waits for the end of a strategy, or of its day where it repeats."""

    def __call__(self, strategy_id: str, repeats: bool = False, /) -> Awaitable[dict[str, Any]]: ...


class Player:
    """A user with a lane, a symbol and a paper account of its own."""

    def __init__(self, lane: int, symbol: str, product: Product, ended: Ended) -> None:
        self.lane = lane
        self._symbol = symbol
        self._product = product
        self._ended = ended
        self._temporal: Client | None = None
        self._trader: Trader | None = None

    async def sign_up(self) -> None:
        """Register and connect a paper account."""
        self._trader = await Trader.signed_up(self._product)

    async def close(self) -> None:
        await self._user.http.aclose()

    async def play(self, day: Day) -> dict[str, Any]:
        """Play a day to its end; return what was done, for the checker."""
        record: dict[str, Any] = {
            "day": asdict(day),
            "user": self._user_id,
            "symbol": "",
            "strategies": [],
            "acts": [],
            "created": {},
            "began": time.time(),
        }
        try:
            await self._play(day, record)
            await self._afterwards(day, record)
        except Exception as broken:  # one day that could not be played must not end the others
            record["trouble"] = f"{type(broken).__name__}: {str(broken)[:500]}"
        record.pop("created", None)
        record["ended"] = time.time()
        return record

    @property
    def _user_id(self) -> str:
        return str(self._user.account["user_id"])

    @property
    def _user(self) -> Trader:
        assert self._trader is not None, "sign_up() comes first"
        return self._trader

    async def _play(self, day: Day, record: dict[str, Any]) -> None:
        record["symbol"] = HERD_SYMBOL if day.herd else self._symbol
        await forget_faults(self._product, self._user_id)
        companions = COMPANIONS[: day.group - 1]
        await self._price(record, CROSSED_PRICE if day.kind == "crossed" else CALM_PRICE)
        for symbol in companions:
            await self._paper("/_paper/price", symbol=symbol, exchange="NSE", price=CALM_PRICE)
        for fault in day.faults:
            await arm(self._product, self._user_id, fault, _lasts(day, fault))
        login = asyncio.create_task(self._lose_login(day, record))
        others = OtherHands(self._user, record["symbol"], lambda what, **more: _did(record, what, **more))
        if day.hands:
            await others.look()
        buy_at = await self._instant(day)
        hands = [asyncio.create_task(self._reach(day, hand, record, others, buy_at)) for hand in day.hands]
        hands += [asyncio.create_task(self._strike(day, one, buy_at)) for one in day.strikes]
        if day.herd:
            hands.append(asyncio.create_task(self._calm_again(record, buy_at)))
        try:
            symbols = [record["symbol"]] * day.twins + list(companions)
            await asyncio.gather(*(self._one(day, record, symbol, buy_at) for symbol in symbols))
        finally:
            await asyncio.gather(login, *hands)
            if day.kind in KILLS:
                await self._kill(record, None)
        if day.protect and day.hands:
            await others.buy_back()  # what rests may sell what a hand has just taken; its user is told

    async def _strike(self, day: Day, one: Strike, buy_at: datetime) -> None:
        await _until(buy_at.timestamp() + one.at)
        await strike(self._product, self._user_id, one, day.hold + 30)

    async def _calm_again(self, record: dict[str, Any], buy_at: datetime) -> None:
        """Set the price once more before a herd buys: the one before it may have fallen since."""
        await _until(buy_at.timestamp() - HERD_CALM)
        await self._price(record, CALM_PRICE)

    async def _reach(
        self, day: Day, hand: Hand, record: dict[str, Any], others: OtherHands, buy_at: datetime
    ) -> None:
        """Move another hand at its time; where it is too late for the account, it is not moved."""
        await _until(buy_at.timestamp() + hand.at)
        if hand.action != "keep":
            return await others.act(day, hand)
        for strategy_id in list(record["strategies"]):
            # A START that has not come through is none yet: then there is nothing to keep.
            await self._stop(record, strategy_id, answers=(*STOPPED, httpx.codes.CONFLICT), on_stop="keep")
        return None

    async def _afterwards(self, day: Day, record: dict[str, Any]) -> None:
        """Switch accounts, or delete what was traded and create it again under the same key."""
        if day.afterwards == "switch":
            note = lambda what, **more: _did(record, what, **more)  # noqa: E731
            await OtherHands(self._user, self._symbol, note).switch()
        elif day.afterwards == "recreate":
            await self._recreate(record)

    async def _recreate(self, record: dict[str, Any]) -> None:
        for strategy_id, (key, words) in list(record.pop("created").items()):
            tags = [row["tag"] for row in await self._orders_of(strategy_id) if row["tag"]]
            deleted = await self._repeated(lambda of=strategy_id: self._user.http.delete(f"/strategy/{of}"))  # type: ignore[misc]
            if deleted.status_code not in DELETED:
                continue
            record["strategies"].remove(strategy_id)
            record["deleted"] = [*record.get("deleted", []), strategy_id]
            record["deleted_tags"] = [*record.get("deleted_tags", []), *tags]
            again = await self._create(words, key)
            made = again.json().get("strategy_id")
            _did(record, "created again", strategy_id, answer=again.status_code, made=made)

    async def _orders_of(self, strategy_id: str) -> list[dict[str, Any]]:
        answer = await self._repeated(lambda: self._user.http.get(f"/strategy/{strategy_id}/orders"))
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def _create(self, words: dict[str, object], key: str) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        return await self._repeated(
            lambda: self._user.http.post("/strategy/create", json=words, headers=headers)
        )

    async def _one(self, day: Day, record: dict[str, Any], symbol: str, first: datetime) -> None:
        strategy_id, buy_at, sell_at = await self._started(day, record, symbol, first)
        await self._act(day, strategy_id, buy_at, record)
        async with asyncio.timeout(max(0, sell_at.timestamp() - time.time()) + LONGEST):
            over = await self._ended(strategy_id, day.repeats)
        if over["status"] != "stopped":
            await self._end_series(day, record, strategy_id)
        if day.kind == "keep_then_sell":
            await self._stop(record, strategy_id, on_stop="exit")
            async with asyncio.timeout(LONGEST):
                await self._ended(strategy_id)

    async def _end_series(self, day: Day, record: dict[str, Any], strategy_id: str) -> None:
        """Say STOP at a moment of the seam between two days, or soon after it."""
        await asyncio.sleep(day.number // REPEATS_EVERY % SEAM)
        await self._stop(record, strategy_id)
        async with asyncio.timeout(LONGEST):
            await self._ended(strategy_id)

    async def _instant(self, day: Day) -> datetime:
        """Return the second in which all strategies of the day buy."""
        lead = day.lead + day.group / 2
        buy_at = await soon(lead, length=lead + day.hold + HERD_EVERY + 60)
        if day.herd:
            buy_at += timedelta(seconds=-buy_at.timestamp() % HERD_EVERY)
        return buy_at

    async def _started(
        self, day: Day, record: dict[str, Any], symbol: str, buy_at: datetime
    ) -> tuple[str, datetime, datetime]:
        """Create and START; where a fault made it too late for today, stop that one and take another."""
        on_stop = "keep" if day.kind == "cancel_keep" else "exit"
        while True:
            sell_at = buy_at + timedelta(seconds=int(day.hold))
            words: dict[str, object] = {
                "symbol": symbol,
                "buy_time": buy_at.strftime("%H:%M:%S"),
                "sell_time": sell_at.strftime("%H:%M:%S"),
                "product": day.product,
                "on_stop": on_stop,
            } | terms_of(day)
            key = uuid4().hex
            created = await self._create(words, key)
            assert created.status_code == httpx.codes.CREATED, f"{created.status_code} {created.text}"
            strategy_id = str(created.json()["strategy_id"])
            record["strategies"].append(strategy_id)
            record["created"][strategy_id] = key, words
            starts = await asyncio.gather(*(self._start(strategy_id) for _ in range(day.starts)))
            if day.kind == "restart":
                await self._stop(record, strategy_id)
                starts = [await self._start(strategy_id)]
            began = [datetime.fromisoformat(answer["buy_at"]).timestamp() for answer in starts]
            _did(record, "start", strategy_id, buy_at=min(began))
            if max(began) - time.time() > FAR_AHEAD:
                # A START that reached the API after the day was over is for tomorrow.
                await self._stop(record, strategy_id)
                await self._ended(strategy_id)
            if min(began) - time.time() < FAR_AHEAD:
                return strategy_id, buy_at, sell_at
            buy_at = await self._instant(day)

    async def _act(self, day: Day, strategy_id: str, buy_at: datetime, record: dict[str, Any]) -> None:
        if day.kind != "stop_waiting":
            await _until(buy_at.timestamp() + day.act_at)
        if day.kind == "stop_loss":
            await self._price(record, CROSSED_PRICE)
        elif day.kind == "target":
            await self._price(record, TARGET_PRICE)
        elif day.kind == "again":
            await self._out_and_back(day, record)
        elif day.kind in ("stop_exit", "stop_waiting", "stop_entering"):
            await self._stop(record, strategy_id)
        elif day.kind in ("stop_keep", "keep_then_sell"):
            await self._stop(record, strategy_id, on_stop="keep")
        elif day.kind == "two_stops":
            await asyncio.gather(*(self._stop(record, strategy_id) for _ in range(2)))
        elif day.kind in ("cancel_exit", "cancel_keep"):
            await self._cancel(record, strategy_id)
        elif day.kind in KILLS:
            await self._kill(record, KILLS[day.kind], strategy_id)
        elif day.kind == "trail":
            await self._up_and_down(record)

    async def _up_and_down(self, record: dict[str, Any]) -> None:
        """Have the price rise, and fall below where the stop has followed it."""
        await self._price(record, RISEN_PRICE)
        await asyncio.sleep(RISEN_FOR)
        await self._price(record, FALLEN_PRICE)

    async def _kill(self, record: dict[str, Any], exits: str | None, strategy_id: str | None = None) -> None:
        """Turn the user's kill switch, off with None."""
        words = {"on": True, "exits": exits, "reason": "chaos"} if exits else {"on": False}
        asked = time.time()
        answer = await self._repeated(lambda: self._user.http.post("/account/kill-switch", json=words))
        _did(record, "kill" if exits else "killed no more", strategy_id, asked=asked, exits=exits)
        assert answer.status_code == httpx.codes.OK, f"kill switch: {answer.status_code} {answer.text}"

    async def _out_and_back(self, day: Day, record: dict[str, Any]) -> None:
        """Have it sold by its target or its stop, and the price go back to where it buys again."""
        at_target = day.number % 2 == 1
        await self._price(record, TARGET_PRICE if at_target else CROSSED_PRICE)
        await asyncio.sleep(BACK_AFTER)
        await self._price(record, CALM_PRICE - 1 if at_target else CALM_PRICE + 1)

    async def _start(self, strategy_id: str) -> dict[str, Any]:
        """Press START; a hand that switches accounts at this moment has none connected for an instant."""
        words, key = {"strategy_id": strategy_id}, uuid4().hex
        for _ in range(BUSY * 2):
            answer = await self._user.post("/strategy/start", words, expect=(200, 409), key=key)
            if answer.status_code == 200 or answer.json().get("code") != "broker_not_connected":
                assert answer.status_code == 200, f"START: {answer.status_code} {answer.text}"
                return dict(answer.json())
            await asyncio.sleep(0.5)
        raise AssertionError(f"no account was connected for {BUSY} s")

    async def _stop(
        self,
        record: dict[str, Any],
        strategy_id: str,
        answers: tuple[int, ...] = STOPPED,
        **words: str,
    ) -> None:
        asked = time.time()
        answer = await self._repeated(lambda: self._user.stop(strategy_id, **words))
        _did(
            record, "stop", strategy_id, asked=asked, answer=answer.status_code, on_stop=words.get("on_stop")
        )
        assert answer.status_code in answers, f"STOP: {answer.status_code} {answer.text}"

    async def _cancel(self, record: dict[str, Any], strategy_id: str) -> None:
        workflow_id = (await self._repeated(lambda: self._user.http.get(f"/strategy/{strategy_id}"))).json()[
            "workflow_id"
        ]
        for _ in range(BUSY):
            try:
                if self._temporal is None:
                    self._temporal = await Client.connect(self._product.endpoints["temporal"])
                await self._temporal.get_workflow_handle(workflow_id).cancel(rpc_timeout=timedelta(seconds=3))
            except (RPCError, RuntimeError, OSError) as error:
                if "not found" in str(error) or "already completed" in str(error):
                    break
                await asyncio.sleep(1)
            else:
                break
        _did(record, "cancel", strategy_id)

    async def _lose_login(self, day: Day, record: dict[str, Any]) -> None:
        if day.login is None:
            return
        await asyncio.sleep(day.lead + day.login.at)
        await self._paper("/_paper/faults", kind="token_expired", match={"user_id": self._user_id})
        _did(record, "login_died")
        await asyncio.sleep(day.login.after)
        await log_in_again(self._user)
        _did(record, "login_renewed")

    async def _price(self, record: dict[str, Any], price: int) -> None:
        await self._paper("/_paper/price", symbol=record["symbol"], exchange="NSE", price=price)
        _did(record, "price", price=price)

    async def _paper(self, path: str, **message: object) -> Any:
        return await paper(self._product, path, **message)

    async def _repeated(self, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        for _ in range(BUSY * 2):
            try:
                answer = await call()
            except httpx.TransportError:
                await asyncio.sleep(0.5)
                continue
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(0.5)
        raise AssertionError(f"no answer in {BUSY} s")


def _lasts(day: Day, fault: Fault) -> float:
    """Return the seconds of a fault; sales that are refused until the user says keep are no later day's."""
    kept = [hand.at for hand in day.hands if hand.action == "keep"]
    if kept and fault.count == REFUSED:
        return day.lead + kept[0] + OVER_AFTER
    return day.lead + day.hold + 30


async def _until(instant: float) -> None:
    await asyncio.sleep(max(0, instant - time.time()))


def _did(record: dict[str, Any], what: str, strategy_id: str | None = None, **more: object) -> None:
    record["acts"].append({"what": what, "at": time.time(), "strategy_id": strategy_id, **more})
