"""What a user reads of the books, on a real Postgres: days, reports, and nobody else's."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text

from adapters.postgres.book_tables import FinishedRoundRow
from adapters.postgres.engine import Store
from adapters.postgres.isins import PostgresIsins
from services.auth.passwords import Passwords
from tests.api_world import Customer, World, json_of, new_world
from tests.store_rows import just_now


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


async def test_no_user_reads_the_books_of_another(world: World) -> None:
    mine, theirs = await world.customer(), await world.customer()
    strategy_id = await written(world, mine, {})
    assert json_of(await theirs.get("/account/days"))["items"] == []
    assert (await theirs.get(f"/strategy/{strategy_id}/days")).status_code == 404
    async with world.deps.store.read(await theirs.id()) as session:
        assert (await session.scalar(text("SELECT count(*) FROM strategy_days"))) == 0
