"""Creating strategies, and refusing those that make no sense, in words that help."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from adapters.calendar.exchange import open_calendar
from adapters.kite.instruments import KiteInstruments
from adapters.postgres.all_tables import METADATA
from adapters.postgres.engine import Store
from adapters.process.clock import SystemClock
from domain.instrument import Segment
from services.auth.passwords import Passwords
from tests.api_world import MONDAY_0830, STRATEGY, Customer, World, json_of, new_world
from tests.fakes.calendar import Weekdays
from tests.paper_process import PaperProcess
from tests.postgres import PostgresServer


@pytest.fixture(scope="module")
async def shared(postgres: PostgresServer) -> AsyncIterator[Store]:
    """One database for the whole file: its tests add, and look at what is theirs."""
    store = Store.open(await postgres.new_database())
    yield store
    await store.close()


@pytest.fixture(scope="module")
async def registered(shared: Store, passwords: Passwords) -> Customer:
    return await new_world(shared, passwords).customer()


@pytest.fixture
async def world(shared: Store, passwords: Passwords) -> World:
    return new_world(shared, passwords)


@pytest.fixture
async def customer(world: World, registered: Customer) -> Customer:
    return Customer(world.http, registered.email, registered.tokens)


@pytest.fixture
async def exchange(world: World, passwords: Passwords) -> World:
    """A Monday morning at the exchange."""
    opened = new_world(world.store, passwords, calendar=Weekdays())
    opened.clock.at = MONDAY_0830
    return opened


async def test_created_strategy_is_answered_with_every_field_of_the_contract(
    world: World, customer: Customer
) -> None:
    created = await customer.create()
    assert created | {"strategy_id": "", "created_at": "", "warnings": []} == {
        "strategy_id": "",
        "symbol": "TCS",
        "exchange": "NSE",
        "product": "CNC",
        "buy_time": "09:30",
        "sell_time": "15:00",
        "stop_loss": Decimal("3500.05"),
        "quantity": 10,
        "on_stop": "exit",
        "terms": {
            "stop": None,
            "target": None,
            "trail": None,
            "lock": [],
            "amount": None,
            "risk": None,
            "entry": {"type": "market", "price": None, "buffer": None, "most": None, "for_seconds": None},
            "reenter": None,
            "repeat": None,
            "protect": "server",
        },
        "stop_price": Decimal("3500.05"),
        "target_price": None,
        "peak_price": None,
        "protection": None,
        "status": "created",
        "phase": None,
        "position": "none",
        "outcome": None,
        "outcome_detail": None,
        "trading_day": None,
        "buy_at": None,
        "sell_at": None,
        "workflow_id": None,
        "run_id": None,
        "last_price": None,
        "entry_price": None,
        "exit_price": None,
        "filled_quantity": 0,
        "pnl": None,
        "charges": None,
        "net_pnl": None,
        "repeat": None,
        "next_trading_day": None,
        "last_day": None,
        "mode": "paper",
        "warnings": [],
        "created_at": "",
        "started_at": None,
        "stopped_at": None,
    }
    assert json_of(await customer.get(f"/strategy/{created['strategy_id']}")) == created


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("3500.05", "3500.05"),
        ("3500", "3500"),
        ("3500.10", "3500.1"),
        ("0.05", "0.05"),
        ("35000e-1", "3500"),
        ("9999999.95", "9999999.95"),
        ("3500.0500000000002", "3500.05"),  # what a client that computes in floats sends
        ("3500.0499999999997", "3500.05"),
    ],
)
async def test_price_comes_back_with_exactly_its_digits(
    world: World, customer: Customer, sent: str, answered: str
) -> None:
    body = f'{{"symbol":"TCS","buy_time":"09:30","sell_time":"15:00:05","quantity":10,"stop_loss":{sent}}}'
    answer = await world.http.post("/strategy/create", content=body, headers=customer.bearer)
    assert answer.status_code == 201, answer.text
    assert f'"stop_loss":{answered},' in answer.text
    strategy_id = answer.json()["strategy_id"]
    for path in (f"/strategy/{strategy_id}", "/strategy"):
        assert f'"stop_loss":{answered},' in (await customer.get(path)).text


BAD: list[tuple[str, list[object]]] = [
    ("symbol", ["", " ", 5, None, "TCS; DROP", "T" * 41, "ТCS", ["TCS"], "TCS\u0000"]),
    ("buy_time", ["", "9:30", "09:60", "24:00", "09:30:60", "0930", 930, None, "09:30+05:30", "09:30\n"]),
    ("sell_time", ["15:00:00.5", "later", True]),
    ("stop_loss", [0, -1, "3500", True, None, "abc", [], {}, 10_000_001, 1e300, 1e-9, 3500.07]),
    ("quantity", [0, -5, 1.5, 10.0, "10", True, None, 10_000_001, 10**30]),
    ("exchange", ["MCX", "nse", None, 1]),
    ("product", ["BO", "cnc", None]),
    ("on_stop", ["sell", None, False]),
]


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD for value in values])
async def test_bad_value_is_refused_and_named(customer: Customer, field: str, value: object) -> None:
    answer = await customer.post("/strategy/create", STRATEGY | {field: value})
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["status"] == 422
    assert {error["field"] for error in problem["errors"]} == {field}
    assert all(error["code"] and error["message"] for error in problem["errors"])


@pytest.mark.parametrize("field", ["symbol", "buy_time", "sell_time", "stop_loss", "quantity"])
async def test_missing_field_is_named(world: World, customer: Customer, field: str) -> None:
    body = {name: value for name, value in STRATEGY.items() if name != field}
    answer = await customer.post("/strategy/create", body)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, "missing")]


async def test_every_column_is_refused_as_a_field_that_a_client_may_not_set(
    world: World, customer: Customer
) -> None:
    columns = {column.name for table in METADATA.tables.values() for column in table.columns}
    for name in sorted(columns - set(STRATEGY) - {"exchange", "product", "on_stop"}):
        answer = await customer.post("/strategy/create", STRATEGY | {name: "x"})
        assert answer.status_code == 422, name
        assert [error["field"] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-0", "0e0", "1" * 5000])
async def test_number_that_is_no_price_is_refused(world: World, customer: Customer, number: str) -> None:
    body = f'{{"symbol":"TCS","buy_time":"09:30","sell_time":"15:00","quantity":10,"stop_loss":{number}}}'
    answer = await world.http.post("/strategy/create", content=body, headers=customer.bearer)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 15_000, b'{"symbol":"\\ud800"}']
)
async def test_body_that_is_no_json_object_is_refused(world: World, customer: Customer, body: bytes) -> None:
    answer = await world.http.post("/strategy/create", content=body, headers=customer.bearer)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_request_over_16_kib_is_refused_with_and_without_a_length(
    world: World, customer: Customer
) -> None:

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 1024

    for content in (b" " * 20_000, chunks()):
        answer = await world.http.post("/strategy/create", content=content, headers=customer.bearer)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_everything_that_is_wrong_is_named_at_once(exchange: World) -> None:
    customer = await exchange.customer()
    body = {
        "symbol": "NIFTY26DECFUT",
        "exchange": "NFO",
        "product": "CNC",
        "quantity": 10,
        "stop_loss": 24000.05,
        "buy_time": "08:00",
        "sell_time": "15:00",
        "on_stop": "burn",
        "colour": "red",
    }
    answer = await customer.post("/strategy/create", body)
    found = {error["field"]: error["message"] for error in answer.json()["errors"]}
    assert set(found) == {"product", "quantity", "stop_loss", "buy_time", "on_stop", "colour"}
    assert found["product"] == "must be NRML or MIS for NIFTY26DECFUT"
    assert found["quantity"] == "must be a multiple of the lot of NIFTY26DECFUT, 75: 75, 150, 225 …"
    assert found["stop_loss"] == "must be a multiple of the tick of NIFTY26DECFUT, 0.1: 24000 or 24000.1"
    assert "from 09:15 and before 15:40" in found["buy_time"]


async def test_unknown_symbol_suggests_what_was_meant(world: World, customer: Customer) -> None:
    answer = await customer.post("/strategy/create", STRATEGY | {"symbol": "TSC"})
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("symbol", "unknown_symbol")
    assert "did you mean TCS?" in error["message"]


@pytest.mark.parametrize(
    ("tick", "lot", "wrong"),
    [("0.05", 0, "lot size is 0"), (0, 1, "tick size is 0"), ("", 1, "tick size is empty")],
)
async def test_symbol_at_which_the_brokers_list_is_wrong_is_refused_by_name(
    world: World, customer: Customer, passwords: Passwords, tick: object, lot: int, wrong: str
) -> None:
    with PaperProcess() as paper:
        paper.row("/instruments", [1, 1, "ODD", "ODD", 0, "", 0, tick, lot, "EQ", "NSE", "NSE"])
        real = KiteInstruments(paper.url, SystemClock())
        over_paper = await new_world(world.store, passwords, instruments=real).customer()
        answer = await over_paper.post("/strategy/create", STRATEGY | {"symbol": "ODD"})
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["field"], error["code"]) == ("symbol", "unreadable_symbol")
        assert "ODD cannot be traded now" in error["message"]
        assert wrong in error["message"]
        await over_paper.create(stop_loss=3500)


async def test_start_refuses_a_symbol_at_which_the_brokers_list_has_become_wrong(world: World) -> None:
    trader = await world.trader()
    created = await trader.create()
    world.instruments.unreadable = {"TCS"}
    started = await trader.start(created["strategy_id"])
    assert started.status_code == 422
    assert started.json()["errors"][0]["code"] == "unreadable_symbol"


async def test_share_that_cannot_be_sold_on_the_day_it_is_bought_is_refused_with_the_reason(
    world: World, customer: Customer
) -> None:
    answer = await customer.post("/strategy/create", STRATEGY | {"symbol": "SUZLON-BE"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("symbol", "trade_to_trade")
    assert "series BE" in error["message"]
    assert "cannot be sold on that day" in error["message"]
    await customer.create(symbol="BAJAJ-AUTO")


async def test_start_refuses_a_quantity_that_is_no_lot_any_more(world: World) -> None:
    trader = await world.trader()
    created = await trader.create(
        symbol="NIFTY26DECFUT", exchange="NFO", product="NRML", quantity=75, stop_loss=24000
    )
    world.instruments.listed = [
        replace(row, lot_size=65) if row.symbol == "NIFTY26DECFUT" else row
        for row in world.instruments.listed
    ]
    started = await trader.start(created["strategy_id"])
    assert started.status_code == 422
    (error,) = started.json()["errors"]
    assert (error["field"], error["code"]) == ("quantity", "not_a_lot")
    assert "65, 130, 195" in error["message"]
    assert world.runs.started == []


async def test_index_cannot_be_bought(world: World, customer: Customer) -> None:
    answer = await customer.post("/strategy/create", STRATEGY | {"symbol": "NIFTY 50"})
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("symbol", "not_tradable")


async def test_symbol_with_an_ampersand_or_in_small_letters_is_understood(
    world: World, customer: Customer
) -> None:
    assert (await customer.create(symbol=" m&m "))["symbol"] == "M&M"


async def test_buy_time_must_come_before_sell_time(world: World, customer: Customer) -> None:
    for buy_time, sell_time in (("15:00", "15:00"), ("15:00:01", "15:00")):
        answer = await customer.post(
            "/strategy/create", STRATEGY | {"buy_time": buy_time, "sell_time": sell_time}
        )
        assert [error["field"] for error in answer.json()["errors"]] == ["sell_time"]


async def test_example_of_the_seed_is_accepted_and_says_when_it_will_sell(exchange: World) -> None:
    customer = await exchange.trader()
    created = await customer.create(sell_time="15:30", stop_loss=3500)
    assert any("15:14" in warning for warning in created["warnings"])
    started = json_of(await customer.start(created["strategy_id"]))
    assert datetime.fromisoformat(started["sell_at"]) == datetime(2026, 11, 23, 9, 44, tzinfo=UTC)
    assert any("15:14" in warning for warning in started["warnings"])


async def test_stop_loss_above_the_last_price_is_accepted_with_a_warning(
    world: World, customer: Customer
) -> None:
    world.prices.price = Decimal("3499.95")
    warnings = (await customer.create(stop_loss=3500))["warnings"]
    assert len(warnings) == 1
    assert "3500 is not below the last price 3499.95" in warnings[0]
    world.prices.price = Decimal("3500.05")
    assert (await customer.create(stop_loss=3500))["warnings"] == []


async def test_create_says_try_again_when_no_symbols_are_known(world: World, customer: Customer) -> None:
    world.instruments.away = True
    answer = await customer.post("/strategy/create", STRATEGY)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    wrong = await customer.post("/strategy/create", STRATEGY | {"quantity": 0})
    assert wrong.status_code == 422


async def test_created_strategy_is_deleted_and_gone(world: World, customer: Customer) -> None:
    created = await customer.create()
    path = f"/strategy/{created['strategy_id']}"
    assert (await customer.delete(path)).status_code == 204
    assert (await customer.get(path)).status_code == 404
    assert (await customer.delete(path)).status_code == 404


def test_weekdays_of_this_test_agree_with_the_real_calendar() -> None:
    real = open_calendar("XNSE")
    day = date(2026, 11, 23)
    for segment in (Segment.CASH, Segment.CASH_CAS):
        assert real.session(day, segment) == Weekdays().session(day, segment)
