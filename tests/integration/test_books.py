"""The books on a real Postgres: written when a round ends, and what their user reads of them."""

import csv
import io
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import insert, select, text

from adapters.postgres.book_tables import FinishedRoundRow
from adapters.postgres.engine import Store
from adapters.postgres.isins import PostgresIsins
from adapters.postgres.terms_json import terms_json
from domain.order import Leg
from domain.reentry import Again
from domain.run import ActivateRun
from domain.strategy import Outcome, Position
from domain.terms import After, Reenter, Target, Terms, When
from migrations import schema
from services.auth.passwords import Passwords
from tests.api_world import Customer, World, json_of, new_world
from tests.integration.test_store_migrations import upgrade_to
from tests.postgres import PostgresServer
from tests.store_rows import TODAY, Desk, just_now, seen

ONCE_AGAIN = Reenter(1, After.BOTH, When.AT_ONCE, time(15, 0))


async def books(desk: Desk) -> list[FinishedRoundRow]:
    """Return what the books have of a strategy, the oldest round first."""
    row = FinishedRoundRow
    query = select(row).where(row.strategy_id == desk.strategy.strategy_id)
    async with desk.store.read() as session:
        return list(await session.scalars(query.order_by(row.trading_day, row.round)))


async def filled(desk: Desk, leg: Leg, price: str | None, round_: int = 1) -> None:
    attempt = await desk.sent(desk.key(leg, round_))
    await desk.log.saw(attempt, seen(attempt, 10, price, broker_order_id=f"{leg}-{round_}-{uuid4()}"))


async def sold(desk: Desk, start: ActivateRun, outcome: Outcome = Outcome.SOLD) -> None:
    """Buy and sell ten shares, and end the round."""
    await filled(desk, Leg.ENTRY, "3500")
    await filled(desk, Leg.EXIT, "3520.50")
    await desk.runs.finish(desk.end(start, outcome, Position.SOLD))


