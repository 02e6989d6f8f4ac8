"""Planted in the calendar, and in what is asked of it before an entry."""

from tests.planted.bug import Bug

ENTRY_DAY = "tests/unit/test_entry_day.py"
SESSION = "tests/unit/test_session.py"
CALENDAR = "tests/unit/test_calendar.py"
OPERATOR = "tests/integration/test_operator_calendar.py"

CALENDAR_BUGS: tuple[Bug, ...] = (
    Bug(
        "a closed day is traded",
        "The calendar is not asked again before the claim: a holiday announced last night is bought on.",
        "execution/entry_checks.py",
        "        if (refused := await self._day.refusal(order, latest, halt)) is not None:\n"
        "            return None if halt.is_set() else refused\n",
        "",
        (ENTRY_DAY,),
    ),
    Bug(
        "a calendar that cannot be read is an open one",
        "The line that closes the day is in the file that cannot be read.",
        "execution/entry_day.py",
        "                    return _skipped(unknown_text(order, unknown))\n",
        "                    return None if unknown_text(order, unknown) else None\n",
        (ENTRY_DAY,),
    ),
    Bug(
        "a day that ends before its sale is bought",
        "A session was cut short: what is bought cannot be sold as planned.",
        "domain/trading_day.py",
        "    if last is not None and last > found.closes_at:\n",
        "    if last is None:\n",
        (ENTRY_DAY,),
    ),
    Bug(
        "an estimate is not called one",
        "START plans a day of a year whose holidays are not published, and does not say so.",
        "domain/session.py",
        "    if session.source is DaySource.PROVISIONAL:\n",
        "    if session.source is None:\n",
        (SESSION,),
    ),
    Bug(
        "the published list outranks the operator",
        "A holiday announced on short notice is a trading day in the list that was printed before it.",
        "adapters/calendar/exchange.py",
        "    layers = (_by_operator, _published, _estimated)\n",
        "    layers = (_published, _by_operator, _estimated)\n",
        (CALENDAR,),
    ),
    Bug(
        "new hours are in force before their day",
        "A circular says 15:00 from April on, and the sale of this afternoon is cut to it.",
        "domain/segment_hours.py",
        "rule.segment is segment and rule.since <= day and",
        "rule.segment is segment and",
        (OPERATOR,),
    ),
    Bug(
        "a word that was not read yet is none",
        "A process that has just started buys on the holiday that the operator named last night.",
        "adapters/postgres/calendar_days.py",
        "        if self._said is None:\n",
        "        if self._said is None and self._read_at > 0:\n",
        (f"{OPERATOR}::test_before_the_first_reading_no_day_is_known",),
    ),
    Bug(
        "a word that cannot be read any more is one",
        "The reading fails, and the entry goes by one of an hour ago.",
        "adapters/calendar/trading_days.py",
        "        except (TimeoutError, StoreUnavailable):\n",
        "        except (TimeoutError, ZeroDivisionError):\n",
        ("tests/unit/test_trading_days.py",),
    ),
    Bug(
        "a day is closed over what is held",
        "A slip of the keyboard keeps everybody's shares from being sold.",
        "services/market/calendar_changes.py",
        "    if touched.holding and not force:\n",
        "    if touched.holding < 0 and not force:\n",
        (f"{OPERATOR}::test_a_day_on_which_shares_are_held_is_closed_with_force_alone",),
    ),
    Bug(
        "a file is moved into the database each time",
        "A holiday that the operator took back is there again after the next update.",
        "migrations/calendar_file.py",
        "            if not await is_first_import(session, digest):\n",
        "            if not await is_first_import(session, digest) and not entries:\n",
        (f"{OPERATOR}::test_a_file_is_moved_into_the_database_once",),
    ),
    Bug(
        "a day that is closed the evening before is told on its morning",
        "The user finds out at 09:30 that nothing is bought.",
        "api/strategies/view.py",
        "    return [unfit_words(why)] if why else []\n",
        "    return []\n",
        ("tests/unit/test_strategy_view.py",),
    ),
    Bug(
        "a day that is opened again is not told",
        "Its user believes that nothing is bought, and it buys.",
        "services/market/told_days.py",
        "if now else fits_again_words(start.plan.trading_day, start.plan.buy_at)\n",
        'if now else ""\n',
        ("tests/unit/test_strategy_view.py",),
    ),
    Bug(
        "hours that an operator entered are the exchange's own",
        "A typing error in them is looked for at the exchange.",
        "adapters/calendar/exchange.py",
        "    if source is DaySource.EXCHANGE and rule in said.rules:\n",
        "    if source is DaySource.OPERATOR and rule in said.rules:\n",
        (CALENDAR,),
    ),
    Bug(
        "an estimated day is certain once its hours are known",
        "Nobody is warned that a day of next year may be a holiday.",
        "adapters/calendar/exchange.py",
        "    if source is DaySource.EXCHANGE and rule in said.rules:\n",
        "    if rule in said.rules:\n",
        (CALENDAR,),
    ),
)
