"""Planted in the rules of a stop that rests at the exchange: what sells twice, never, or without a right."""

from tests.planted.bug import Bug

RESTING = "tests/simulation/test_resting_stop.py"
SINGLE = f"{RESTING}::test_no_share_is_sold_twice_or_left_whatever_single_fault_strikes"
STEP = "domain/protected_step.py"
STOP = "domain/resting_stop.py"
EXIT = "domain/protected_exit.py"

RESTING_BUGS: tuple[Bug, ...] = (
    Bug(
        "a stop is cancelled and sold in a race",
        "The cancellation is lost or late, the stop triggers, and the same shares are sold twice.",
        STOP,
        "        if not (self.is_open or self.is_unanswered):\n",
        "        if not (self.is_open or self.is_unanswered) or self.cancel_asked_at is not None:\n",
        (SINGLE,),
    ),
    Bug(
        "an answer to a modification is believed",
        "The order rests on at its trigger, and the sale waits for it to sell.",
        STOP,
        "        return not self.triggers if self.seen is None else self.seen.at_market\n",
        "        asked = self.change is not None and self.change.trigger is None\n"
        "        return asked or (not self.triggers if self.seen is None else self.seen.at_market)\n",
        (f"{RESTING}::test_a_sale_asks_again_soon_where_its_change_was_lost",),
    ),
    Bug(
        "the tag of a stop is used twice",
        "The book shows two orders under one tag, and one of them is never looked at.",
        STEP,
        "            return at, len(orders) + 1\n",
        "            return at, len(orders)\n",
        (SINGLE,),
    ),
    Bug(
        "a stop has the quantity of the morning",
        "A hand has sold a share, and the stop sells it again.",
        EXIT,
        "        return self.unsold if self.account is None else min(self.unsold, self.account)\n",
        "        return self.unsold\n",
        (SINGLE,),
    ),
    Bug(
        "the modifications of an order are not counted",
        "The exit asks for a 26th change, which is refused, instead of cancelling.",
        STOP,
        "    return not order.used_up and order.changes < CHANGES and order.market_tries < MARKET_TRIES\n",
        "    return True\n",
        (SINGLE,),
    ),
    Bug(
        "a trailing stop uses up the changes of the exit",
        "At the sale the order takes no change any more, and has to be cancelled first.",
        STOP,
        "    return 0 if order.used_up else max(0, MOVES - order.changes)\n",
        "    return 0 if order.used_up else max(0, CHANGES - order.changes)\n",
        (SINGLE,),
    ),
    Bug(
        "a stop without an answer counts as not placed",
        "Another one is placed beside it.",
        STOP,
        "        if not (self.is_open or self.is_unanswered):\n",
        "        if not self.is_open:\n",
        (SINGLE,),
    ),
    Bug(
        "a stop in doubt is given up as soon as a sale",
        "It shows 90 seconds later, beside another one for the same shares.",
        STEP,
        "    return exit.horizons.exit_resend if exit.aim is Aim.SELL else exit.horizons.entry\n",
        "    return exit.horizons.exit_resend\n",
        (SINGLE,),
    ),
    Bug(
        "a stop that was given up is not looked for at the end",
        "It shows when everything is sold, and opens a short position.",
        STOP,
        "    return given_up and sent_at is not None and now - sent_at < horizons.entry\n",
        "    return given_up and sent_at is None\n",
        (f"{RESTING}::test_an_order_that_shows_90_seconds_late_is_looked_for_when_everything_is_sold",),
    ),
    Bug(
        "shares that are kept keep their stop",
        "The user said keep, and the exchange sells them in the afternoon.",
        STEP,
        "cancelled=exit.aim is Aim.RELEASE or order in surplus",
        "cancelled=order in surplus",
        (SINGLE,),
    ),
    Bug(
        "a stop that sells too much is moved before it is cancelled",
        "A hand has sold; until the stop is cancelled it can open a short.",
        STEP,
        "cancelled=exit.aim is Aim.RELEASE or order in surplus",
        "cancelled=exit.aim is Aim.RELEASE",
        (SINGLE,),
    ),
    Bug(
        "a cancellation by the user's hand is fought",
        "The user cancels the stop in the app, and it comes back.",
        STEP,
        "    if by_hand and not exit.asked_again:\n",
        "    if False:\n",
        (SINGLE,),
    ),
    Bug(
        "the exchange is waited for where it cannot trigger",
        "The stop was raised, the resting order lags: each sale is 300 ms late.",
        STEP,
        "    return exit.acting <= seen.trigger\n",
        "    return True\n",
        (SINGLE,),
    ),
    Bug(
        "a lost modification is waited for without end",
        "The answer was 200, the order rests on, and no more is done.",
        STOP,
        "        return not failed and seen.read_at - change.asked_at < ASKED_AGAIN\n",
        "        return not failed\n",
        (SINGLE,),
    ),
    Bug(
        "a lost cancellation is waited for without end",
        "The order rests on after the end of the day.",
        STOP,
        "        return asked is not None and (seen is None or seen.read_at - asked < ASKED_AGAIN)\n",
        "        return asked is not None\n",
        (SINGLE,),
    ),
    Bug(
        "a stop is placed without the store",
        "Nothing keeps a second worker from placing it as well.",
        STEP,
        "    return _paused(exit, now) if exit.may_write else Wait(Bar.STORE)\n",
        "    return _paused(exit, now)\n",
        (SINGLE,),
    ),
)
