"""From a fill to the user's own server: how long a notice takes when many are told of the same second."""

from contextlib import suppress
from functools import partial

from bench.crowd import Crowd, after, first_received
from bench.figures import of_samples
from bench.outcome import OURS, Outcome, Scene
from bench.people import CONNECTS_AT_ONCE, People, bounded
from bench.spread import Samples
from bench.stage import stage
from tests.receivers import Hook, hook

TOLD = 200
WORKERS = "2"
TOLD_WITHIN = 20.0


async def tell(scene: Scene, found: Outcome) -> None:
    """Let every user have a signed webhook, and all of them buy in one second."""
    async with (
        stage(scene.home / "telling", "--workers", WORKERS) as here,
        People.on(here.endpoints["api"], here.endpoints["paper"]) as people,
        hook() as receiver,
    ):
        users = await people.move_in(min(TOLD, scene.size.accounts), here.rows)
        words = {"kind": "webhook", "address": receiver.url, "tells": ["fill"]}
        asked = [partial(people.call, user, "POST", "/notices/channels", words) for user in users]
        await bounded(CONNECTS_AT_ONCE, asked)
        await here.quiet()
        crowd = Crowd(here, people, users, scene.pace, scene.tell)
        herd = await crowd.gather()
        await crowd.enter(herd)
        filled = first_received(await people.ledger(), "BUY", herd.due.timestamp() - 1)
        told = await _told(receiver, len(filled))
    samples: Samples = [
        after(told.get(strategy_id), filled[user])
        for user, strategy_id in herd.strategies.items()
        if user in filled
    ]
    found.figures.append(of_samples("notice_p99_ms", samples, 0.99, arrived=len(receiver.requests)))
    found.curve("notice", OURS, samples)


async def _told(receiver: Hook, count: int) -> dict[str, float]:
    """Return when the notice of each strategy came, epoch seconds, as far as they come."""
    with suppress(TimeoutError):  # a notice that never came counts as later than all others
        await receiver.until(count, TOLD_WITHIN)
    ids = (notice["data"]["strategy_id"] for notice in receiver.notices)
    return dict(zip(ids, receiver.arrived, strict=False))
