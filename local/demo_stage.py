"""Prepares the demo: a user, a paper account, two shares with scripted prices, two strategies."""

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from local.demo_client import Caller
from local.endpoints import Endpoints

EXCHANGE_TIME = ZoneInfo("Asia/Kolkata")
_TICK = Decimal("0.1")
# From the first request to the first buy: registering, connecting and starting take two or three seconds.
_LEAD = timedelta(seconds=8)
_LONGEST = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Login:
    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plot:
    """One share's script: when to buy and sell, in seconds after the opening, and its price path."""

    symbol: str
    quantity: int
    buy_after: int
    sell_after: int
    # The stop, and each (second, price) of the path, in thousandths of the price at the start.
    stop: int
    path: tuple[tuple[float, int], ...]


PLOTS = (
    # Rises by fits and starts, and is sold at its time.
    Plot(
        "TCS", 20, 0, 35, 970,
        tuple((float(second), 1000 + second * 6 // 35 + (second * 7 % 3) - 1) for second in range(0, 60, 2)),
    ),
    # Holds, then falls through its stop long before its time.
    Plot(
        "INFY", 10, 1, 75, 985,
        tuple((float(second), 1000 - max(0, second - 14) * 2) for second in range(36)),
    ),
)  # fmt: skip


async def sign_up(api: Caller, paper: Caller, endpoints: Endpoints) -> Login:
    """Register a user for the demo and connect a new paper account; its login returns to us."""
    login = Login(f"demo-{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(12))
    tokens = await api.post("/auth/register", {"email": login.email, "password": login.password})
    api.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    account = await paper.post("/_paper/accounts", {"redirect_url": f"{endpoints.api}/broker/callback"})
    paper.headers.update(
        {"X-Kite-Version": "3", "Authorization": f"token {account['api_key']}:{account['access_token']}"}
    )
    secret = {name: account[name] for name in ("api_key", "api_secret", "access_token")}
    await api.post("/broker/connect", secret)
    return login


async def prices(paper: Caller) -> dict[str, Decimal]:
    """Read the demo shares' prices from the exchange."""
    query = "&".join(f"i=NSE:{plot.symbol}" for plot in PLOTS)
    answer = await paper.get(f"/quote/ltp?{query}")
    return {plot.symbol: Decimal(answer["data"][f"NSE:{plot.symbol}"]["last_price"]) for plot in PLOTS}


async def start(api: Caller, paper: Caller, plot: Plot, price: Decimal, opening: datetime) -> dict[str, Any]:
    """Create and START one strategy, and script its price from the opening on."""
    created = await api.post(
        "/strategy/create",
        {
            "symbol": plot.symbol,
            "buy_time": _time_of_day(opening, plot.buy_after),
            "sell_time": _time_of_day(opening, plot.sell_after),
            "stop_loss": _share(price, plot.stop),
            "quantity": plot.quantity,
        },
    )
    started: dict[str, Any] = await api.post("/strategy/start", {"strategy_id": created["strategy_id"]})
    ahead = max(0.0, (opening - datetime.now(EXCHANGE_TIME)).total_seconds())
    points = [[0.0, price], *([round(ahead + after, 2), _share(price, part)] for after, part in plot.path)]
    await paper.post("/_paper/path", {"exchange": "NSE", "symbol": plot.symbol, "points": points})
    return started


async def opening() -> datetime:
    """Return the second of the first buy; wait until after midnight, since a trading day ends there."""
    now = datetime.now(EXCHANGE_TIME)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight - now < _LONGEST:
        await asyncio.sleep((midnight - now).total_seconds() + 1)
        now = datetime.now(EXCHANGE_TIME)
    return (now + _LEAD).replace(microsecond=0)


def _time_of_day(opening: datetime, seconds: int) -> str:
    return (opening + timedelta(seconds=seconds)).strftime("%H:%M:%S")


def _share(price: Decimal, thousandths: int) -> Decimal:
    return (price * thousandths / 1000 / _TICK).quantize(Decimal(1)) * _TICK
