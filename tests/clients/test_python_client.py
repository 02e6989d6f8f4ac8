"""A Python client, made by openapi-python-client from our document, drives a day on the real product."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.clients.document import write_document
from tests.e2e.product import Product
from tests.e2e.trader import INDIA

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]
PACKAGE = "stopwatch_client"
UNKNOWN_TO_IT = "application/x-ndjson"
"""The audit log's export, which it leaves to its user to read."""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the client; nothing of the document but the export may be beyond the generator."""
    place = tmp_path_factory.mktemp("client")
    document = write_document(place / "openapi.json")
    program = Path(sys.executable).parent / "openapi-python-client"
    words = [str(program), "generate", "--path", str(document), "--output-path", str(place / "client")]
    made = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stdout
    said = made.stdout + made.stderr
    left_out = [line for line in said.splitlines() if line.startswith("WARNING parsing")]
    assert left_out == ["WARNING parsing GET /account/audit/export within account."], said
    assert UNKNOWN_TO_IT in said
    return place / "client"


def called(name: str) -> Any:
    """Return the function of a call, as its user imports it."""
    module: ModuleType = import_module(f"{PACKAGE}.api.{name}")
    return module.asyncio


async def until(told: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so, for a minute."""
    async with asyncio.timeout(60):
        while not await told():  # noqa: ASYNC110 - the state is the server's
            await asyncio.sleep(0.25)


async def test_a_day_by_a_generated_python_client(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(generated))
    client = import_module(PACKAGE)
    models = import_module(f"{PACKAGE}.models")
    product = await Product.start(tmp_path / "stopwatch").ready()
    try:
        account = await product.paper("/_paper/accounts", cash=1_000_000)
        address = product.endpoints["api"]
        credentials = models.Credentials(email="asha@example.com", password="correct horse battery")
        tokens = await called("auth.register")(client=client.Client(address), body=credentials)
        user = client.AuthenticatedClient(address, tokens.access_token)
        keys = {name: account[name] for name in ("api_key", "api_secret", "access_token")}
        await called("broker.connect_broker")(client=user, body=models.ConnectIn(**keys))
        now = datetime.now(INDIA)
        terms = models.StrategyIn(
            symbol="TCS",
            quantity=3,
            stop=models.DistanceIn(percent=5),
            buy_time=f"{now + timedelta(seconds=12):%H:%M:%S}",
            sell_time=f"{now + timedelta(seconds=300):%H:%M:%S}",
        )
        made = await called("strategy.create_strategy")(client=user, body=terms)
        strategy = {"client": user, "strategy_id": made.strategy_id}
        started = models.StartIn(strategy_id=made.strategy_id)
        assert (await called("strategy.start_strategy")(client=user, body=started)).status.value == "running"

        async def holds() -> bool:
            return bool((await called("strategy.get_strategy")(**strategy)).filled_quantity == terms.quantity)

        await until(holds)
        refused = await called("strategy.change_strategy")(**strategy, body=models.StrategyChange(quantity=4))
        assert refused.code == "strategy_running"
        await called("strategy.stop_strategy")(client=user, body=models.StopIn(made.strategy_id))

        async def ended() -> bool:
            return bool((await called("strategy.get_strategy")(**strategy)).status.value == "stopped")

        await until(ended)
        found = await called("orders.list_strategy_orders")(**strategy)
        assert sorted(order.side.value for order in found.items) == ["BUY", "SELL"]
        line = (await called("strategy.get_timeline")(**strategy)).items[0]
        assert line.at.utcoffset() == timedelta(hours=5, minutes=30)
    finally:
        await product.end()