async def test_a_round_is_written_down_when_it_ends(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    assert await books(desk) == []
    await sold(desk, start)
    (row,) = await books(desk)
    assert (row.trading_day, row.round, row.outcome, row.outcome_detail) == (TODAY, 1, "sold", "because")
    assert (row.quantity, row.sold, row.entry_price, row.exit_price) == (
        *(10, 10, Decimal(3500), Decimal("3520.50")),
    )
    assert [(one["side"], one["quantity"]) for one in row.trades] == [("BUY", 10), ("SELL", 10)]
    assert row.account == "zerodha:AB1234"
    assert row.entry_lateness_ms is not None


async def test_a_round_that_ends_twice_is_one_row(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await sold(desk, start)
    await desk.runs.finish(desk.end(start, Outcome.STOPPED, Position.SOLD))
    assert [row.outcome for row in await books(desk)] == ["sold"]


async def test_a_day_without_a_purchase_is_in_the_books(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await desk.runs.finish(desk.end(start, Outcome.SKIPPED))
    (row,) = await books(desk)
    assert (row.outcome, row.quantity, row.trades, row.last_day) == ("skipped", 0, [], None)


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.CANCELLED, Outcome.TERMINATED])
async def test_a_day_that_was_ended_before_it_came_is_not_in_the_books(
    store: Store, outcome: Outcome
) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await desk._set(buy_at=just_now() + timedelta(hours=12))
    await desk.runs.finish(desk.end(start, outcome))
    assert await books(desk) == []
    assert (await desk.row()).outcome == outcome.value


async def test_a_day_that_is_skipped_shortly_before_it_buys_is_in_the_books(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await desk._set(buy_at=just_now() + timedelta(seconds=20))
    await desk.runs.finish(desk.end(start, Outcome.SKIPPED))
    assert [row.outcome for row in await books(desk)] == ["skipped"]


async def test_a_price_that_comes_after_the_end_is_added(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await filled(desk, Leg.ENTRY, "3500")
    attempt = await desk.sent(desk.key(Leg.EXIT))
    await desk.log.saw(attempt, seen(attempt, 10, None, broker_order_id="S-1"))
    await desk.runs.finish(desk.end(start, Outcome.SOLD, Position.SOLD))
    assert [row.exit_price for row in await books(desk)] == [None]
    await desk.log.saw(attempt, seen(attempt, 10, "3490", broker_order_id="S-1"))
    (row,) = await books(desk)
    assert (row.exit_price, row.trades[1]["price"]) == (Decimal(3490), "3490")


async def test_shares_that_were_kept_are_sold_at_their_cost_by_a_later_round(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await filled(desk, Leg.ENTRY, "3500")
    await desk.runs.finish(desk.end(start, Outcome.KEPT, Position.BOUGHT))
    sale = desk.start(sell_only=True)
    await desk.runs.activate(sale)
    await filled(desk, Leg.EXIT, "3600", round_=2)
    await desk.runs.finish(desk.end(sale, Outcome.STOPPED, Position.SOLD))
    kept, later = await books(desk)
    assert (kept.outcome, kept.quantity, kept.sold, kept.exit_price) == ("kept", 10, 0, None)
    assert (later.quantity, later.sold, later.entry_price, later.exit_price) == (
        *(10, 10, Decimal(3500), Decimal(3600)),
    )


async def test_a_run_that_only_keeps_what_is_held_is_no_round(store: Store) -> None:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await filled(desk, Leg.ENTRY, "3500")
    await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED, Position.BOUGHT))
    keep = desk.start(sell_only=True)
    await desk.runs.activate(keep)
    await desk.runs.finish(desk.end(keep, Outcome.KEPT, Position.BOUGHT))
    assert [(row.round, row.outcome) for row in await books(desk)] == [(1, "order_failed")]


async def test_each_round_of_one_start_has_its_line_and_one_never_bought_has_none(store: Store) -> None:
    made = await Desk.made(store)
    terms = Terms(target=Target(Decimal(3700)), reenter=ONCE_AGAIN)
    await made._set(terms=terms_json(terms))
    desk = replace(made, strategy=replace(made.strategy, terms=terms))
    start = desk.start()
    await desk.runs.activate(start)
    await filled(desk, Leg.ENTRY, "3500")
    await filled(desk, Leg.EXIT, "3450")
    again = Again(1, Outcome.STOP_LOSS, Decimal(3500), "sold 10 TCS")
    ref = replace(start.ref, run_id="the second", began=just_now())
    await desk.runs.activate(ActivateRun(ref, replace(start.start, again=again)))
    (first,) = await books(desk)
    assert (first.round, first.outcome, first.exit_price) == (1, "stop_loss", Decimal(3450))
    await desk.runs.finish(replace(desk.end(start, Outcome.STOP_LOSS, Position.SOLD), ref=ref))
    assert [row.round for row in await books(desk)] == [1]


async def test_a_round_ended_from_outside_is_written_by_the_start_that_takes_over(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await filled(desk, Leg.ENTRY, "3500")
    await filled(desk, Leg.EXIT, "3450")
    await desk.runs.activate(desk.start())
    assert [(row.round, row.outcome, row.sold) for row in await books(desk)] == [(1, "terminated", 10)]


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


async def written(world: World, customer: Customer, *rounds: dict[str, Any]) -> UUID:
    """Put rounds of one strategy into a customer's books."""
    strategy_id = UUID((await customer.create())["strategy_id"])
    user_id = await customer.id()
    async with world.store.work() as session:
        for number, more in enumerate(rounds, start=1):
            day = more.pop("trading_day", date(2026, 11, 23))
            trades = more.pop("trades", [("BUY", 100, "1000"), ("SELL", 100, "1010")])
            row = {
                "strategy_id": strategy_id,
                "trading_day": day,
                "round": number,
                "user_id": user_id,
                "account": "zerodha:AB1234",
                "exchange": "NSE",
                "symbol": "TCS",
                "product": "MIS",
                "outcome": "sold",
                "outcome_detail": "sold 100 TCS",
                "quantity": 100,
                "sold": 100,
                "outside": 0,
                "entry_price": Decimal(1000),
                "exit_price": Decimal(1010),
                "entry_lateness_ms": 3,
                "exit_lateness_ms": 4,
                "trades": [
                    {"side": side, "quantity": quantity, "price": price, "day": day.isoformat()}
                    for side, quantity, price in trades
                ],
                "first_day": day,
                "last_day": day,
                "ended_at": just_now() + timedelta(seconds=number),
            }
            await session.execute(insert(FinishedRoundRow).values(row | more))
    return strategy_id


async def test_days_say_what_each_round_came_to(world: World) -> None:
    customer = await world.customer()
    strategy_id = await written(world, customer, {})
    shown = json_of(await customer.get(f"/strategy/{strategy_id}/days"))
    (day,) = shown["items"]
    charges = day.pop("charges")
    assert day == {
        "strategy_id": str(strategy_id),
        "symbol": "TCS",
        "trading_day": "2026-11-23",
        "round": 1,
        "outcome": "sold",
        "outcome_detail": "sold 100 TCS",
        "quantity": 100,
        "entry_price": 1000,
        "exit_price": 1010,
        "gross": 1000,
        "net": Decimal("917.28"),
        "entry_lateness_ms": 3,
        "exit_lateness_ms": 4,
    }
    assert (charges["total"], charges["stt"], charges["schedule"]) == (
        Decimal("82.72"),
        25,
        "zerodha-2026-04-01",
    )


async def test_days_are_paged_newest_first_and_bounded_by_their_days(world: World) -> None:
    customer = await world.customer()
    days = [date(2026, 11, day) for day in (23, 24, 25, 26, 27)]
    await written(world, customer, *({"trading_day": day} for day in days))
    seen_days, cursor = [], None
    for _ in range(3):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = json_of(await customer.get("/account/days", params=query))
        seen_days += [item["trading_day"] for item in page["items"]]
        cursor = page["next"]
    assert (seen_days, cursor) == ([day.isoformat() for day in reversed(days)], None)
    bounded = json_of(await customer.get("/account/days?from=2026-11-24&to=2026-11-25"))
    assert [item["trading_day"] for item in bounded["items"]] == ["2026-11-25", "2026-11-24"]


async def test_a_page_that_cuts_a_day_shows_the_same_charges(world: World) -> None:
    customer = await world.customer()
    await written(world, customer, *({"product": "CNC", "trades": [("SELL", 100, "1010")]} for _ in range(3)))
    whole = json_of(await customer.get("/account/days"))["items"]
    first = json_of(await customer.get("/account/days?limit=1"))["items"]
    assert first == whole[:1]
    assert sum(item["charges"]["dp"] for item in whole) == Decimal("15.34")


async def test_a_strategy_shows_its_last_finished_round(world: World) -> None:
    customer = await world.customer()
    fresh = await customer.create()
    assert fresh["last_day"] is None
    strategy_id = await written(world, customer, {}, {"exit_price": Decimal(990), "outcome": "stop_loss"})
    days = json_of(await customer.get(f"/strategy/{strategy_id}/days"))["items"]
    assert json_of(await customer.get(f"/strategy/{strategy_id}"))["last_day"] == days[0]
    listed = {item["strategy_id"]: item for item in json_of(await customer.get("/strategy"))["items"]}
    assert listed[str(strategy_id)]["last_day"] == days[0]
    assert listed[fresh["strategy_id"]]["last_day"] is None


async def test_the_books_outlive_their_strategy(world: World) -> None:
    customer = await world.customer()
    strategy_id = await written(world, customer, {})
    assert (await customer.delete(f"/strategy/{strategy_id}")).status_code == 204
    assert (await customer.get(f"/strategy/{strategy_id}/days")).status_code == 404
    assert len(json_of(await customer.get("/account/days"))["items"]) == 1


async def test_a_report_as_json_has_the_rounds_and_the_sums(world: World) -> None:
    customer = await world.customer()
    await written(world, customer, {}, {"trading_day": date(2026, 12, 1)}, {"trading_day": date(2027, 2, 1)})
    report = json_of(await customer.get("/account/report?from=2026-11-01&to=2026-12-31"))
    assert (report["from"], report["to"]) == ("2026-11-01", "2026-12-31")
    assert [item["trading_day"] for item in report["items"]] == ["2026-11-23", "2026-12-01"]
    assert [month["month"] for month in report["by_month"]] == ["2026-11", "2026-12"]
    assert [(found["symbol"], found["rounds"]) for found in report["by_symbol"]] == [("NSE:TCS", 2)]
    assert report["total"] == {
        "rounds": 2,
        "unknown": 0,
        "turnover": 2000,
        "gross": 2000,
        "charges": Decimal("165.44"),
        "net": Decimal("1834.56"),
    }
    assert sum(item["net"] for item in report["items"]) == report["total"]["net"]


async def test_a_report_as_csv_has_one_row_for_each_round(world: World) -> None:
    customer = await world.customer()
    await written(world, customer, {}, {"trading_day": date(2035, 12, 3), "entry_price": None})
    answer = await customer.get("/account/report?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["trading_day"] for row in rows] == ["2026-11-23", "2035-12-03"]
    first = rows[0]
    assert (first["buy_date"], first["buy_value"], first["sell_value"]) == ("2026-11-23", "100000", "101000")
    assert (first["kind"], first["turnover"], first["charges"], first["net"]) == (
        "intraday",
        "1000",
        "82.72",
        "917.28",
    )
    assert (rows[1]["gross"], rows[1]["net"]) == ("", "")


async def test_a_report_states_the_isin_that_a_share_had_on_its_day(world: World) -> None:
    symbol = uuid4().hex[:12].upper()  # of this test alone: ISINs are the same for everybody
    old, new = "INE467B01029", "INE009A01021"
    isins = PostgresIsins(world.store)
    await isins.learn({("NSE", symbol): old}, date(2026, 11, 23))
    await isins.learn({("NSE", symbol): new}, date(2026, 11, 26))
    customer = await world.customer()
    days = [date(2026, 11, day) for day in (23, 25, 26)]
    shown = [{"symbol": symbol, "trading_day": day} for day in days]
    await written(world, customer, *shown, {"symbol": symbol, "exchange": "BSE"})
    isin = {
        (item["exchange"], item["trading_day"]): item["isin"]
        for item in json_of(await customer.get("/account/report"))["items"]
    }
    assert isin == {
        ("NSE", "2026-11-23"): old,
        ("NSE", "2026-11-25"): None,  # split on one of the days between
        ("NSE", "2026-11-26"): new,
        ("BSE", "2026-11-23"): None,  # it may be another company's
    }
    rows = csv.DictReader(io.StringIO((await customer.get("/account/report?format=csv")).text))
    assert {(row["exchange"], row["trading_day"]): row["isin"] or None for row in rows} == isin


async def test_an_empty_report_is_a_report(world: World) -> None:
    customer = await world.customer()
    report = json_of(await customer.get("/account/report"))
    assert (report["items"], report["total"]["rounds"]) == ([], 0)
    assert len((await customer.get("/account/report?format=csv")).text.splitlines()) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=1900-01-01", "from"),
        ("from=2026-12-01&to=2026-11-01", "to"),
    ],
)
@pytest.mark.parametrize("path", ["/account/days", "/account/report"])
async def test_a_bad_period_is_refused_and_named(world: World, path: str, query: str, field: str) -> None:
    answer = await (await world.customer()).get(f"{path}?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_rounds_of_before_come_from_the_order_log(postgres: PostgresServer) -> None:
    url = await postgres.empty_database()
    await upgrade_to(url, "0029")
    connection = await asyncpg.connect(url)
    user, strategy = uuid4(), uuid4()
    await connection.execute(
        "INSERT INTO users (user_id, email, password_hash) VALUES ($1, 'a@b.test', '')", user
    )
    await connection.execute(
        "INSERT INTO strategies (strategy_id, user_id, symbol, exchange, product, buy_time, sell_time, "
        "stop_loss, quantity, on_stop, status, position, outcome, outcome_detail, trading_day, round, "
        "bought_quantity, sold_quantity, entry_price, stopped_at) VALUES ($1, $2, 'TCS', 'NSE', 'CNC', "
        "'09:30', '15:00', 900, 10, 'exit', 'stopped', 'sold', 'stopped', 'by hand', '2026-11-25', 1, "
        "10, 10, 1000, '2026-11-25 10:00+05:30')",
        *(strategy, user),
    )
    orders = [
        (date(2026, 11, 23), 1, "entry", 1, "BUY", "BUY", 10, 1000, "2026-11-23T04:00:00.250Z"),
        (date(2026, 11, 23), 1, "exit", 1, "SELL", "STOPLOSS", 4, 950, "2026-11-23T05:00:00Z"),
        (date(2026, 11, 23), 1, "exit", 2, "SELL", "STOPLOSS", 6, 940, "2026-11-23T05:00:01Z"),
        (date(2026, 11, 24), 1, "entry", 1, "BUY", "BUY", 10, 1000, "2026-11-24T04:00:00Z"),
        (date(2026, 11, 25), 1, "exit", 1, "SELL", "STOP", 10, 1010, "2026-11-25T04:30:00Z"),
        (date(2026, 11, 26), 1, "entry", 1, "BUY", "BUY", 0, None, None),
    ]
    for day, round_, leg, attempt, side, reason, quantity, price, sent in orders:
        await connection.execute(
            "INSERT INTO orders (order_id, user_id, strategy_id, trading_day, round, leg, attempt, tag, "
            "exchange, symbol, product, side, reason, quantity, filled_quantity, average_price, status, "
            "due_at, sent_at, filled_at) VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, 'NSE', "
            "'TCS', 'CNC', $8, $9, $10, $10, $11, 'complete', date_trunc('second', $12::text::timestamptz), "
            "$12::text::timestamptz, $12::text::timestamptz)",
            *(
                user,
                strategy,
                day,
                round_,
                leg,
                attempt,
                uuid4().hex[:20],
                side,
                reason,
                quantity,
                price,
                sent,
            ),
        )
    await connection.execute(
        "INSERT INTO events (user_id, strategy_id, kind, text, data, once) VALUES "
        "($1, $2, 'started', '', '{\"round\": \"1\", \"trading_day\": \"2026-11-24\"}', 'a'), "
        "($1, $2, 'stopped', 'kept them', '{\"outcome\": \"kept\"}', 'b')",
        *(user, strategy),
    )
    await schema.upgrade(url)
    rows = await connection.fetch("SELECT * FROM strategy_days ORDER BY trading_day, round")
    await connection.close()
    assert [(row["trading_day"].day, row["outcome"], row["quantity"], row["sold"]) for row in rows] == [
        (23, "stop_loss", 10, 10),
        (24, "kept", 10, 0),
        (25, "stopped", 10, 10),
    ]
    assert [(row["entry_price"], row["exit_price"]) for row in rows] == [
        (1000, 944),
        (1000, None),
        (1000, 1010),
    ]
    assert (rows[0]["entry_lateness_ms"], rows[2]["outcome_detail"]) == (250, "by hand")
    assert (rows[0]["first_day"], rows[1]["last_day"]) == (date(2026, 11, 23), date(2026, 11, 24))


async def test_no_user_reads_the_books_of_another(world: World) -> None:
    mine, theirs = await world.customer(), await world.customer()
    strategy_id = await written(world, mine, {})
    assert json_of(await theirs.get("/account/days"))["items"] == []
    assert (await theirs.get(f"/strategy/{strategy_id}/days")).status_code == 404
    async with world.deps.store.read(await theirs.id()) as session:
        assert (await session.scalar(text("SELECT count(*) FROM strategy_days"))) == 0
