"""The line of its user's entries that one entry waits in, as its claims see it."""

from domain.budget import ENTRIES
from domain.entry_turns import IN_TIME, crowded_text
from domain.ports import NotClaimed
from execution.order_intent import OrderIntent


class TurnLine:
    """Remembers the longest line, and whether the entry had to wait in it."""

    def __init__(self, intent: OrderIntent) -> None:
        self._intent = intent
        self._longest = 1
        self._waited = False

    def saw(self, claim: NotClaimed) -> None:
        """Take in a claim that had to wait, or came too late."""
        self._longest = max(self._longest, claim.due_together)
        self._waited |= claim.over_budget or claim.started_before >= IN_TIME

    @property
    def why_late(self) -> str:
        """Why an entry's turn came late, in words; empty where it did not wait in a line."""
        if not self._waited or self._longest <= ENTRIES.a_second:
            return ""
        return crowded_text(self._longest, self._intent.due_at)
