"""Planted in what the broker says, and in how many orders it takes at once."""

from tests.planted.bug import ARMED, HOLDING_ROWS, ROWS, Bug

INSTRUMENTS = "tests/contract/test_kite_instruments.py"
PRICED = "tests/integration/test_prices_that_come_late.py"
UNPRICED = "tests/unit/test_missing_prices.py"
RUNS_OVER_HTTP = "tests/integration/test_api_runs.py"
BROKER_OVER_HTTP = "tests/integration/test_api_broker.py"
LOGIN = "tests/contract/test_kite_login.py"
READS = "tests/unit/test_shared_reads.py"
READ_TURNS = "tests/integration/test_read_turns.py"
_REST = (
    "        ) > clock_timestamp() - interval '1 second'), count(*)\n        INTO in_second, in_minute\n"
    "        FROM public.orders WHERE user_id = whose AND sent_at > statement_timestamp() - "
    "interval '1 minute';\n    SELECT in_second + "
)
"""What follows in the definition that counts; the one of before goes on otherwise."""

WORD_BUGS: tuple[Bug, ...] = (
    Bug(
        "what is missed takes a turn from others",
        "A hundred entries of one second: those of the next three are missed as well.",
        "adapters/postgres/claim_statement.py",
        "count(*) FILTER (WHERE due.of_second < :in_time) OVER",
        "count(*) FILTER (WHERE due.of_second < 10 * :in_time) OVER",
        (ARMED,),
    ),
    Bug(
        "a price that comes after its fill is no news",
        "COMPLETE for a second without a price: profit, and the loss of the day, are never known.",
        "execution/order_book.py",
        "        or (bool(row.filled_quantity) and attempt.average_price is None "
        "and row.average_price is not None)\n",
        "",
        (UNPRICED,),
    ),
    Bug(
        "a fill without a price is read once",
        "The price that comes two seconds later is never seen.",
        "adapters/postgres/reconciliation.py",
        "            OrderRow.looked_up_at < OrderRow.filled_at,\n            OrderRow.looked_up_at\n"
        "            < func.now()\n",
        "            OrderRow.looked_up_at < OrderRow.filled_at,\n            OrderRow.looked_up_at\n"
        "            < func.now() - ONE_DAY\n",
        (PRICED,),
    ),
    Bug(
        "a share listed under the other exchange is not held",
        "The exit of shares that are there waits for a person.",
        "adapters/kite/holdings.py",
        "    return row.isin in isins or (row.symbol == symbol and not own)\n",
        "    return False\n",
        (HOLDING_ROWS,),
    ),
    Bug(
        "another company's shares are this one's",
        "Two companies have one symbol on two exchanges: more is sold than is held.",
        "adapters/kite/holdings.py",
        "row.symbol == symbol and not own)",
        "row.symbol == symbol)",
        (HOLDING_ROWS,),
    ),
    Bug(
        "an order with the product's tag is dropped with its row",
        "Bought, its status unreadable: the shares are there and no run follows them.",
        "adapters/kite/mapping.py",
        "    is_ours = any(OUR_TAG.fullmatch(tag) for tag in tags)\n",
        "    is_ours = False\n",
        (ROWS,),
    ),
    Bug(
        "a quantity that cannot be read is all or nothing",
        "CANCELLED, and how much was filled cannot be read: the filled part is forgotten.",
        "adapters/kite/mapping.py",
        "        return (0 if asked is None else asked), 0, OrderStatus.OPEN\n",
        "        return (0 if asked is None else asked), 0, status\n",
        (ROWS,),
    ),
    Bug(
        "an order that is listed twice is two orders",
        "A sale in doubt is explained by another one's second row.",
        "adapters/kite/mapping.py",
        '        key = row.broker_order_id or f"row {at}"\n',
        '        key = f"row {at}"\n',
        (ROWS,),
    ),
    Bug(
        "one bad line refuses the whole list",
        "A comma in one company's name: no share can be traded that day.",
        "adapters/kite/instrument_list.py",
        "            unplaced.append(line[:LONGEST_LINE])\n",
        '            raise UnreadableList("a line has too many or too few fields")\n',
        (INSTRUMENTS,),
    ),
    Bug(
        "a list that has not changed is today's",
        "Published late: yesterday's tokens mean other shares today.",
        "adapters/kite/instruments.py",
        "if self._loaded_at is None or not (_before_the_open(started) and self._is_old(started)):\n",
        "if self._loaded_at is None or not _before_the_open(started) or self._is_old(started):\n",
        (INSTRUMENTS,),
    ),
    Bug(
        "of two lines that contradict each other the last one counts",
        "A stop watches the price of another share.",
        "adapters/kite/instrument_list.py",
        "        if other is not None:\n            self._drop(other)\n",
        "        if other is None and key in self.odd:\n            self._drop(row)\n",
        (INSTRUMENTS,),
    ),
    Bug(
        "the second part of a packed list is left out",
        "A list of two members is half a list, and half the shares are not traded.",
        "adapters/kite/compression.py",
        "        if not left.startswith(GZIP):\n",
        "        if left:\n",
        (INSTRUMENTS,),
    ),
    Bug(
        "an account without market data is like any other",
        "Each day ends in silence: nothing is bought, and why is said at buy time only.",
        "adapters/kite/login.py",
        "        return False if outcomes.lacks_permission(reply) else None\n",
        "        return None\n",
        (LOGIN,),
    ),
    Bug(
        "a probe without an answer takes the warning away",
        "One slow answer in the morning, and the user believes that the plan has data.",
        "adapters/postgres/accounts.py",
        '"has_quotes": func.coalesce(new.excluded.has_quotes, BrokerKeys.has_quotes),',
        '"has_quotes": new.excluded.has_quotes,',
        (BROKER_OVER_HTTP,),
    ),
    Bug(
        "the turns of one second are by id",
        "Whoever was started first is missed, at random.",
        "adapters/postgres/claim_statement.py",
        "ORDER BY strategies.started_at, strategies.strategy_id\n",
        "ORDER BY strategies.strategy_id\n",
        (ARMED,),
    ),
    Bug(
        "a turn is no more than a wish",
        "The last START asks first, and takes the place of the first.",
        "adapters/postgres/claim_statement.py",
        "            ELSE NOT before_turn\n                AND nth_in_second",
        "            ELSE nth_in_second",
        (ARMED,),
    ),
    Bug(
        "orders are paced by their claims alone",
        "An order that was long on its way arrives in the next ones' second: 429 for a stop-loss.",
        "migrations/versions/0025_limit_entries.py",
        "            sent_at, acknowledged_at, CASE WHEN status = 'sent' THEN send_before END\n" + _REST,
        "            sent_at\n" + _REST,
        (ARMED,),
    ),
    Bug(
        "a crowd is foreseen by those that run only",
        "Fifty STARTs at once: none is told that it will be missed.",
        "adapters/postgres/entries_due.py",
        "WHERE strategies.start_id IS DISTINCT FROM newest.start_id\n",
        "WHERE false\n",
        (RUNS_OVER_HTTP,),
    ),
    Bug(
        "a book that was read before the question answers it",
        "A sale of this moment is not in it: it is looked for, and may be sent again.",
        "adapters/kite/shared_reads.py",
        "        self._next = None\n        return await self._read()\n",
        "        try:\n            return await self._read()\n        finally:\n"
        "            self._next = None\n",
        (READS,),
    ),
    Bug(
        "each process reads an account at its own pace",
        "Two workers ask the broker for more than it answers: what a stop has to know is refused.",
        "adapters/kite/shared_reads.py",
        "                    wait = await self._turns.take(self._account)\n",
        "                    wait = 0.0\n",
        (READ_TURNS,),
    ),
    Bug(
        "a turn to read is granted however far ahead",
        "All that wait have one each: a stop's look comes after theirs, seconds late.",
        "adapters/postgres/read_turns.py",
        "        return [waits.pop(account, None) for account in accounts]",
        "        return [waits.get(account, 0.0) for account in accounts]",
        (READ_TURNS,),
    ),
)
