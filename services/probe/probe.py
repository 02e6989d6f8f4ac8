"""Carries out a probe: the person's word, the rounds, what is left open, the comparison, and the verdict."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.probe.account import ProbeAccount
from services.probe.closing import UNREAD, Closing
from services.probe.expectations import TABLE, Difference, differences
from services.probe.person import Person
from services.probe.preparation import Cost
from services.probe.rounds import Rounds, Stopped


@dataclass(frozen=True, slots=True)
class Ended:
    """How a probe ended. `passed`: None where it came to no verdict; `rounds`: those made to their end."""

    passed: bool | None
    rounds: int
    found: Sequence[Difference]
    closed: bool


@dataclass(slots=True)
class Probe:
    """One probe of one account."""

    account: ProbeAccount
    person: Person

    async def carry_out(self) -> Ended:
        """Make the rounds; end with nothing open, or with words on what is. Raises nothing of its own."""
        rounds = Rounds(self.account, self.person)
        made, again = 0, False
        try:
            await rounds.first()
            made = 1
            self.person.say("Round 1 is over.")
            again = await self.person.agrees(
                "Make a second round (buy, rest a stop, cancel it, sell)? It costs as much as the first."
            )
            if again:
                await rounds.second()
                made = 2
        except Stopped as stopped:
            self.person.say(f"STOPPED. {stopped}")
        except UNREAD as away:
            self.person.say(f"STOPPED. The broker could not be read: {away}")
        except Exception as odd:  # shares may be held: whatever it was, what is open is looked at
            self.person.say(f"STOPPED. The probe itself failed: {odd!r}")
        except asyncio.CancelledError:
            self.person.say("\nSTOPPED. You interrupted it; interrupt again to leave what is open.")
        closed = await self._close()
        return self._judged(rounds, made, again=again, closed=closed)

    async def _close(self) -> bool:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        closing = Closing(self.account, self.person)
        closed = False
        try:
            closed = await closing.close()
            await self._say_holding()
        except asyncio.CancelledError:
            self.person.say("\nInterrupted again: what is named OPEN above is left as it is.")
            closing.say_how()
        return closed

    async def _say_holding(self) -> None:
        share = self.account.share.key
        try:
            held = await self.account.holding()
        except UNREAD as away:
            self.person.say(f"What the account holds of {share} could not be read: {away}")
            return
        self.person.say(f"The account holds {held.today} of {share} of today, and {held.before} of before.")

    def _judged(self, rounds: Rounds, made: int, *, again: bool, closed: bool) -> Ended:
        found = list(differences(rounds.seen, again=again))
        against = any(one.expected.safety and one.seen is not None for one in found)
        finished = made == (2 if again else 1)
        if against:
            passed: bool | None = False
        else:
            passed = not any(one.expected.safety for one in found) if finished and closed else None
        return Ended(passed, made, found, closed)


def before_words(share: str, cost: Cost, *, live: bool) -> str:
    """Return what the person agrees to before anything is sent."""
    charges = "unknown charges" if cost.charges is None else f"charges of about ₹{_rupees(cost.charges)}"
    kind = (
        "REAL ORDERS at Zerodha" if live else "orders at a paper exchange, which prove nothing for real ones"
    )
    return (
        f"This probe sends {kind}: it buys ONE share of {share} (CNC), rests a stop for it, changes "
        "the stop, and sells the share. Each step is asked for, and nothing is sent without your word.\n"
        f"It costs: at most ₹{_rupees(cost.paid)} for the share, which come back by the sale, and {charges}. "
        f"If the share fell from its highest to its lowest price of the day in between, you would lose "
        f"₹{_rupees(cost.worst)}; more is not possible in one round while the limits of the day stay."
    )


def result_words(ended: Ended) -> str:
    """Return the comparison line by line, and the verdict."""
    found = {one.expected.name: one for one in ended.found}
    lines = []
    for one in TABLE:
        if one.again and ended.rounds < 2 and one.name not in found:
            continue
        lines.append(
            f"DIFF {found[one.name].words}" if one.name in found else f"ok   {one.name}: {one.words}"
        )
    return "\n".join([*lines, _verdict(ended)])


def _verdict(ended: Ended) -> str:
    if ended.passed is None:
        return "NO VERDICT: the probe did not come to its end. Nothing is kept of it; make it again."
    if ended.passed:
        return "PASSED: what matters for safety is as expected."
    return "NOT PASSED: a difference matters for safety, so stops stay at the server."


def _rupees(amount: Decimal) -> str:
    return f"{amount:.2f}"
