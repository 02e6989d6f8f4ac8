"""Planted in LIMIT entries, in the chase of a price, and in sizes."""

from tests.planted.bug import Bug

PRICE = "tests/unit/test_entry_price.py"
ENTRIES = "tests/unit/test_limit_entries.py"
SETTLED = "tests/unit/test_entry_settled.py"
SIZE = "tests/unit/test_entry_size.py"
STORE = "tests/integration/test_limit_orders.py"
SLICES = "tests/unit/test_slices.py"
LOG = "tests/contract/test_order_log.py"
SINGLES = (
    "tests/simulation/test_singles.py::test_no_order_twice_lost_or_forgotten_whatever_single_fault_strikes"
)

ENTRY_BUGS: tuple[Bug, ...] = (
    Bug(
        "a chase passes its most",
        "It buys at whatever the price has run to.",
        "domain/entry_price.py",
        "    wanted = min(attempt.limit.ceiling, tick_below(last + _of(entry.buffer, last), tick))\n",
        "    wanted = tick_below(last + _of(entry.buffer, last), tick)\n",
        (PRICE, ENTRIES, SINGLES),
    ),
    Bug(
        "a limit is rounded up",
        "It pays a tick more than its terms allow.",
        "domain/entry_price.py",
        "    ceiling = tick_below(last + _of(entry.most, last), tick)\n",
        "    ceiling = tick_below(last + _of(entry.most, last), tick) + (tick or 0)\n",
        (PRICE,),
    ),
    Bug(
        "a chase changes its price without end",
        "The broker refuses the 26th change, and the order can be changed no more.",
        "domain/entry_price.py",
        "    return move.number < MOVES and now - move.asked_at >= pause\n",
        "    return now - move.asked_at >= pause\n",
        (PRICE, ENTRIES),
    ),
    Bug(
        "a change is asked for again before the last one can be shown",
        "A lost answer costs one of the few changes each second.",
        "domain/entry_price.py",
        "    pause = MOVE_EVERY if row.price >= move.price else UNSHOWN\n",
        "    pause = MOVE_EVERY\n",
        (PRICE, ENTRIES),
    ),
    Bug(
        "a limit rests its seconds anew with each worker",
        "It is bought minutes after it was to be cancelled.",
        "execution/entry_policy.py",
        "        return (until - self._clock.now()).total_seconds()\n",
        "        return self._order.how.entry.for_seconds\n",
        (ENTRIES,),
    ),
    Bug(
        "a chase follows the price after a stop",
        "It asks for a higher price while it is being cancelled.",
        "execution/follower.py",
        "            if not following.halt.is_set() and self._clock.monotonic() < until:\n",
        "            if True:\n",
        (ENTRIES,),
    ),
    Bug(
        "a limit rests over its sale",
        "It is bought after its sell_time, and sold late.",
        "domain/entry_price.py",
        "    return until if sell_at is None else min(until, sell_at - BEFORE_SALE)\n",
        "    return until\n",
        (PRICE, ENTRIES),
    ),
    Bug(
        "a limit that was never filled is told as a failure",
        "The user looks for what went wrong, and nothing did.",
        "execution/entry_results.py",
        "    if last.status is OrderStatus.CANCELLED and last.limit is not None:\n",
        "    if last.status is OrderStatus.CANCELLED and last.limit is None:\n",
        (ENTRIES,),
    ),
    Bug(
        "a change is sent that was not written down",
        "Two workers ask at once, and a crash forgets that either did.",
        "execution/entry_policy.py",
        "        if price is not None and await self._log.move(attempt, price):\n",
        "        if price is not None and (await self._log.move(attempt, price) or True):\n",
        (ENTRIES, SINGLES),
    ),
    Bug(
        "a claim does not look at the limit of its START",
        "A forged message buys at any price.",
        "adapters/postgres/claim_statement.py",
        "            WHEN 'chase' THEN judged.ceiling IS NOT NULL\n",
        "            WHEN 'chase' THEN true\n",
        (STORE,),
    ),
    Bug(
        "a size is judged by shares alone",
        "A message that was changed buys for more than the amount.",
        "adapters/postgres/claim_statement.py",
        "            WHEN 'amount' THEN leg.bought * judged.price\n",
        "            WHEN 'amount' THEN judged.price\n",
        (STORE,),
    ),
    Bug(
        "two callers change a price at once",
        "Each counts from the same number, and one change is forgotten.",
        "adapters/postgres/modifications.py",
        "    WHERE order_id = :order_id AND status = 'open' AND jsonb_array_length(modifications) = :known\n",
        "    WHERE order_id = :order_id AND status = 'open' AND :known >= 0\n",
        (LOG,),
    ),
    Bug(
        "a change that was lost counts as made",
        "Its time and its line say that the price was raised, and the exchange never heard of it.",
        "adapters/postgres/modifications.py",
        "if at == made else change\n",
        "if at <= made else change\n",
        (f"{LOG}::test_a_change_counts_as_made_once_the_order_book_shows_its_price",),
    ),
    Bug(
        "a change counts as made because it was asked for",
        "The user reads of four changes of a price that never moved.",
        "execution/entry_results.py",
        '    if move.made == move.number:\n        return f"{move.made} {_plural(move.made)} of its price"\n',
        '    if move.number:\n        return f"{move.number} {_plural(move.number)} of its price"\n',
        (ENTRIES,),
    ),
    Bug(
        "an amount is rounded up to a lot",
        "It buys for more than it was given.",
        "domain/entry_size.py",
        "    whole = shares // how.lot * how.lot\n",
        "    whole = -(-shares // how.lot) * how.lot\n",
        (SIZE,),
    ),
    Bug(
        "a size counts on the last price",
        "The order runs to the end of its band, and costs more than its amount.",
        "domain/entry_size.py",
        "    return tick_above(last + last * percent / HUNDRED, tick)\n",
        "    return last\n",
        (SIZE,),
    ),
    Bug(
        "a risk forgets its stop",
        "It buys as if all of the price could be lost, or none.",
        "domain/entry_size.py",
        "    each = worst if size.by is SizeBy.AMOUNT else worst - _stop(stop_loss, how, worst)\n",
        "    each = worst\n",
        (SIZE,),
    ),
    Bug(
        "a slice that was filled in part is followed by the next",
        "A purchase whose price has run away is sent again, and again.",
        "domain/leg.py",
        "last.status is OrderStatus.COMPLETE and last.filled_quantity == most",
        "last.filled_quantity > 0",
        (SLICES, SINGLES),
    ),
    Bug(
        "what another worker buys as an entry is called off is forgotten",
        "STOP comes between two tries: the shares are held, unwatched and untold.",
        "execution/entries.py",
        "        if len(attempts) == known:\n",
        "        if known:\n",
        (SETTLED,),
    ),
    Bug(
        "what another worker plans as an entry is called off is left open",
        "It is sent a moment later: the run has ended, and says that nothing was bought.",
        "execution/intents.py",
        "        if len(attempts) == len(before):\n",
        "        if before:\n",
        (SETTLED,),
    ),
    Bug(
        "a stop between two slices ends the purchase for one worker alone",
        "The worker that holds the entry sends the next slice, and the run has counted already.",
        "execution/entries.py",
        "        elif order.terms.most is not None:\n",
        "        elif order.terms.most == 0:\n",
        (SLICES, SINGLES),
    ),
    Bug(
        "a sale is not cut",
        "The exchange freezes it, and the shares are not sold.",
        "execution/exit_policy.py",
        "        quantity = intent.terms.slice_of(quantity)\n",
        "",
        (SLICES, SINGLES),
    ),
    Bug(
        "a slice is judged by itself",
        "What is bought in all is no more than nothing: each order is within what START says.",
        "adapters/postgres/claim_statement.py",
        "CASE WHEN sent.status IN ('sent', 'open') THEN sent.quantity ELSE sent.filled_quantity END",
        "0",
        (f"{STORE}::test_all_slices_together_are_no_more_than_the_start_says",),
    ),
    Bug(
        "a slice in doubt holds up the stop of those that are filled",
        "They are held for two minutes with nothing to sell them.",
        "execution/entry_policy.py",
        "            horizons = replace(horizons, entry=min(horizons.entry, horizons.exit_resend))\n",
        "            horizons = replace(horizons)\n",
        (SINGLES,),
    ),
)
