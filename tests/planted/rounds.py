"""Planted in re-entries: when it is bought again, and what a round takes with it."""

from tests.planted.bug import Bug

REENTRY = "tests/unit/test_reentry.py"
WAIT = "tests/unit/test_price_wait.py"
SINGLES = "tests/simulation/test_singles.py"
STORE = "tests/integration/test_store_rounds.py"

ROUND_BUGS: tuple[Bug, ...] = (
    Bug(
        "each slice looks for all that was bought",
        "The first slice is sold at the stop; the others seem not to be covered, and leave seconds later.",
        "execution/exit_policy.py",
        "ensure_covered(replace(self.intent, wanted=missing), account)",
        "ensure_covered(self.intent, account)",
        ("tests/unit/test_slices.py",),
    ),
    Bug(
        "it is bought again in an account that is short",
        "A hand sells at the moment of the target: the next purchase closes the short, unseen and untold.",
        "execution/entry_checks.py",
        "        if (short := await self._flat.refusal(order, priced.account, latest, halt)) is not None:\n"
        "            return _skipped(short)\n",
        "",
        ("tests/unit/test_entry_checks.py",),
    ),
    Bug(
        "it buys again while a sale is in doubt",
        "The first round's shares are still there: twice as many are held.",
        "domain/reentry.py",
        "    if reenter is None or not end.certain or end.outcome not in _AFTER[reenter.after]:\n",
        "    if reenter is None or end.outcome not in _AFTER[reenter.after]:\n",
        (REENTRY,),
    ),
    Bug(
        "it buys again without end",
        "One round more each time, until the day's orders are used up.",
        "domain/reentry.py",
        "    if number > reenter.times or now >= until(reenter, plan):\n",
        "    if now >= until(reenter, plan):\n",
        (REENTRY,),
    ),
    Bug(
        "it buys again after its time",
        "A round begins that has no time left.",
        "domain/reentry.py",
        "    if number > reenter.times or now >= until(reenter, plan):\n",
        "    if number > reenter.times:\n",
        (REENTRY,),
    ),
    Bug(
        "after a stop it waits for a lower price",
        "It buys while the price falls on.",
        "domain/reentry.py",
        "        return last >= self.price if self.above else last <= self.price\n",
        "        return last <= self.price if self.above else last >= self.price\n",
        (REENTRY,),
    ),
    Bug(
        "it buys again after the user stopped it",
        "STOP was pressed while it was sold, and it is bought once more.",
        "domain/day.py",
        "        return RoundEnd(outcome, detail, price, sold and not doubt and not asked)\n",
        "        return RoundEnd(outcome, detail, price, sold and not doubt)\n",
        (SINGLES, "tests/unit/test_day.py"),
    ),
    Bug(
        "a new round of a START that has ended",
        "A client of Temporal has a stopped strategy buy again.",
        "adapters/postgres/runs.py",
        "    strategy, reenter = unit.strategy, request.start.strategy.terms.reenter\n"
        "    if strategy.status != Status.RUNNING:\n",
        "    strategy, reenter = unit.strategy, request.start.strategy.terms.reenter\n    if False:\n",
        (STORE,),
    ),
    Bug(
        "a new round while shares are held",
        "The second purchase is on top of the first.",
        "adapters/postgres/runs.py",
        "    if strategy.bought_quantity != strategy.sold_quantity or not strategy.bought_quantity:\n",
        "    if not strategy.bought_quantity:\n",
        (STORE,),
    ),
    Bug(
        "a round counts the shares of the one before",
        "Its entry price is an average over both, and its stop is measured from it.",
        "adapters/postgres/fills.py",
        "    if strategy.bought_quantity == strategy.sold_quantity > 0:\n",
        "    if False:\n",
        (STORE,),
    ),
    Bug(
        "a shared quote of before the sale has it bought again",
        "After a target it is bought at the target, a second later.",
        "execution/price_chase.py",
        "    return quote.last_price if after is None or quote.seen_at > after else None\n",
        "    return quote.last_price\n",
        (WAIT,),
    ),
)
