"""`stopwatch kill-switch` on a real Postgres: it says what was done, what is left, and who does that."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from adapters.postgres.engine import Store
from adapters.postgres.operation_tables import ReconcilerRound
from adapters.postgres.order_resolution import NotResolved
from adapters.postgres.tables import (
    StrategyRow,
    SystemSwitch,
)
from adapters.postgres.user_tables import User
from domain.errors import Unavailable
from domain.limits import KillExits
from services.account.operator_kill_switch import SwitchOptions, SwitchReport, turn
from tests.store_rows import Desk

ROOT = Path(__file__).resolve().parent.parent.parent
EXIT = SwitchOptions(KillExits.EXIT, "the exchange is ill")


class Hands:
    """The runs: each does what the test says when it is told to sell."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.told: list[str] = []
        self.by_operator: list[bool] = []
        self.away: set[str] = set()
        self.slow = False
        self.gone = False

    async def sell(self, workflow_id: str, run_id: str, *, by_operator: bool = False) -> bool:
        if workflow_id in self.away:
            raise Unavailable("no worker of its version answers")
        if self.gone:
            return False
        self.told.append(workflow_id)
        self.by_operator.append(by_operator)
        if not self.slow:
            async with self._store.work() as session:
                one = update(StrategyRow).where(StrategyRow.workflow_id == workflow_id)
                await session.execute(one.values(status="stopped", position="sold"))
        return True


@pytest.fixture
async def desk(store: Store) -> Desk:
    return await holding(store)


async def holding(store: Store) -> Desk:
    made = await Desk.made(store)
    await made.runs.activate(made.start())
    await made.bought()
    name = f"strategy-{made.strategy.strategy_id}"
    async with store.work() as session:
        mine = update(StrategyRow).where(StrategyRow.strategy_id == made.strategy.strategy_id)
        await session.execute(mine.values(workflow_id=name))
    return made


async def went_round(store: Store, seconds_ago: float) -> None:
    async with store.work() as session:
        at = func.clock_timestamp() - timedelta(seconds=seconds_ago)
        await session.execute(update(ReconcilerRound).values(ended_at=at))


async def workflow_of(desk: Desk) -> str:
    return str((await desk.row()).workflow_id)


async def test_what_was_sold_is_said_to_be_sold(store: Store, desk: Desk) -> None:
    hands = Hands(store)
    answer = await turn(store, hands, EXIT, waits=5)
    assert hands.told == [await workflow_of(desk)]
    assert hands.by_operator == [True], "its words name the operator, and not its user"
    assert answer.done
    assert "1 of 1 running strategies have stopped and hold nothing." in answer.words


async def test_what_is_still_selling_is_not_said_to_be_sold(store: Store, desk: Desk) -> None:
    hands = Hands(store)
    hands.slow = True
    answer = await turn(store, hands, EXIT, waits=0.3)
    assert answer.words.endswith(
        "from now on. 0 of 1 running strategies have stopped and hold nothing; "
        "1 were told and are still selling (see their timelines)."
    )


@pytest.mark.parametrize(
    ("seconds_ago", "who"),
    [
        (4, "tells them again every few seconds"),
        (400, "Nothing else tells them now: the reconciler last went round 40"),
        (None, "Nothing else tells them now: the reconciler has never gone round"),
    ],
)
async def test_a_run_that_could_not_be_told_is_named_with_who_tells_it(
    store: Store, desk: Desk, seconds_ago: float | None, who: str
) -> None:
    other, hands = await holding(store), Hands(store)
    hands.away = {await workflow_of(desk)}
    if seconds_ago is not None:
        await went_round(store, seconds_ago)
    answer = await turn(store, hands, EXIT, waits=5)
    assert not answer.done
    assert "1 of 2 running strategies have stopped" in answer.words
    assert "1 could NOT be told" in answer.words
    assert str(desk.strategy.strategy_id) in answer.words
    assert str(other.strategy.strategy_id) not in answer.words
    assert who in answer.words


