"""Planted at the seam between two days of a series, and in what ends it."""

from tests.planted.bug import Bug

SEAM = "tests/integration/test_series.py"
API = "tests/integration/test_api_series.py"
RUN = "tests/workflow/test_series.py"
CLOSES = "tests/unit/test_closing_prices.py"
SIMULATED = (
    "tests/simulation/test_seam.py::"
    "test_no_day_twice_none_lost_and_none_after_the_end_whatever_single_fault_strikes"
)
FORTNIGHT = "tests/integration/test_two_weeks.py"

SERIES_BUGS: tuple[Bug, ...] = (
    Bug(
        "a START that is sent again begins the next day",
        "Its answer was lost and its day has ended since: it buys tomorrow, unasked.",
        "services/strategies/creation_key.py",
        'uuid4() if key is None else uuid5(strategy_id, f"start|{key}")',
        "uuid4()",
        ("tests/integration/test_start_again.py",),
    ),
    Bug(
        "a START joins the run that has just ended",
        "STOP, then START at once: 200, and nothing runs.",
        "services/strategies/start.py",
        "            if known is None or not known.may_begin:\n",
        "            if known is not None:\n",
        ("tests/integration/test_start_again.py",),
    ),
    Bug(
        "a closed run answers for a new START",
        "STOP, then START at once: nothing runs, however often it is pressed.",
        "workflows/client.py",
        '                "started",\n',
        '                "started",\n                id=f"started-{start.start_id}",\n',
        ("tests/integration/test_start_anew.py",),
    ),
    Bug(
        "what a series sold is forgotten with its next day",
        "More was sold than the account had, STOP comes, and no alarm tells of the short position.",
        "adapters/postgres/account_findings.py",
        "            AND (mine.status = 'running' OR mine.stopped_at IS NOT NULL)\n",
        "            AND mine.status = 'running'\n",
        ("tests/integration/test_account_findings.py",),
    ),
    Bug(
        "a day follows a stop",
        "STOP comes while the day ends: the strategy buys tomorrow.",
        "adapters/postgres/series.py",
        "    if series.ended_by is not None:\n        return SeriesEnd(series.ended_by)\n",
        "",
        (SEAM,),
    ),
    Bug(
        "an ended series may still buy",
        "STOP comes after the day has ended, its next run is not told: it buys at 09:30.",
        "adapters/postgres/claim_statement.py",
        "            WHERE running.strategy_id = judged.strategy_id AND series.ended_at IS NOT NULL\n",
        "            WHERE false\n",
        (SEAM,),
    ),
    Bug(
        "shares that are left do not halt the series",
        "The next day buys beside them, and its sale sells both.",
        "domain/series.py",
        "    if day.held:\n        return SeriesEnd.LEFT_OVER\n",
        "",
        (SEAM,),
    ),
    Bug(
        "an order in doubt does not halt the series",
        "It turns up on the next day, when nobody looks for it.",
        "domain/series.py",
        "    return SeriesEnd.IN_DOUBT if day.in_doubt else None\n",
        "    return None\n",
        (SEAM,),
    ),
    Bug(
        "a day that is over comes again",
        "Its buy_time is edited in the afternoon: it buys twice on one day.",
        "execution/series_days.py",
        "            following = await self._following(request.start, state, state.last_day)\n",
        "            following = await self._following(request.start, state, None)\n",
        (SEAM,),
    ),
    Bug(
        "the next day is written after the end, not with it",
        "A worker that dies between the two loses every day that follows.",
        "adapters/postgres/series.py",
        "    if goes_on is not None:\n        begin_next_day(unit, goes_on)\n",
        "    if goes_on is not None:\n        return False\n",
        (SEAM,),
    ),
    Bug(
        "a day is bought by the terms of before",
        "An edit of the evening is not in the order of the morning.",
        "execution/series_days.py",
        "        if state.strategy != start.strategy:\n            return False\n",
        "",
        (SEAM, RUN),
    ),
    Bug(
        "a day that is left out is traded",
        "The user leaves Friday out, and it buys on Friday.",
        "domain/series.py",
        "        if not repeat.has(day) or day in left_out:\n",
        "        if not repeat.has(day):\n",
        (SEAM,),
    ),
    Bug(
        "a cancelled day is followed by the next",
        "tctl cancels the run that waits, and another one buys.",
        "domain/series.py",
        "    Outcome.CANCELLED: SeriesEnd.TERMINATED,\n",
        "",
        (SEAM, RUN),
    ),
    Bug(
        "the kill switch leaves series open",
        "It is lifted next week, and last week's strategies buy.",
        "services/account/kill_switch.py",
        "                await UserSeries(session, user_id).end_all(SeriesEnd.KILL_SWITCH)\n",
        "                pass\n",
        (API,),
    ),
    Bug(
        "a series buys at prices of before a split",
        "The stop lies at 3,400, the share trades at 350 since its split: bought and sold at once, each day.",
        "adapters/postgres/series.py",
        "    if unit.series is not None and unit.series.asked_on is not None:\n"
        "        return Bound.IN_QUESTION\n",
        "",
        ("tests/contract/test_noted_closes.py",),
    ),
    Bug(
        "a market that falls is taken for a split",
        "The share opens a tenth lower, and the series does not trade.",
        "execution/closing_prices.py",
        "        noted, stated = series.noted, quote.previous_close\n",
        "        noted, stated = series.noted, quote.last_price\n",
        (CLOSES,),
    ),
    Bug(
        "the close of last week is compared with that of yesterday",
        "A week of ordinary moves is taken for a split.",
        "adapters/postgres/noted_closes.py",
        "    return and_(SeriesRow.close_day == before, SeriesRow",
        "    return and_(SeriesRow.close_day.is_not(None), SeriesRow",
        ("tests/contract/test_noted_closes.py",),
    ),
    Bug(
        "a day is bound without a look at its prices",
        "The login comes at 09:10, the look of nine found none: the day buys at prices of before.",
        "execution/series_days.py",
        "            await self._closes.compare_one(request.start.series_id)\n",
        "            pass\n",
        (RUN,),
    ),
    Bug(
        "an edit while the day is bound is lost",
        "PATCH answers 200, and the day buys by the terms of before.",
        "adapters/postgres/series.py",
        "    if _is_old(unit, request.start):\n        return Bound.EDITED\n",
        "",
        (SEAM,),
    ),
    Bug(
        "a run that was not told buys after the series ended",
        "The reconciler stood still when the kill switch was turned.",
        "execution/series_days.py",
        "            if state is None:\n                return Planned(over=True)\n",
        "            if state is None:\n                return Planned()\n",
        (RUN,),
    ),
    Bug(
        "a cancellation that comes as the day ends is lost",
        "The run is shown as cancelled, and the next day buys.",
        "workflows/run_series.py",
        "adopted=Adoption.TERMINATED) if self._day.stop_asked else following\n",
        "adopted=Adoption.TERMINATED) if False else following\n",
        (SIMULATED,),
    ),
    Bug(
        "a day whose run was lost is never begun",
        "A worker dies between two days: the strategy waits for ever, and says that it runs.",
        "execution/series_rounds.py",
        "        unbegun = await self._store.all_pending(UNBEGUN)\n",
        "        unbegun: list[StartRun] = []\n",
        (SIMULATED,),
    ),
    Bug(
        "a run that was terminated at the end of its day is followed by the next",
        "An operator ends it, and it buys on the next morning.",
        "execution/series_rounds.py",
        "            if start.strategy.strategy_id in cut_short:\n",
        "            if False:\n",
        (SIMULATED,),
    ),
    Bug(
        "a word on the calendar does not move the day that waits",
        "A special Sunday is lost, and a new holiday stands in the books as a day.",
        "execution/series_days.py",
        "        return plan is None or same_day(plan, start.plan)\n",
        "        return True\n",
        (FORTNIGHT,),
    ),
)
