"""Times a notification from the fill to the user's own server, alone and beside many of one second."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from bench.alone import Alone
from bench.crowd import Crowd, after, first_received
from bench.figures import of_samples, rounded
from bench.outcome import OURS, Outcome, Scene
from bench.people import CONNECTS_AT_ONCE, People, User, bounded
from bench.spread import Samples, percentile
from bench.stage import stage
from tests.receivers import Hook, hook

TOLD = 200
WORKERS = "2"
TOLD_WITHIN = 20.0


async def tell(scene: Scene, found: Outcome) -> None:
    """Let every user have a signed webhook; some buy a second apart, then all of them in one second."""
    async with (
        stage(scene.home / "telling", "--workers", WORKERS) as here,
        People.on(here.endpoints["api"], here.endpoints["paper"]) as people,
        hook() as receiver,
    ):
        users = await people.move_in(min(TOLD, scene.size.accounts), here.rows)
        await _listen(people, users, receiver)
        await here.quiet()
        began, few = time.time(), users[: scene.size.singles]
        _, ids = await Alone(here, people, few, scene.tell).enter()
        one_by_one = dict(zip((user.broker_user_id for user in few), ids, strict=True))
        alone = await _told(people, receiver, one_by_one, began)
        crowd = Crowd(here, people, users, scene.pace, scene.tell)
        herd = await crowd.gather()
        await crowd.enter(herd)
        together = await _told(people, receiver, herd.strategies, herd.due.timestamp() - 1)
    also = {
        f"of_{len(together)}_at_once_p{share}": rounded(percentile(together, share / 100))
        for share in (50, 99)
    }
    found.figures.append(of_samples("notice_p99_ms", alone, 0.99, **also))
    found.curve("notice", OURS, alone)


async def _listen(people: People, users: Sequence[User], receiver: Hook) -> None:
    words = {"kind": "webhook", "address": receiver.url, "tells": ["fill"]}
    asked = [partial(people.call, user, "POST", "/notices/channels", words) for user in users]
    await bounded(CONNECTS_AT_ONCE, asked)


async def _told(people: People, receiver: Hook, strategies: Mapping[str, str], since: float) -> Samples:
    """Return the ms from each order to the notification of its fill; None for one that never came."""
    wanted = set(strategies.values())
    until = time.monotonic() + TOLD_WITHIN
    while not wanted <= (came := _arrivals(receiver)).keys() and time.monotonic() < until:
        with suppress(TimeoutError):
            await receiver.until(len(receiver.requests) + 1, 1)
    received = first_received(await people.ledger(), "BUY", since)
    return [after(came.get(one), received[user]) for user, one in strategies.items() if user in received]


def _arrivals(receiver: Hook) -> dict[str, float]:
    """Return when the notification of each strategy's fill came, epoch seconds."""
    ids = (notice["data"]["strategy_id"] for notice in receiver.notices)
    return dict(zip(ids, receiver.arrived, strict=True))