async def test_a_run_that_is_gone_has_not_been_told(store: Store, desk: Desk) -> None:
    """It was terminated; its row says that it runs until the reconciler adopts it."""
    hands = Hands(store)
    hands.gone = True
    answer = await turn(store, hands, EXIT, waits=5)
    assert (answer.done, "could NOT be told" in answer.words) == (False, True)


async def test_what_workers_sold_without_its_run_is_said_to_be_sold(store: Store, desk: Desk) -> None:
    """A run of a version without workers does not hear; the workers of another have sold it."""
    hands = Hands(store)
    hands.away = {await workflow_of(desk)}

    async def a_worker_sells() -> None:
        await asyncio.sleep(0.5)
        async with store.work() as session:
            await session.execute(update(StrategyRow).values(position="sold", sold_quantity=10))

    selling = asyncio.create_task(a_worker_sells())
    answer = await turn(store, hands, EXIT, waits=5)
    await selling
    assert answer.done
    assert "1 did not hear and hold nothing" in answer.words
    assert str(desk.strategy.strategy_id) in answer.words
    assert "could NOT be told" not in answer.words


async def test_shares_that_a_stop_left_are_not_said_to_be_sold(store: Store, desk: Desk) -> None:
    class Failing(Hands):
        async def sell(self, workflow_id: str, run_id: str, *, by_operator: bool = False) -> bool:
            async with store.work() as session:
                await session.execute(update(StrategyRow).values(status="stopped"))
            return True

    answer = await turn(store, Failing(store), EXIT, waits=5)
    assert "0 of 1" in answer.words
    assert "1 stopped with shares left (see `stopwatch positions`)" in answer.words


async def test_one_users_switch_sells_what_is_theirs_alone(store: Store, desk: Desk) -> None:
    other, hands = await holding(store), Hands(store)
    async with store.read() as session:
        email = await session.scalar(select(User.email).where(User.user_id == other.strategy.user_id))
    answer = await turn(store, hands, SwitchOptions(KillExits.EXIT, "a fault", email), waits=5)
    assert hands.told == [await workflow_of(other)]
    assert f"for {email}" in answer.words
    with pytest.raises(NotResolved):
        await turn(store, hands, SwitchOptions(KillExits.EXIT, "a fault", str(UUID(int=7))))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SwitchOptions(KillExits.KEEP, "ill"), "still watched"),
        (SwitchOptions(None, "well again"), "Buying is allowed again for everybody"),
    ],
)
async def test_nothing_is_sold_where_nobody_asked(
    store: Store, desk: Desk, options: SwitchOptions, words: str
) -> None:
    hands = Hands(store)
    answer = await turn(store, hands, options)
    assert (hands.told, answer.done) == ([], True)
    assert words in answer.words


async def test_nothing_running_is_nothing_to_sell(store: Store) -> None:
    assert await turn(store, Hands(store), EXIT) == SwitchReport(
        "Nothing is bought for everybody from now on. No strategy is running, so there is nothing to sell "
        "that a strategy watches."
    )


@pytest.mark.parametrize("temporal", ["", "127.0.0.1:1"])
async def test_the_command_turns_the_switch_though_temporal_is_away(
    database: str, store: Store, desk: Desk, tmp_path: Path, temporal: str
) -> None:
    shown = command(database, tmp_path, temporal, "on", "--exits", "exit", "--reason", "ill")
    assert shown.returncode == 1, shown.stderr
    assert "1 could NOT be told" in shown.stdout
    async with store.read() as session:
        assert await session.scalar(select(SystemSwitch.halted)) is True
    shown = command(database, tmp_path, temporal, "off", "--reason", "well again")
    assert (shown.returncode, "allowed again" in shown.stdout) == (0, True)


def command(database: str, cwd: Path, temporal: str, *words: str) -> subprocess.CompletedProcess[str]:
    known = {"STOPWATCH_DATABASE_URL": database, "STOPWATCH_TEMPORAL_ADDRESS": temporal}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
    return subprocess.run(
        [str(Path(sys.executable).parent / "stopwatch"), "kill-switch", *words],
        cwd=cwd,
        env=clean | known,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
