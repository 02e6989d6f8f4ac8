"""A small chaos run in the suite: each kind of day, hand and group of faults, each part killed once."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.hand_plan import with_hands
from tests.chaos.plan import Disturbance, Plan
from tests.chaos.runner import run

DAYS, LANES, SEED = 24, 12, 85
DISTURBANCES = (
    Disturbance(0, 3, "kill", "worker"),
    Disturbance(4, 5, "kill", "listener"),
    Disturbance(6, 6, "net", "postgres", seconds=3, trouble="black_hole"),
    Disturbance(8, 6, "kill", "redis"),
    Disturbance(9, 7, "failpoint", "exit.sent"),
    Disturbance(10, 4, "rows", "/portfolio/positions", seconds=3),
    Disturbance(11, 2, "freeze", "worker", seconds=3),
    Disturbance(12, 4, "kill", "api"),
    Disturbance(14, 4, "kill", "postgres"),
    Disturbance(15, 3, "feed", "ws_silent", seconds=4),
    Disturbance(16, 4, "terminate", "run", seconds=40),
    Disturbance(17, 5, "flush", "redis", seconds=40),
    Disturbance(18, 6, "kill", "temporal"),
    Disturbance(19, 5, "net", "kite", seconds=3, trouble="drop_answer", amount=20),
)


@pytest.mark.proof
@pytest.mark.timeout(600)
async def test_no_order_is_lost_or_sent_twice_when_everything_fails_once(tmp_path: Path) -> None:
    plan = replace(with_hands(Plan.made(SEED, DAYS, LANES)), disturbances=DISTURBANCES)
    result = await run(plan, tmp_path, Console(file=io.StringIO()))
    assert result["violations"] == [], f"seed {SEED}; everything is in {tmp_path}"
    struck = {name.split(" ")[0] for name in result["kills"]}
    assert struck >= {"worker", "listener", "api", "redis", "postgres", "temporal", "at", "run"}
    assert result["checked"]["orders"] >= DAYS
    planned = {hand.action for day in plan.days for hand in day.hands}
    assert planned >= {"sell", "buy", "square_off", "login_elsewhere", "switch"}
    assert sum(result["hands"].values()) > 0
