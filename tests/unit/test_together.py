"""Calls that come in while others are under way are written in one go, and answered each for itself."""

import asyncio
from collections.abc import Sequence

import pytest

from adapters.postgres.write_batcher import Batcher, Later
from domain.errors import StoreUnavailable


class Slate:
    """A store of words that notes how they came; `gate` holds the writing."""

    def __init__(self) -> None:
        self.groups: list[tuple[list[str], bool]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.locked: set[str] = set()

    async def write(self, words: Sequence[str], wait: bool) -> list[str | Exception | Later]:
        self.groups.append((list(words), wait))
        await self.gate.wait()
        if "down" in words:
            raise StoreUnavailable("down")
        if "poison" in words:
            raise ValueError("poison")
        return [self._answer(word, wait) for word in words]

    def _answer(self, word: str, wait: bool) -> str | Exception | Later:
        if word in self.locked and not wait:
            return Later.LATER
        return LookupError(word) if word == "odd" else word.upper()


async def test_a_lone_call_goes_at_once() -> None:
    slate = Slate()
    assert await Batcher(slate.write).add("a") == "A"
    assert slate.groups == [(["a"], False)]


async def test_others_pass_when_every_lane_has_met_a_lock() -> None:
    slate = Slate()
    slate.locked = {"a"}
    together = Batcher(slate.write, lanes=1)
    waiting = asyncio.create_task(together.add("a"))
    while (["a"], False) not in slate.groups:  # noqa: ASYNC110 - the next turn of the loop, no time
        await asyncio.sleep(0)
    assert await together.add("b") == "B"
    assert await waiting == "A"


async def test_what_gathers_meanwhile_is_one_group() -> None:
    slate = Slate()
    slate.gate.clear()
    together = Batcher(slate.write, lanes=1)
    calls = [asyncio.create_task(together.add(word)) for word in "abcd"]
    await asyncio.sleep(0)
    slate.gate.set()
    assert await asyncio.gather(*calls) == list("ABCD")
    assert [len(words) for words, _ in slate.groups] == [4]


async def test_a_group_is_never_larger_than_allowed() -> None:
    slate = Slate()
    together = Batcher(slate.write, lanes=1, most=3)
    assert len(await asyncio.gather(*(together.add(str(number)) for number in range(10)))) == 10
    assert max(len(words) for words, _ in slate.groups) == 3


async def test_a_locked_one_waits_alone_when_the_others_go_on() -> None:
    slate = Slate()
    slate.locked = {"b"}
    together = Batcher(slate.write, lanes=1)
    assert await asyncio.gather(*(together.add(word) for word in "abc")) == list("ABC")
    assert (["b"], True) in slate.groups


async def test_one_errs_for_itself_when_the_store_refuses_it() -> None:
    together = Batcher(Slate().write, lanes=1)
    calls = (together.add(word) for word in ("a", "odd", "poison", "b"))
    first, odd, poison, last = await asyncio.gather(*calls, return_exceptions=True)
    assert (first, last) == ("A", "B")
    assert isinstance(odd, LookupError)
    assert isinstance(poison, ValueError)


async def test_everybody_hears_when_the_store_is_away() -> None:
    together = Batcher(Slate().write, lanes=1)
    answers = await asyncio.gather(
        *(together.add(word) for word in ("a", "down", "b")), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    with pytest.raises(StoreUnavailable):
        await together.add("down")


async def test_a_callers_write_is_left_out_when_he_left_before_it_began() -> None:
    slate = Slate()
    slate.gate.clear()
    together = Batcher(slate.write, lanes=1)
    first = asyncio.create_task(together.add("first"))
    await asyncio.sleep(0.01)
    gone, stays = asyncio.create_task(together.add("gone")), asyncio.create_task(together.add("stays"))
    await asyncio.sleep(0)
    gone.cancel()
    slate.gate.set()
    assert [await first, await stays] == ["FIRST", "STAYS"]
    assert all("gone" not in words for words, _ in slate.groups)
