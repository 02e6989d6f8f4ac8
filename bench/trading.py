"""Orders on the product: one at a time, a thousand in one second, a thousand stops hit by one tick."""

from dataclasses import dataclass
from typing import Any

from temporalio.client import Client

from bench.alone import Alone
from bench.crowd import SIGNALS_WITHIN, Crowd, Herd
from bench.figures import Figure, of_samples
from bench.outcome import OURS, SIGNALS, Outcome, Scene
from bench.people import People
from bench.spread import Samples, count_over, most
from bench.stage import Stage, stage
from settings import Settings

WORKERS = "2"
TOO_LATE_MS = 5000.0
FAST_PATH_OFF = {"STOPWATCH_FAST_PATH": "off"}
HAS_FAST_PATH = "fast_path" in Settings.model_fields
"""Whether this build has a fast path that can be turned off."""


async def trade(scene: Scene, found: Outcome) -> None:
    """Single orders, then the second of a thousand, then the tick that hits them all."""
    async with stage(scene.home / "trading", "--workers", WORKERS) as here, _people(here) as people:
        await _move_in(scene, here, people)
        await _alone(Alone(here, people, scene.users[: scene.size.singles], scene.tell), found)
        crowd = Crowd(here, people, scene.users, scene.pace, scene.tell)
        books = await _Books.read(here)
        herd = await crowd.gather()
        found.facts["seconds_per_create_and_start"] = round(scene.pace.seconds_each, 4)
        entry = await crowd.enter(herd)
        ahead = round(herd.ahead, 1)
        found.figures.append(of_samples("entry_lateness_p99_ms", entry, 0.99, started_ahead_s=ahead))
        found.curve("entry", OURS, entry)
        burst = await crowd.fall(herd)
        found.figures.append(of_samples("stop_burst_p99_ms", burst, 0.99, fast_path=HAS_FAST_PATH))
        found.curve("burst", OURS, burst)
        found.facts["strategy_day"] = await books.since(here, herd)


async def lose_a_worker(scene: Scene, found: Outcome) -> None:
    """The second of a thousand again with a worker killed before it, then the tick on the signal path alone.

    The fast path is off for this product; it is no part of an entry.
    """
    home = scene.home / "trading"
    async with stage(home, "--workers", WORKERS, **FAST_PATH_OFF) as here, _people(here) as people:
        await _move_in(scene, here, people)
        crowd = Crowd(here, people, scene.users, scene.pace, scene.tell)
        herd = await crowd.gather()
        entry = await crowd.enter(herd, two_seconds_before=lambda: _kill(scene, here))
        found.figures.append(_failover(entry))
        found.curve("failover", OURS, entry)
        sold = await crowd.fall(herd, until_over=False, within=SIGNALS_WITHIN)
        found.curve("burst", SIGNALS, sold)


async def _alone(alone: Alone, found: Outcome) -> None:
    bought, sold = await alone.measured()
    found.figures.append(of_samples("entry_lateness_p50_ms_single", bought, 0.5))
    found.figures.append(of_samples("stop_single_p50_ms", sold, 0.5))
    found.curve("single_entry", OURS, bought)
    found.curve("single_stop", OURS, sold)


def _failover(entry: Samples) -> Figure:
    over = count_over(entry, TOO_LATE_MS)
    figure = of_samples("entry_failover_p99_ms", entry, 0.99, over_5000_ms=over)
    figure.holds = over == 0 and most(entry) is not None
    return figure


def _kill(scene: Scene, here: Stage) -> None:
    scene.tell(f"worker {here.kill_a_worker()} killed, two seconds before")


def _people(here: Stage) -> Any:
    return People.on(here.endpoints["api"], here.endpoints["paper"])


async def _move_in(scene: Scene, here: Stage, people: People) -> None:
    if not scene.users:
        scene.tell(f"{scene.size.accounts} users connect")
        scene.users = await people.move_in(scene.size.accounts, here.rows)
        await here.quiet()


@dataclass(frozen=True, slots=True)
class _Books:
    """What Postgres has written so far."""

    commits: int
    wal_bytes: int

    @classmethod
    async def read(cls, here: Stage) -> "_Books":
        query = (
            "SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS wal "
            "FROM pg_stat_database WHERE datname = current_database()"
        )
        row = await here.rows.fetchrow(query)
        assert row is not None
        return cls(row["xact_commit"], row["wal"])

    async def since(self, here: Stage, herd: Herd) -> dict[str, Any]:
        """Return what one strategy's day cost: START, BUY, stop-loss, SELL, stop."""
        now, count = await _Books.read(here), len(herd.strategies)
        events, size = await _history(here, herd)
        return {
            "postgres_commits": round((now.commits - self.commits) / count, 1),
            "postgres_wal_bytes": round((now.wal_bytes - self.wal_bytes) / count),
            "temporal_events": events,
            "temporal_history_bytes": size,
        }


async def _history(here: Stage, herd: Herd) -> tuple[int, int]:
    """Return the length of one run's history, in events and bytes."""
    one = next(iter(herd.strategies.values()))
    workflow_id = await here.rows.fetchval("SELECT workflow_id FROM strategies WHERE strategy_id = $1", one)
    client = await Client.connect(here.endpoints["temporal"])
    info = (await client.get_workflow_handle(workflow_id).describe()).raw_description.workflow_execution_info
    return info.history_length, info.history_size_bytes
