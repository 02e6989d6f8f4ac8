"""Two listeners: whichever dies or comes back, a stop is one exit."""

import base64
import json
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from local.keys import fresh
from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

SYMBOLS = ("TCS", "INFY", "SBIN", "RELIANCE", "ITC", "LT")


@pytest.fixture(scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    # With encrypted histories, as in production: everybody who speaks with Temporal has the key.
    running = Product.start(
        tmp_path_factory.mktemp("two"),
        "--listeners",
        "2",
        STOPWATCH_PAYLOAD_KEYS=fresh()["STOPWATCH_PAYLOAD_KEYS"],
    )
    try:
        yield await running.ready()
    finally:
        await running.end()


async def test_each_stop_crossed_during_a_handover_is_exactly_one_exit(two: Product) -> None:
    trader = await Trader.signed_up(two)
    buy_at = await soon(8, length=240)
    strategies = {}
    for symbol in SYMBOLS:
        await two.paper("/_paper/price", symbol=symbol, price=1400)
        strategies[symbol] = await trader.create(
            buy_at, buy_at + timedelta(seconds=200), symbol=symbol, stop_loss=1380, quantity=1
        )
        await trader.start(strategies[symbol])
    for strategy_id in strategies.values():
        await trader.until(strategy_id, phase="holding")

    before = two.endpoints["pids"]["listener"]
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    for symbol in SYMBOLS[:3]:
        await two.paper("/_paper/price", symbol=symbol, price=1370)

    async def listeners() -> list[int]:
        found: list[int] = two.endpoints["pids"]["listener"]
        return found

    await trader.eventually(listeners, lambda pids: len(pids) == 2 and before[0] not in pids)
    for symbol in SYMBOLS[3:]:
        await two.paper("/_paper/price", symbol=symbol, price=1370)
    for symbol, strategy_id in strategies.items():
        ended = await trader.until(strategy_id, status="stopped")
        assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), (symbol, ended)
    sides = [(order["tradingsymbol"], order["transaction_type"]) for order in await trader.ledger()]
    assert sorted(sides) == sorted((symbol, side) for symbol in SYMBOLS for side in ("BUY", "SELL"))
    await trader.http.aclose()
    histories_are_encrypted(two)


def histories_are_encrypted(two: Product) -> None:
    """Its histories show no payload in clear; a step's own activity leaves only its name and number."""
    listed = json.loads(two.temporal("workflow", "list", "--output", "json"))
    ids = [run["execution"]["workflowId"] for run in listed]
    assert any(workflow_id.startswith("strategy-") for workflow_id in ids)
    for workflow_id in ids:
        history = two.temporal("workflow", "show", "--workflow-id", workflow_id, "--output", "json")
        kinds = encodings(json.loads(history))
        assert kinds == {b"binary/encrypted"} or (not workflow_id.startswith("strategy-") and not kinds)


def encodings(part: object) -> set[bytes]:
    """Return how the payloads of a history are written; search attributes are for searching.

    The marker of a step's own activity has its name and times beside the result, by Temporal's own hand.
    """
    if isinstance(part, list):
        return {kind for inner in part for kind in encodings(inner)}
    if not isinstance(part, dict):
        return set()
    own = {base64.b64decode(part["encoding"])} if isinstance(part.get("encoding"), str) else set()
    if "markerName" in part:
        part = {**part, "details": {"result": part.get("details", {}).get("result")}}
    inside = [inner for name, inner in part.items() if name != "searchAttributes"]
    return own | encodings(inside)


def test_nothing_of_a_hand_over_is_left_when_the_product_is_up(two: Product) -> None:
    log = Path(two.home / "data" / "logs")
    assert not [path for path in log.glob("listener*") if "Traceback" in path.read_text(errors="replace")]
