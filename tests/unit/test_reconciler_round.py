"""A round of the reconciler leaves word of itself, and no run that is deaf keeps it from the others."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID, uuid4

from activities.reconciler import ReconcileActivities
from domain.errors import StoreUnavailable, Unavailable
from domain.limits import ToSell
from domain.reconciler import Look
from tests.fakes.manual_clock import ManualClock


class Books:
    """Stands where rows, runs, late orders, cache and marks are; a test says who is away, and who is deaf."""

    def __init__(self) -> None:
        self.selling: list[ToSell] = []
        self.deaf: set[str] = set()
        self.told: list[str] = []
        self.rounds = 0
        self.away = False

    async def round_ended(self) -> None:
        self.rounds += 1

    async def to_sell(self) -> Sequence[ToSell]:
        if self.away:
            raise StoreUnavailable("Postgres does not answer")
        return self.selling

    async def sell(self, workflow_id: str, run_id: str) -> bool:
        if workflow_id in self.deaf:
            raise Unavailable("no worker of its version answers")
        self.told.append(workflow_id)
        return True

    async def nothing(self, *_: object) -> tuple[()]:
        return ()

    async def stands(self) -> bool:
        return True

    missing = owned = sold = running = doubtful_orders = unpriced_orders = ended_since = nothing


def activities(books: Books) -> ReconcileActivities:
    all_of = cast("Any", books)
    return ReconcileActivities(
        *(all_of, all_of, all_of, all_of, all_of, all_of, ManualClock(), all_of, all_of, all_of, all_of)
    )


def running(number: int) -> list[ToSell]:
    ids: list[UUID] = [uuid4() for _ in range(number)]
    return [ToSell(one, f"strategy-{one}", "a run") for one in ids]


async def test_a_round_leaves_word_when_it_is_over() -> None:
    books = Books()
    await activities(books).reconcile(Look(1))
    assert books.rounds == 1


async def test_a_round_that_postgres_cut_short_is_none() -> None:
    books = Books()
    books.away = True
    done = await activities(books).reconcile(Look(1))
    assert (done.away, books.rounds) == (("postgres",), 0)


async def test_a_deaf_run_keeps_no_other_from_being_told_to_sell() -> None:
    books = Books()
    books.selling = running(5)
    books.deaf = {books.selling[0].workflow_id}
    done = await activities(books).reconcile(Look(1))
    assert books.told == [one.workflow_id for one in books.selling[1:]]
    assert set(done.selling) == {one.strategy_id for one in books.selling[1:]}
    assert (done.away, books.rounds) == (("temporal",), 1)
