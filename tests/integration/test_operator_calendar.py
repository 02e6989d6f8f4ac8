"""The operator's word on trading days: written with its source, refused where shares are held, moved once."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from sqlalchemy import select

from adapters.calendar.exchange import ExchangeCalendar
from adapters.postgres.audit_tables import AuditRow
from adapters.postgres.calendar_days import PostgresOperatorDays, entries_from
from adapters.postgres.engine import Store
from adapters.process.clock import SystemClock
from domain.audit import Action
from domain.errors import CalendarUnknown, StoreUnavailable
from domain.instrument import Segment
from domain.notification import NotificationKind, notification_of
from domain.operator_days import DayWord, OperatorDay
from domain.segment_hours import Hours, HoursRule
from domain.session import ClosedDay, DaySource, Session, at
from domain.timeline import EventKind
from migrations.calendar_file import move
from migrations.migration_errors import MigrationError
from services.auth.passwords import Passwords
from services.market.calendar_changes import NO_EFFECT, NotChanged, add, add_hours, remove
from tests.api_world import STRATEGY, World, new_world
from tests.store_rows import TODAY, Desk, seen

TUESDAY = date(2026, 11, 24)
"""Guru Nanak Jayanti."""
CLOSED = OperatorDay(TODAY, DayWord.CLOSED, "NSE/CMTR/1")


async def added(store: Store, entry: OperatorDay, *, force: bool = False) -> str:
    async with store.work() as session:
        return await add(session, entry, "anna", force=force)


async def removed(store: Store, day: date, *, force: bool = False) -> str:
    async with store.work() as session:
        return await remove(session, day, "anna", force=force)


async def looked_up(store: Store, day: date, segment: Segment = Segment.CASH) -> Session | ClosedDay:
    word = PostgresOperatorDays(store, SystemClock())
    await word.fresh(0)
    return ExchangeCalendar(word.said).look_up(day, segment)


async def test_what_the_operator_says_is_known_with_its_source_and_taken_back(store: Store) -> None:
    words = await added(store, CLOSED)
    assert "2026-11-23 closed, by NSE/CMTR/1" in words
    assert "within a minute" in words
    assert await looked_up(store, TODAY) == ClosedDay(TODAY, DaySource.OPERATOR)
    assert "as the exchange has published it" in await removed(store, TODAY)
    found = await looked_up(store, TODAY)
    assert isinstance(found, Session)
    assert found.source is DaySource.EXCHANGE
    with pytest.raises(NotChanged, match="Nothing is said"):
        await removed(store, TODAY)


async def test_a_word_takes_the_place_of_the_one_before(store: Store) -> None:
    await added(store, CLOSED)
    await added(store, OperatorDay(TODAY, DayWord.OPEN, "NSE/CMTR/2"))
    async with store.read() as session:
        (entry,) = await entries_from(session)
    assert (entry.word, entry.source) == (DayWord.OPEN, "NSE/CMTR/2")


async def test_a_holiday_gets_a_special_session_of_one_segment(store: Store) -> None:
    hours = Hours(time(18, 15), time(19, 15))
    await added(store, OperatorDay(TUESDAY, DayWord.HOURS, "Muhurat", hours, Segment.DERIVATIVES))
    assert isinstance(await looked_up(store, TUESDAY, Segment.DERIVATIVES), Session)
    assert isinstance(await looked_up(store, TUESDAY), ClosedDay)


async def test_each_change_is_in_the_audit_log(store: Store) -> None:
    await added(store, CLOSED)
    await removed(store, TODAY)
    async with store.read() as session:
        rows = (await session.scalars(select(AuditRow).order_by(AuditRow.seq))).all()
    said = [(row.action, row.actor, row.object, row.reason) for row in rows]
    action = Action.CALENDAR_CHANGED.value
    assert said == [
        (action, "anna", "2026-11-23 closed", "NSE/CMTR/1"),
        (action, "anna", "2026-11-23 as published", "removed"),
    ]


async def test_a_day_on_which_shares_are_held_is_closed_with_force_alone(store: Store) -> None:
    desk = await Desk.started(store)
    sent = await desk.sent(desk.key())
    await desk.log.saw(sent, seen(sent, 10))
    with pytest.raises(
        NotChanged, match="1 strategy holds shares that are to be sold on 2026-11-23"
    ) as refused:
        await added(store, CLOSED)
    assert "--force" in str(refused.value)
    assert isinstance(await looked_up(store, TODAY), Session), "nothing was written"
    short = OperatorDay(TODAY, DayWord.HOURS, "a short day", Hours(time(9, 15), time(12)))
    with pytest.raises(NotChanged):
        await added(store, short)
    words = await added(store, CLOSED, force=True)
    assert "1 strategy holds shares on that day" in words
    assert isinstance(await looked_up(store, TODAY), ClosedDay)


LATER = HoursRule(TODAY, Segment.CASH, Hours(time(9, 0), time(16, 0)), time(15, 45), "SEBI/2027/1")
SHORTER = HoursRule(TODAY, Segment.CASH, Hours(time(9, 15), time(14)), time(13, 50), "SEBI/2027/2")


async def with_hours(store: Store, rule: HoursRule, *, force: bool = False) -> str:
    async with store.work() as session:
        return await add_hours(session, rule, "anna", force=force)


async def test_ordinary_hours_change_from_a_day_on_for_one_segment(store: Store) -> None:
    words = await with_hours(store, LATER)
    assert words.startswith("From 2026-11-23 on 09:00:00 to 16:00:00 of cash, MIS to 15:45, by SEBI/2027/1.")
    word = PostgresOperatorDays(store, SystemClock())
    await word.fresh(0)
    calendar = ExchangeCalendar(word.said)
    for day in (TODAY, date(2027, 6, 1)):
        session = calendar.session(day, Segment.CASH)
        assert session is not None
        assert (session.opens_at, session.closes_at) == (at(day, time(9, 0)), at(day, time(16, 0)))
        assert calendar.mis_cutoff(day, Segment.CASH) == at(day, time(15, 45))
    before, other = date(2026, 11, 20), calendar.session(TODAY, Segment.DERIVATIVES)
    assert calendar.session(before, Segment.CASH) == Session(
        before, at(before, time(9, 15)), at(before, time(15, 30))
    )
    assert other is not None
    assert other.closes_at == at(TODAY, time(15, 40))
    changed = await looked_up(store, TODAY)
    assert (changed.source, other.source) == (DaySource.OPERATOR, DaySource.EXCHANGE)
    assert "as the exchange has published it" in await removed(store, TODAY)
    again = await looked_up(store, TODAY)
    assert isinstance(again, Session)
    assert again.closes_at == at(TODAY, time(15, 30))


async def test_hours_that_end_before_a_held_share_is_sold_need_force(store: Store) -> None:
    desk = await Desk.started(store)
    sent = await desk.sent(desk.key())
    await desk.log.saw(sent, seen(sent, 10))
    with pytest.raises(NotChanged, match="1 strategy holds"):
        await with_hours(store, SHORTER)
    assert "1 strategy holds" in await with_hours(store, SHORTER, force=True)
    assert "holds" not in await with_hours(store, LATER), "longer hours keep nothing from being sold"


async def test_it_says_how_many_wait_to_buy_on_the_day_that_is_closed(store: Store) -> None:
    await Desk.started(store)
    words = await added(store, CLOSED)
    assert "1 that wait to buy on that day buy nothing; their users are told" in words


async def test_under_the_calendar_that_is_always_open_a_word_says_that_it_changes_nothing(
    store: Store,
) -> None:
    desk = await Desk.started(store)
    async with store.work() as session:
        words = await add(session, CLOSED, "anna", force=False, counts=False)
        hours = await add_hours(session, SHORTER, "anna", force=False, counts=False)
        back = await remove(session, TODAY, "anna", force=False, counts=False)
    for said in (words, hours, back):
        assert said.endswith(NO_EFFECT)
        assert "within a minute" not in said
    assert EventKind.CALENDAR not in {line.kind for line in await desk.lines()}


async def test_the_user_of_a_day_that_waits_is_told_when_it_is_closed_and_when_it_opens_again(
    store: Store,
) -> None:
    desk = await Desk.started(store)
    await added(store, CLOSED)
    await removed(store, TODAY)
    told = [line for line in await desk.lines() if line.kind == EventKind.CALENDAR]
    assert [line.text[:60] for line in told] == [
        "Nothing will be bought: the exchange is closed on 2026-11-23",
        "The exchange trades on 2026-11-23 after all: it is bought at",
    ]
    assert {notification_of(line.kind, {}) for line in told} == {NotificationKind.MISSED}


async def test_before_the_first_reading_no_day_is_known(store: Store) -> None:
    word = PostgresOperatorDays(store, SystemClock())
    with pytest.raises(CalendarUnknown, match="cannot be read"):
        word.said()


async def test_the_last_reading_counts_on_while_postgres_is_away(store: Store) -> None:
    await added(store, CLOSED)
    word = PostgresOperatorDays(store, SystemClock())
    await word.fresh(0)
    word._store = Store.open("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable):
        await word.fresh(0)
    assert word.said().closed == {TODAY}


async def test_a_file_is_moved_into_the_database_once(store: Store, database: str, tmp_path: Path) -> None:
    file = tmp_path / "days.toml"
    file.write_text("last_day = 2027-01-05\nclosed = [2027-01-04]")
    assert "3 entries of" in await move(database, file)
    assert await looked_up(store, date(2027, 1, 4)) == ClosedDay(date(2027, 1, 4), DaySource.OPERATOR)
    complete = await looked_up(store, date(2027, 1, 5))
    assert (type(complete), complete.source) == (Session, DaySource.OPERATOR)
    await removed(store, date(2027, 1, 4))
    assert await move(database, file) == "", "what was taken back since does not come again"
    assert isinstance(await looked_up(store, date(2027, 1, 4)), Session)


async def test_a_file_that_cannot_be_understood_is_not_passed_over(database: str, tmp_path: Path) -> None:
    file = tmp_path / "days.toml"
    file.write_text("closed = [")
    with pytest.raises(MigrationError, match="cannot be read"):
        await move(database, file)


@pytest.fixture
async def exchange(store: Store, passwords: Passwords) -> World:
    word = PostgresOperatorDays(store, SystemClock())
    await added(store, OperatorDay(TUESDAY, DayWord.OPEN, "NSE/CMTR/3"))
    await word.fresh(0)
    world = new_world(store, passwords, calendar=ExchangeCalendar(word.said))
    world.clock.at = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    return world


async def test_the_calendar_shows_hours_by_segment_and_how_they_are_known(exchange: World) -> None:
    customer = await exchange.trader()
    found = (await customer.get("/market/calendar?from=2026-11-21&to=2026-11-25")).json()
    assert (found["calendar"], found["last_known_day"]) == ("XNSE", "2026-12-31")
    shown = [(day["day"], day["status"], day["source"], day["name"]) for day in found["items"]]
    assert shown == [
        ("2026-11-21", "closed", "exchange", "Saturday"),
        ("2026-11-22", "closed", "exchange", "Sunday"),
        ("2026-11-23", "open", "exchange", ""),
        ("2026-11-24", "open", "operator", ""),
        ("2026-11-25", "open", "exchange", ""),
    ]
    (cash, auction, derivatives) = found["items"][2]["sessions"]
    assert [one["segment"] for one in (cash, auction, derivatives)] == ["cash", "cash_cas", "derivatives"]
    assert cash["opens_at"] == "2026-11-23T09:15:00+05:30"
    assert auction["closes_at"] == "2026-11-23T15:15:00+05:30"
    assert derivatives["mis_cutoff"] == "2026-11-23T15:25:00+05:30"


async def test_a_strategy_of_a_special_session_is_created_ahead_and_started_on_its_day(
    store: Store, passwords: Passwords
) -> None:
    word = PostgresOperatorDays(store, SystemClock())
    await word.fresh(0)
    world = new_world(store, passwords, calendar=ExchangeCalendar(word.said))
    world.clock.at = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    customer = await world.trader()
    evening = STRATEGY | {"buy_time": "18:30", "sell_time": "19:10"}
    refused = await customer.post("/strategy/create", evening)
    assert (refused.status_code, "outside_session" in refused.text) == (422, True), refused.text
    saturday, hours = date(2026, 11, 28), Hours(time(18, 0), time(19, 15))
    await added(store, OperatorDay(saturday, DayWord.HOURS, "NSE/CMTR/4", hours))
    await word.fresh(0)
    created = await customer.create(**evening)
    for early in (
        await customer.start(created["strategy_id"]),
        await customer.post("/strategy/check", evening),
    ):
        assert early.status_code == 422, early.text
        assert "2026-11-28 takes these times: START on that day" in early.text
    world.clock.at = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
    started = await customer.start(created["strategy_id"])
    assert started.status_code == 200, started.text
    assert started.json()["buy_at"] == "2026-11-28T18:30:00+05:30"


async def test_the_calendar_goes_thirty_days_on_and_says_what_it_does_not_know(exchange: World) -> None:
    customer = await exchange.trader()
    items = (await customer.get("/market/calendar")).json()["items"]
    assert (items[0]["day"], len(items)) == ("2026-11-23", 30)
    (beyond,) = (await customer.get("/market/calendar?from=2031-01-06&to=2031-01-06")).json()["items"]
    assert (beyond["status"], beyond["source"], beyond["sessions"]) == ("unknown", None, [])
    (estimated,) = (await customer.get("/market/calendar?from=2027-01-04&to=2027-01-04")).json()["items"]
    assert estimated["source"] == "provisional"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-11-25&to=2026-11-24", "to"),
        ("from=2026-01-01&to=2027-06-01", "to"),
        ("from=tomorrow", "from"),
        ("to=20261124", "to"),
        ("from=0001-01-01", "from"),
        ("from=9999-12-31", "from"),
    ],
)
async def test_days_that_are_none_or_too_many_are_refused(exchange: World, query: str, field: str) -> None:
    customer = await exchange.trader()
    answer = await customer.get(f"/market/calendar?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
