"""Planted in the ways out of an exit: refusals, orders in the way, words, closes and outages."""

from tests.planted.bug import Bug

WAYS = "tests/simulation/test_ways_out.py"
PLAYED = f"{WAYS}::test_a_refused_sale_leaves_nothing_forgotten_whatever_single_fault_strikes"
REFUSED = "tests/unit/test_refusals.py"
LEFT = "tests/integration/test_left_over.py"
OUTAGES = "tests/integration/test_outages.py"
ON_TEMPORAL = "tests/workflow/test_ways_out.py"

WAYS_OUT_BUGS: tuple[Bug, ...] = (
    Bug(
        "a refusal that a person must lift is tried at once",
        "Two thousand refused orders a day; at five thousand the broker refuses every exit.",
        "domain/refusal.py",
        "    if rule.seldom and (in_a_row > 1 or not rule.twice):\n        return SELDOM\n",
        "",
        (f"{WAYS}::test_a_refusal_that_its_user_must_lift_is_sent_once_and_told_once",),
    ),
    Bug(
        "a refusal that is not known is tried twice a second",
        "The broker's words have changed: the day's orders are used up before the user looks.",
        "domain/refusal.py",
        "return PAUSES[in_a_row - 1] if in_a_row <= len(PAUSES) else LAST_PAUSE",
        "return PAUSES[0]",
        (REFUSED,),
    ),
    Bug(
        "the user's word lifts no refusal",
        "He has authorised the sale and presses STOP: nothing is sent for a quarter of an hour.",
        "workflows/run_exit.py",
        "        if self._day.words != words:\n            self._lifted = held.attempt\n",
        "",
        (f"{WAYS}::test_a_refused_sale_is_sent_at_once_on_the_users_word",),
    ),
    Bug(
        "the order in the way is not named",
        "The user reads of pending orders, and not which.",
        "domain/exit_obstacle.py",
        "        if self.blocking:\n            orders =",
        "        if self.blocking and not self.message:\n            orders =",
        (REFUSED,),
    ),
    Bug(
        "an order in the way is sent against",
        "Each try is refused as long as the user's own order rests.",
        "execution/exit_policy.py",
        "wait=max(found.wait, SELDOM)) if orders else pausing(found)",
        "wait=max(found.wait, SELDOM)) if not orders else pausing(found)",
        (f"{WAYS}::test_an_order_in_the_way_is_not_sent_against_while_it_rests",),
    ),
    Bug(
        "an order of another strategy's tag is our own",
        "Its open sale is in the way, and is not seen.",
        "domain/exit_obstacle.py",
        "and not order.tags & own",
        "and not order.tags",
        (REFUSED,),
    ),
    Bug(
        "a flat account does not end a refused sale",
        "All shares are sold by hand: the exit waits until the market closes, and says they are held.",
        "execution/exit_policy.py",
        "        if await self._accounts.are_gone(self.intent, await self.login.account(), halt):\n"
        "            raise ClosedOutside\n",
        "",
        (f"{WAYS}::test_shares_sold_by_hand_end_a_refused_sale_within_a_minute",),
    ),
    Bug(
        "keep waits for a book that cannot be read",
        "The user keeps the shares, and the run goes on for as long as the broker is away.",
        "execution/exits.py",
        "HALTED_WITHIN = 20.0",
        "HALTED_WITHIN = 2000.0",
        (f"{WAYS}::test_the_word_to_keep_ends_a_sale_in_doubt_whose_books_cannot_be_read",),
    ),
    Bug(
        "the market's close does not end a sale in doubt",
        "The day goes on all night, and the strategy cannot be started.",
        "workflows/run_exit.py",
        "            left = max(self._day.closes_at - workflow.now(), timedelta(0)) + policies.CLOSING\n",
        "            left = timedelta(days=2)\n",
        (f"{WAYS}::test_the_markets_close_ends_a_sale_in_doubt_whose_books_cannot_be_read",),
    ),
    Bug(
        "a sale whose end could not be found out leaves no doubt",
        "Shares that were sold are said to be kept, as asked.",
        "domain/day.py",
        "        if not (self._unsettled or (self._exited",
        "        if not (False or (self._exited",
        ("tests/unit/test_day.py",),
    ),
    Bug(
        "keep does not look at the account",
        "Shares that a hand has sold are said to be kept, as asked.",
        "workflows/run_exit.py",
        '            await self.look(policies.LOOK_BEFORE_KEEP)  # "kept" is said of shares that are there\n',
        "            pass\n",
        (f"{ON_TEMPORAL}::test_what_is_kept_is_what_the_account_still_holds",),
    ),
    Bug(
        "keep on a stopped strategy is ignored",
        "Shares of a failed exit can neither be sold nor kept: START is refused for ever.",
        "services/strategies/stop.py",
        "        if record.left_over and on_stop is OnStop.KEEP:\n",
        "        if not record.left_over and on_stop is OnStop.KEEP:\n",
        (LEFT,),
    ),
    Bug(
        "a release sells",
        "The user keeps the shares of a stopped strategy, and they are sold.",
        "workflows/strategy_run.py",
        "        if self._start.release is not None:\n            return await self._release()\n",
        "",
        (f"{ON_TEMPORAL}::test_a_look_at_left_over_shares_releases_what_is_gone",),
    ),
    Bug(
        "shares that are gone bar the START",
        "Sold at the broker by hand, and still held here for ever.",
        "services/strategies/start.py",
        "if stands.record.status is not Status.STOPPED or stands.record.left_over:",
        "if stands.record.status is Status.STOPPED:",
        (LEFT,),
    ),
    Bug(
        "an untried sale could not be sold",
        "The server was off all afternoon, and says that the market took no order.",
        "domain/day.py",
        "        if self.slept and not self.was_tried:\n",
        "        if self.slept and self.was_tried:\n",
        (f"{ON_TEMPORAL}::test_intraday_shares_that_were_slept_through_are_said_to_be_untried",),
    ),
    Bug(
        "a day that was slept through ends",
        "In the next session the price is under the stop, and nothing watches it.",
        "workflows/run_exit.py",
        "        return session.opens_at is not None\n",
        "        return False\n",
        (f"{ON_TEMPORAL}::test_a_sale_that_was_slept_through_is_told_and_sold_when_the_market_opens",),
    ),
    Bug(
        "a stop of the night sells before the opening",
        "The closing price is at the stop: orders go out while the exchange is closed.",
        "workflows/run_exit.py",
        "        opens_at = self._day.opens_at\n        if opens_at is not None:\n",
        "        opens_at = self._day.opens_at\n        if opens_at is not None and not self._day.leaving:\n",
        (f"{ON_TEMPORAL}::test_a_strategy_that_keeps_watches_its_stop_again_after_it_was_slept_through",),
    ),
    Bug(
        "an outage is not told",
        "The stop went unwatched for two hours, and the timeline shows none of it.",
        "execution/worker_waking.py",
        "        if outage is None:\n",
        "        if outage is not None:\n",
        (f"{OUTAGES}::test_a_worker_wakes_before_its_first_heartbeat_and_waits_for_the_store",),
    ),
    Bug(
        "the fast path sells after the close",
        "A price of the day that is over sends an order that the exchange refuses.",
        "adapters/postgres/scheduled_orders.py",
        "StrategyRow.closes_at.is_(None), StrategyRow.closes_at > func.now()",
        "StrategyRow.closes_at.is_(None), StrategyRow.closes_at.is_not(None)",
        (f"{OUTAGES}::test_a_stop_that_is_seen_after_the_close_sells_nothing",),
    ),
)
