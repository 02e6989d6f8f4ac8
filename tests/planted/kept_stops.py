"""Planted where stops at the exchange are kept, changed and released: what sells twice, or what is kept."""

from tests.planted.bug import Bug

KEEPER = "tests/unit/test_stop_keeper.py"
STORE = "tests/contract/test_resting_stops.py"
KEPT = "tests/integration/test_kept_stops.py"
STOPS = "adapters/postgres/resting_stops.py"
HOLDING = "execution/kept_holding.py"

KEPT_STOP_BUGS: tuple[Bug, ...] = (
    Bug(
        "a stop is placed for shares that are being sold",
        "The keeper's claim comes after the exit has begun, and the order is alive when the day has ended.",
        "adapters/postgres/claim_statement.py",
        "    WHERE asked.stop IS NULL OR locked.exit_aim IS NULL\n",
        "    WHERE true\n",
        (f"{STORE}::test_no_stop_is_placed_once_the_exit_has_begun",),
    ),
    Bug(
        "what its user keeps is sold by its keeper",
        "The sale was held for its second, and the user's keep came just before.",
        STOPS,
        "        AND CASE WHEN asked.price IS NULL THEN orders.exit_aim IS DISTINCT FROM 'release'\n",
        "        AND CASE WHEN asked.price IS NULL THEN true\n",
        (f"{STORE}::test_what_is_released_is_not_sold_by_whoever_held_its_sale",),
    ),
    Bug(
        "a trigger is moved back while its shares are sold",
        "The exit has made it a market order, and the change of a trail follows it.",
        STOPS,
        "            ELSE orders.exit_aim IS NULL END\n",
        "            ELSE true END\n",
        (f"{STORE}::test_an_exit_may_change_to_the_market_and_move_no_trigger",),
    ),
    Bug(
        "two workers ask for the same change",
        "An order takes 25 changes; two workers that each ask for each use them up.",
        STOPS,
        "        AND jsonb_array_length(orders.modifications) = asked.known\n",
        "        AND jsonb_array_length(orders.modifications) >= asked.known\n",
        (f"{STORE}::test_a_change_is_had_once_and_counted",),
    ),
    Bug(
        "an intent that is planned later forgets that its exit has begun",
        "The keeper plans a slice just after the sale has begun, and may send it.",
        STOPS,
        "                row.exit_aim = next((one.exit_aim for one in rows if one.exit_aim), None)\n",
        "                row.exit_aim = None\n",
        (f"{STORE}::test_no_stop_is_placed_once_the_exit_has_begun",),
    ),
    Bug(
        "the shares that are gone stay in the stop",
        "The user has sold four by hand; the stop sells all ten, and the account is short.",
        HOLDING,
        "            account=max(0, min(unsold - held.missing, self._left_of(unsold))),\n",
        "            account=unsold,\n",
        (f"{KEEPER}::test_it_is_cancelled_and_placed_for_what_is_left_when_shares_are_gone",),
    ),
    Bug(
        "an account is looked at only when its feed tells of it",
        "Prices come by the operator's account: a stop that is cancelled is said to rest for a minute.",
        HOLDING,
        "            self._look_due, self._read_at = True, now\n",
        "            pass\n",
        (f"{KEEPER}::test_what_no_feed_tells_of_is_seen_within_two_seconds",),
    ),
    Bug(
        "a sale by hand waits until it is settled",
        "In the seconds until both books agree the stop sells what the user has just sold.",
        HOLDING,
        "            self._less = shown if shown < unsold - held.missing else None\n",
        "            self._less = None\n",
        (f"{KEEPER}::test_a_sale_by_hand_shrinks_it_before_the_account_is_settled",),
    ),
    Bug(
        "the number of a slice's order is used twice",
        "Two orders bear one tag, and what the book shows of one is written of the other.",
        HOLDING,
        "            number = max((one.attempt for one in attempts), default=0) + 1\n",
        "            number = len(of_slice) + 1\n",
        (f"{KEEPER}::test_later_fills_get_an_order_of_their_own",),
    ),
    Bug(
        "a stop without an answer is placed again at once",
        "It was placed after all, and both sell.",
        HOLDING,
        "        if entry_is_absent(attempt, book, self.held.terms, asked_at, self._ports.rules.horizons):\n",
        "        if book.covers(self.held.terms.symbol):\n",
        (f"{KEEPER}::test_a_lost_order_is_placed_again_only_when_its_horizon_has_passed",),
    ),
    Bug(
        "a cancellation by hand is taken for the exchange's",
        "The user has cancelled the stop, and it is placed again and again.",
        HOLDING,
        "            why = why_ended(row.message, facts.cancel_asked_at is not None, swept)\n",
        "            why = why_ended(row.message or 'cancelled', facts.cancel_asked_at is not None, swept)\n",
        (f"{KEEPER}::test_a_cancel_by_hand_is_told_and_not_fought",),
    ),
    Bug(
        "a sale does not say that it has begun",
        "What rests is sold, and the keeper places another stop beside the sale.",
        "execution/exits.py",
        "            await self._stops.begin_exit(order.key, ExitAim.SELL, _why(order), reason=",
        "            str(",
        (f"{KEEPER}::test_a_sale_begins_by_keeping_others_from_placing_a_stop",),
    ),
    Bug(
        "a day that ends without a sale leaves its stop alive",
        "The shares are the user's own again, and an order of the product sells them later.",
        "execution/exits.py",
        "            await self._stops.begin_exit(order.key, ExitAim.RELEASE)\n",
        "            return _exited(order, await self._log.leg(order.key))\n",
        (f"{KEEPER}::test_settling_releases_what_rests",),
    ),
    Bug(
        "a stop is sold although its sale was called off",
        "The user keeps the shares while the sale reads the account, and the stop is changed to sell.",
        "execution/resting_sale.py",
        "            if left is None or halt.is_set():\n                break\n",
        "            left = intent.wanted if left is None else left\n",
        (f"{KEEPER}::test_a_sale_that_is_called_off_while_it_reads_the_account_sells_nothing",),
    ),
    Bug(
        "the exchange gets no moment for its own stop",
        "The product changes an order that the exchange has just triggered, for nothing.",
        "execution/exit_policy.py",
        " or self.intent.acting is not None or any(map(_was_asked, attempts)):\n",
        " or any(map(_was_asked, attempts)):\n",
        (f"{KEEPER}::test_the_exchange_has_a_moment_to_trigger_its_own_stop_first",),
    ),
    Bug(
        "two workers keep the same holding",
        "Each change is asked for twice, and each look at a book costs the account two questions.",
        STOPS,
        "        AND md5(w.name || s.strategy_id) < md5(CAST(:worker AS text) || s.strategy_id))\n",
        "        AND false)\n",
        (f"{KEPT}::test_each_holding_is_kept_by_one_living_worker",),
    ),
    Bug(
        "an order that rests counts as one on its way",
        "The account is never compared while a stop rests, so that a sale by hand is not found.",
        "adapters/postgres/tables.py",
        " AND (sent.stop IS NULL OR sent.modifications <> '[]' \"\n",
        " AND (true OR sent.modifications <> '[]' \"\n",
        (f"{KEPT}::test_the_account_is_compared_while_a_stop_rests",),
    ),
)
