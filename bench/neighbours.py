"""Measures how noisy and broken tenants delay the others: the same second without them and with them."""

from collections.abc import Sequence
from functools import partial

from bench.crowd import SELL_TIME, Crowd, Herd
from bench.figures import Figure, rounded
from bench.outcome import Outcome, Scene
from bench.people import STARTS_AT_ONCE, People, User, bounded
from bench.spread import missing, percentile
from bench.stage import stage

OTHERS = 200
WORKERS = "2"
SYMBOL = "SBIN"
STRATEGIES = 100
"""Of the noisy one, all due in the others' second: ten times the orders they may send in it."""
OF_THE_BROKEN = 5
SLOW_SECONDS = 8.0
BROKEN_FOR = 60.0


async def disturb(scene: Scene, found: Outcome) -> None:
    """Measure the others' lateness twice, the second time beside three that are a burden."""
    async with (
        stage(scene.home / "neighbours", "--workers", WORKERS) as here,
        People.on(here.endpoints["api"], here.endpoints["paper"]) as people,
    ):
        users = await people.move_in(OTHERS + 3, here.rows)
        await here.quiet()
        crowd = Crowd(here, people, users[3:], scene.pace, scene.tell)
        await crowd.enter(await crowd.gather())  # a product that is just up is late by itself
        alone = await crowd.enter(await crowd.gather())
        herd = await crowd.gather()
        scene.tell("one neighbour with 100 strategies, one without a login, one whose broker is slow")
        await _burden(people, herd, users[:3])
        beside = await crowd.enter(herd)
    before, after = percentile(alone, 0.99), percentile(beside, 0.99)
    moved = None if before is None or after is None else rounded(after - before)
    also = {"alone_p99": rounded(before), "beside_p99": rounded(after), "never": missing(beside)}
    found.figures.append(Figure("neighbours_moved_p99_ms", moved, also, holds=missing(beside) == 0))


async def _burden(people: People, herd: Herd, users: Sequence[User]) -> None:
    noisy, signed_out, slow = users
    counts = ((noisy, STRATEGIES), (signed_out, OF_THE_BROKEN), (slow, OF_THE_BROKEN))
    work = [partial(_start, people, user, herd) for user, count in counts for _ in range(count)]
    await bounded(STARTS_AT_ONCE, work)
    await people.fault("slow", slow, count=100, delay=SLOW_SECONDS, seconds=BROKEN_FOR)
    await people.fault("token_expired", signed_out)


async def _start(people: People, user: User, herd: Herd) -> None:
    made = await people.create(user, herd.due, SELL_TIME, symbol=SYMBOL, stop_loss=1)
    await people.start(user, made)
