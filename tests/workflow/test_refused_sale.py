"""A sale refused with HTTP 428 and no error type: its reason is told, and nothing is in doubt."""

import asyncio
import json
from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.process.clock import SystemClock
from domain.order import OrderStatus
from domain.strategy import Outcome
from tests.scripted_server import ScriptedServer, answer
from tests.workflow.day import TestDay, worker_for

WORDS = "10 quantity needs authorisation at depository."
REFUSAL = {"status": "error", "message": WORDS, "data": None}


class Kite(ScriptedServer):
    """Fills each BUY at once, and refuses each SELL with 428."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.tag = ""

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        request = self.requests[-1]
        if request.startswith("GET /quote"):
            limits = {"lower_circuit_limit": 3000, "upper_circuit_limit": 4000}
            await self._say(writer, {"NSE:TCS": {"last_price": 3500, **limits}})
        elif "transaction_type=SELL" in request:
            await answer(428, REFUSAL)(writer)
        elif "transaction_type=BUY" in request:
            self.tag = request.split("&tag=")[1].split("&")[0]
            await self._say(writer, {"order_id": "1001"})
        elif request.startswith("GET /orders"):
            await self._say(writer, [self._row()] if self.tag else [])
        else:
            await self._say(writer, {"net": [self._position()] if self.tag else []})

    async def _say(self, writer: asyncio.StreamWriter, data: object) -> None:
        await answer(200, json.dumps({"status": "success", "data": data}))(writer)

    def _row(self) -> dict[str, object]:
        return {
            "order_id": "1001",
            "tag": self.tag,
            "exchange": "NSE",
            "tradingsymbol": "TCS",
            "product": "CNC",
            "transaction_type": "BUY",
            "status": "COMPLETE",
            "quantity": 10,
            "filled_quantity": 10,
            "average_price": 3500,
        }

    def _position(self) -> dict[str, object]:
        share = {"exchange": "NSE", "tradingsymbol": "TCS", "product": "CNC", "quantity": 10}
        return share | {"day_buy_quantity": 10, "day_sell_quantity": 0}

    def sales(self) -> int:
        return sum("transaction_type=SELL" in request for request in self.requests)


async def test_a_sale_that_needs_authorisation_is_told_at_once_and_never_in_doubt(
    env: WorkflowEnvironment,
) -> None:
    wire, day = ConnectionPool(), TestDay()
    async with Kite() as kite:
        day.brokers.broker = KiteBroker(KiteClient("key", "token", kite.root, wire), SystemClock())
        async with worker_for(env, day):
            run = await day.start(env, buy_in=timedelta(hours=1), closes_after=timedelta(seconds=40))
            view = await run.result()
    wire.close()
    assert day.brokers.logged_in, "a refused sale is no dead login"
    sales = [row for row in day.log.rows.values() if row.key.leg == "exit" and row.sent_at is not None]
    assert {row.status for row in sales} == {OrderStatus.REJECTED}
    assert kite.sales() == len(sales), "each was sent once: none was in doubt"
    assert all(row.message.startswith(WORDS) for row in sales)
    told = [alarm for alarm in day.alerts.raised if alarm.kind == "exit_refused"]
    assert len(told) == 1
    assert WORDS.rstrip(".") in told[0].text
    assert "Authorise the sale in Kite" in told[0].text
    assert not [alarm for alarm in day.alerts.raised if alarm.kind == "emergency_exit"]
    assert view.outcome is Outcome.ORDER_FAILED
    assert WORDS in view.detail
    assert "Authorise the sale in Kite" in view.detail
