"""Asks each dependency of a listener whether it answers, and the feeds whether prices come."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from listener.metrics import MarketNumbers

ANSWER_SECONDS = 1.0
Ask = Callable[[], Awaitable[object]]
"""Returns when a part answers; raises, or returns False, when it does not."""


class Health:
    """Asks each part; `numbers` says how the feeds stand."""

    def __init__(self, parts: Mapping[str, Ask], numbers: Callable[[], MarketNumbers]) -> None:
        self._parts = parts
        self._numbers = numbers

    async def ill(self) -> Mapping[str, str]:
        """Return what is ill, by the part's name, in words; never raises."""
        answers = await asyncio.gather(*(_answers(ask) for ask in self._parts.values()))
        ill = {name: "does not answer" for name, well in zip(self._parts, answers, strict=True) if not well}
        now = self._numbers()
        if now.stale:
            ill["feed"] = f"{now.stale} of {now.feeds} price feeds bring no prices for the stops they guard"
        return ill


async def _answers(ask: Ask) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await ask() is not False
    except Exception:  # whatever is wrong with it, it is not well
        return False
