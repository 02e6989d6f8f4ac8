"""`stopwatch probe` on the running product: found by its directory, beside a strategy whose stop rests."""

import asyncio
import subprocess

import pytest

from tests.e2e.product import BIN, Product
from tests.e2e.test_exchange_stops import protected, rests, sells
from tests.e2e.trader import Trader

pytestmark = [pytest.mark.proof, pytest.mark.usefixtures("calm")]


async def probed(product: Product, trader: Trader, *words: str) -> subprocess.CompletedProcess[str]:
    email = (await trader.http.get("/auth/me")).json()["email"]
    command = [str(BIN / "stopwatch"), "probe", "--user", email, "--data-dir", "data", *words]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=product.home, input="y\n" * 7 + "n\n", capture_output=True, text=True
    )


async def test_a_probe_disturbs_no_strategy_and_trades_no_share_of_one(
    product: Product, trader: Trader
) -> None:
    strategy_id = await protected(trader)
    refused = await probed(product, trader, "--symbol", "TCS")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "A strategy of this user runs in NSE:TCS" in refused.stdout
    done = await probed(product, trader)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout
    shown = await trader.strategy(strategy_id)
    assert rests(shown), shown["protection"]
    (resting,) = [order for order in await sells(trader) if order["tradingsymbol"] == "TCS"]
    assert resting["status"] == "TRIGGER PENDING"
    await trader.stop(strategy_id, on_stop="exit")
