"""Planted in the limits of an account's day: what it has come to, what follows, and that it stands."""

from tests.planted.bug import DAY, LIMITS, Bug

MODEL = "tests/unit/test_account_day.py"
WATCH = "tests/unit/test_account_day_watch.py"
DAYS = "tests/integration/test_day_limits.py"
TRADES = "tests/integration/test_trades_a_day.py"
DAY_WATCH = "tests/integration/test_day_limit_watch.py"
HELD_PRICES = "tests/unit/test_held_prices.py"
HELD_STOPS = "tests/contract/test_held_stops.py"

ACCOUNT_LIMIT_BUGS: tuple[Bug, ...] = (
    Bug(
        "an open loss does not count",
        "A user loses ten times the limit with what is held, and buys more.",
        "domain/day_round.py",
        " + (price - cost) * self.held\n",
        "\n",
        (MODEL,),
    ),
    Bug(
        "charges do not count",
        "A day of small trades costs more than the limit and reaches it never.",
        "domain/account_day.py",
        "sum(known, NOTHING) - charges, missing)",
        "sum(known, NOTHING), missing)",
        (MODEL,),
    ),
    Bug(
        "a price of before counts for ever",
        "The feed is away, and an account is sold for a price that was true a minute ago.",
        "domain/day_round.py",
        "if self.price is not None and self.price_age <= FRESH:",
        "if self.price is not None:",
        (MODEL,),
    ),
    Bug(
        "a missing price sells",
        "The feed is away for six seconds, and everything that every careful user holds is sold.",
        "domain/account_day.py",
        "    if net is None:\n        return None\n",
        "    if net is None:\n        return Breach(LimitName.DAILY_LOSS, NOTHING, None, limits.on_breach)\n",
        (MODEL,),
    ),
    Bug(
        "a breach is lifted when the prices come back",
        "A user who was stopped at the limit buys again a minute later.",
        "adapters/postgres/claim_statement.py",
        "        WHEN breach.limit_name IS NOT NULL THEN breach.limit_name\n",
        "",
        (DAYS,),
    ),
    Bug(
        "a breach is over with the next look",
        "The model of a day says that a loss that shrinks was none.",
        "domain/account_day.py",
        "(DayState.BREACHED, DayEvent.WITHIN): DayState.BREACHED,",
        "(DayState.BREACHED, DayEvent.WITHIN): DayState.COUNTING,",
        (MODEL,),
    ),
    Bug(
        "a breach of another day bars as well",
        "Yesterday's breach bars today.",
        "adapters/postgres/claim_statement.py",
        "WHERE breaches.user_id = judged.user_id AND breaches.trading_day = judged.trading_day\n",
        "WHERE breaches.user_id = judged.user_id\n",
        (DAYS,),
    ),
    Bug(
        "a restart forgets what a breach was to sell",
        "A worker dies between the row and the sales, and everything is held on.",
        "adapters/postgres/limits.py",
        "or_(killed, breached.exists())",
        "killed",
        (DAY_WATCH,),
    ),
    Bug(
        "a run that does not hear is not sold for a breach",
        "A paused run holds on while its account's limit says to sell.",
        "migrations/versions/0026_account_limits.py",
        "    WHERE b.on_breach = 'exit' AND b.at > now()",
        "    WHERE b.on_breach = 'never' AND b.at > now()",
        (DAY_WATCH,),
    ),
    Bug(
        "a breach sells what was started after it",
        "A user who starts tomorrow's strategy in the evening finds it stopped.",
        "adapters/postgres/limits.py",
        "        BreachRow.at >= StrategyRow.started_at,\n",
        "",
        (DAY_WATCH,),
    ),
    Bug(
        "trades are counted for each strategy",
        "A user with a limit of three trades and ten strategies makes thirty.",
        "adapters/postgres/claim_statement.py",
        "(SELECT count(*) FROM counted WHERE (counted.user_id, counted.trading_day)\n"
        "            = (fresh.user_id, fresh.trading_day))",
        "(SELECT count(*) FROM counted WHERE (counted.user_id, counted.strategy_id)\n"
        "            = (fresh.user_id, fresh.strategy_id))",
        (TRADES,),
    ),
    Bug(
        "trades are counted as they were before the account's lock",
        "Two workers that ask at once both have the last trade of the day.",
        "migrations/versions/0026_account_limits.py",
        "LANGUAGE plpgsql VOLATILE AS $$",
        "LANGUAGE plpgsql STABLE AS $$",
        (TRADES,),
    ),
    Bug(
        "an attempt is a trade",
        "An order that was never placed uses a trade up.",
        "adapters/postgres/claim_statement.py",
        "        SELECT FROM counted WHERE (counted.user_id, counted.strategy_id,",
        "        SELECT FROM counted WHERE false AND (counted.user_id, counted.strategy_id,",
        (TRADES,),
    ),
    Bug(
        "a day's profit is not looked at",
        "The user's target of the day passes by, and what was won is lost again.",
        "domain/account_day.py",
        "if limits.daily_profit is not None and net >= limits.daily_profit:",
        "if limits.daily_profit is not None and net >= limits.daily_profit * 10**9:",
        (MODEL,),
    ),
    Bug(
        "a day is not judged at the claim",
        "Between two looks of the watch, or without one, a loss at the limit bars nothing.",
        "adapters/postgres/claim_statement.py",
        "            THEN 'unjudged'\n",
        "            THEN NULL\n",
        (LIMITS, DAYS),
    ),
    Bug(
        "a missing price is told each second",
        "A minute without a feed is sixty alerts for each user.",
        "execution/account_day_watch.py",
        "if verdict.gap_opens and await self._days.open_gap(day.user_id):",
        "if verdict.judged.missing:",
        (WATCH,),
    ),
    Bug(
        "a breach that blocks sells as well",
        "Who chose to keep what is held finds it sold.",
        "execution/account_day_watch.py",
        "        if written.breach.sells:\n",
        "        if written.runs:\n",
        (WATCH,),
    ),
    Bug(
        "a breach is noted as told before it is",
        "A worker dies between the two: the user is not told, and nothing is sold.",
        "execution/account_day_watch.py",
        "        if written.breach.sells:\n            await self._sell(",
        "        await self._days.told(written)\n"
        "        if written.breach.sells:\n            await self._sell(",
        (WATCH,),
    ),
    Bug(
        "a price is as young as its word",
        "What a listener asked for twenty seconds ago counts as of now.",
        "migrations/versions/0026_account_limits.py",
        "secs => greatest(seen.age, 0))",
        "secs => 0 * seen.age)",
        (HELD_STOPS,),
    ),
    Bug(
        "a quiet share has no price half of the time",
        "A share without a tick for ten seconds makes entries wait, and its user is told each time.",
        "listener/price_monitor.py",
        "return seen.asked_at is None or (since is not None and seen.asked_at >= since)",
        "return seen.asked_at is None",
        (HELD_PRICES,),
    ),
    Bug(
        "an answer of before a gap counts as of now",
        "What happened to the price while the feed was away is not known, and an account is judged by it.",
        "listener/price_monitor.py",
        "        self._alive_since.update(dict.fromkeys(names, self._clock.now()))\n",
        "",
        (HELD_PRICES,),
    ),
    Bug(
        "a stop by a limit of the account is its user's",
        "What was held is sold in a crash, and the books say that its user did it.",
        "domain/day.py",
        "        if limit is not None and not self._stop_asked:\n"
        "            self.stopper = limit_words(limit)\n",
        "",
        (DAY,),
    ),
    Bug(
        "runs are not told which limit stops them",
        "What was held is sold in a crash, and the books say that its user did it.",
        "execution/account_day_watch.py",
        "self._runs.sell(one.workflow_id, one.run_id, limit)",
        "self._runs.sell(one.workflow_id, one.run_id)",
        (WATCH,),
    ),
)
