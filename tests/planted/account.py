"""Planted in what may be sold: the account is not ours alone."""

from tests.planted.bug import HELD, SINGLES, Bug

SELLABLE = "tests/unit/test_sellable.py"
SOLD = "tests/unit/test_sold_positions.py"

ACCOUNT_BUGS: tuple[Bug, ...] = (
    Bug(
        "what was once bought is sold",
        "After a sale by hand the exit opens a short position.",
        "domain/sellable.py",
        "max(0, min(unsold, self.net + self.holdings - self.claims.older))",
        "unsold",
        (HELD,),
    ),
    Bug(
        "an older claim is not one",
        "One of two strategies is closed by hand: both sell what is left.",
        "domain/sellable.py",
        "self.net + self.holdings - self.claims.older",
        "self.net + self.holdings",
        (SELLABLE,),
    ),
    Bug(
        "an unread account is an empty one",
        "The position cannot be read for a while: the shares are called gone, and their stop with them.",
        "execution/account_snapshot.py",
        "return known or unsold\n                intent",
        "return 0\n                intent",
        (SINGLES,),
    ),
    Bug(
        "gone at the first look",
        "A book that lags for a moment ends the day as closed outside.",
        "execution/account_snapshot.py",
        "                if again and (steady or",
        "                if (again or not again) or (steady or",
        ("tests/unit/test_account_reader.py",),
    ),
    Bug(
        "an account that shows nothing is sold when patience is over",
        "The books disagree, after a conversion say: what is plainly gone is sold, and the account is short.",
        "execution/account_snapshot.py",
        "if found == unsold or (found and self._is_over(intent, began)):\n                    return found\n",
        "if found == unsold or self._is_over(intent, began):\n                    return found or unsold\n",
        ("tests/unit/test_account_reader.py",),
    ),
    Bug(
        "a part sold by hand ends the exit",
        "Four of ten are sold by hand: the six that are left are forgotten.",
        "execution/exit_policy.py",
        "        if quantity == 0:\n            raise ClosedOutside\n",
        "        if quantity is not None and quantity < missing:\n            raise ClosedOutside\n",
        (HELD,),
    ),
    Bug(
        "a sold position is told once",
        "The run that did not hear it holds nothing until its sell time.",
        "listener/sold_positions.py",
        "        sold.next_at = self._clock.monotonic() + REPEATS[min(sold.told, len(REPEATS) - 1)]\n",
        '        sold.next_at = float("inf")\n',
        (SOLD,),
    ),
    Bug(
        "a stop that sold while the run was entering is dropped",
        "The price falls in the first instants after the fill: sold, and the run never told.",
        "listener/price_monitor.py",
        "watched.phase in (Phase.ENTERING, Phase.HOLDING)",
        "watched.phase is Phase.HOLDING",
        ("tests/unit/test_listener.py",),
    ),
    Bug(
        "a run believes that its shares are sold",
        "Told of a sale that never was, it ends and leaves its shares unwatched.",
        "workflows/strategy_run.py",
        "            self._day.exited(await self._exit.settle())\n            if not self._day.held:\n",
        "            self._day.exited(Exited(self._day.bought, 0))\n            if not self._day.held:\n",
        ("tests/workflow/test_strategy_run.py::test_holds_on_when_told_of_a_sale_that_never_was",),
    ),
    Bug(
        "profit is invented for what was sold outside",
        "Shares that somebody else sold are counted at the last price.",
        "api/strategies/view.py",
        " or record.outside_quantity:",
        ":",
        ("tests/unit/test_strategy_view.py",),
    ),
)
