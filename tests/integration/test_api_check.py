"""What a START would come to, asked before it: the numbers, the warnings, and that nothing is written."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.calendar.exchange import open_calendar
from adapters.kite.egress import Egress
from adapters.postgres.engine import Store
from domain.budget import ENTRIES
from domain.strategy_check import CheckResult
from services.auth.passwords import Passwords
from tests.api_world import MONDAY_0830, STRATEGY, Customer, World, json_of, new_world
from tests.postgres import PostgresServer

PRICE = Decimal("3571.4")
ENOUGH = CheckResult(PRICE, Decimal("35714"), Decimal(100_000))
FUTURES = {"symbol": "NIFTY26DECFUT", "exchange": "NFO", "product": "NRML", "quantity": 150}


@pytest.fixture(scope="module")
async def shared(postgres: PostgresServer) -> AsyncIterator[Store]:
    store = Store.open(await postgres.new_database())
    yield store
    await store.close()


@pytest.fixture
async def world(shared: Store, passwords: Passwords) -> World:
    made = new_world(shared, passwords, open_calendar("XNSE"))
    made.clock.at = MONDAY_0830
    made.checks.result = ENOUGH
    return made


@pytest.fixture
async def customer(world: World) -> Customer:
    return await world.trader()


async def asked(customer: Customer, **changed: Any) -> httpx.Response:
    return await customer.post("/strategy/check", STRATEGY | changed)


async def checked(customer: Customer, **changed: Any) -> dict[str, Any]:
    answer = await asked(customer, **changed)
    assert answer.status_code == 200, answer.text
    return dict(json_of(answer))


async def test_a_check_says_what_the_start_would_come_to(world: World, customer: Customer) -> None:
    found = await checked(customer, stop_loss=3500, target={"percent": 3})
    charges, away = found.pop("charges_estimate"), found.pop("while_away")
    assert away.startswith("This server alone watches the stop")
    assert found == {
        "symbol": "TCS",
        "exchange": "NSE",
        "mode": "paper",
        "buy_at": "2026-11-23T09:30:00+05:30",
        "sell_at": "2026-11-23T15:00:00+05:30",
        "last_price": PRICE,
        "quantity": 10,
        "amount": 35714,
        "stop_price": 3500,
        "target_price": Decimal("3678.5"),  # 3678.542, down to the tick
        "risk": 714,
        "margin": {"required": 35714, "available": 100_000, "short": 0},
        "warnings": [],
    }
    # Bought and sold on one day: intraday, whatever the product.
    assert charges["brokerage"] == Decimal("21.43")
    assert charges["stt"] == Decimal("8.93")
    assert (charges["dp"], charges["schedule"]) == (0, "zerodha-2026-04-01")
    parts = sum(charges[name] for name in charges.keys() - {"total", "schedule"})
    assert charges["total"] == parts


async def test_nothing_is_written(world: World, customer: Customer) -> None:
    async def rows() -> list[int]:
        tables = ("strategies", "starts", "audit", "used_strategy_ids")
        async with world.store.read() as session:
            return [(await session.scalar(text(f"SELECT count(*) FROM {table}"))) or 0 for table in tables]  # noqa: S608

    before = await rows()
    await checked(customer)
    assert await rows() == before
    assert (await customer.get("/strategy")).json()["items"] == []


async def test_what_a_create_refuses_a_check_refuses_in_the_same_words(customer: Customer) -> None:
    wrong = {"symbol": "TCX", "quantity": 0, "stop_loss": "3500", "colour": "red", "buy_time": "9:30"}
    answers = [await customer.post(f"/strategy/{call}", STRATEGY | wrong) for call in ("create", "check")]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (FUTURES | {"quantity": 80, "stop_loss": 25900}, "not_a_lot"),
        ({"symbol": "SUZLON-BE", "product": "MIS"}, "trade_to_trade"),
        ({"symbol": "TCS", "product": "NRML"}, "product_does_not_fit"),
    ],
)
async def test_what_could_never_trade_is_refused_as_at_its_creation(
    customer: Customer, changed: dict[str, Any], code: str
) -> None:
    assert (await asked(customer, **changed)).json()["code"] == code


async def test_a_stop_measured_from_the_fill_stands_where_the_last_price_puts_it(customer: Customer) -> None:
    found = await checked(customer, stop_loss=None, stop={"percent": 1}, trail={"by": {"points": 20}})
    # One percent below is 3535.70 (3535.686, up to the tick); the trail, from that price on, is higher.
    assert (found["stop_price"], found["risk"]) == (Decimal("3551.4"), 200)


async def test_missing_funds_are_said_with_their_numbers(world: World, customer: Customer) -> None:
    world.checks.result = replace(ENOUGH, available=Decimal("20000.5"))
    found = await checked(customer)
    assert found["margin"] == {
        "required": 35714,
        "available": Decimal("20000.5"),
        "short": Decimal("15713.5"),
    }
    [warning] = found["warnings"]
    assert "needs 35714.00 rupees at Zerodha and 20000.50 are available: 15713.50 are missing" in warning


@pytest.mark.parametrize(
    "result",
    [
        CheckResult(PRICE, problem="Zerodha did not answer in time"),
        CheckResult(PRICE, available=Decimal(5), problem="Zerodha did not answer in time"),
        CheckResult(PRICE, required=Decimal(5), problem="Zerodha did not answer in time"),
    ],
)
async def test_a_margin_that_is_not_known_is_null_and_said(
    world: World, customer: Customer, result: CheckResult
) -> None:
    world.checks.result = result
    found = await checked(customer)
    assert found["margin"] is None
    assert found["amount"] == 35714
    [warning] = found["warnings"]
    assert "is not known: Zerodha did not answer in time" in warning


async def test_a_worker_that_is_away_leaves_the_margin_unknown(world: World, customer: Customer) -> None:
    world.checks.away = True
    world.prices.price = PRICE
    found = await checked(customer)
    assert (found["margin"], found["last_price"]) == (None, PRICE)
    [warning] = found["warnings"]
    assert "not known" in warning


async def test_a_price_that_is_not_known_leaves_what_depends_on_it_null(
    world: World, customer: Customer
) -> None:
    world.checks.result = replace(ENOUGH, last_price=None)
    found = await checked(customer, stop_loss=None, stop={"percent": 1}, target={"price": 3600})
    unknown = ("last_price", "amount", "stop_price", "risk", "charges_estimate")
    assert [found[name] for name in unknown] == [None] * 5
    assert (found["quantity"], found["target_price"]) == (10, 3600)
    assert found["margin"]["short"] == 0
    assert [words[:30] for words in found["warnings"]] == ["The last price of TCS is not k"]


async def test_a_known_price_is_not_asked_for_again(world: World, customer: Customer) -> None:
    world.prices.price = PRICE
    await checked(customer)
    assert [request.last_price for request in world.checks.asked] == [PRICE]
    world.prices.away = True
    await checked(customer)
    assert world.checks.asked[-1].last_price is None


async def test_without_a_broker_account_it_still_answers(world: World) -> None:
    stranger = await world.customer()
    found = await checked(stranger)
    assert world.checks.asked == []
    assert (found["margin"], found["last_price"], found["quantity"]) == (None, None, 10)
    [warning] = found["warnings"]
    assert "No broker account is connected" in warning


async def test_a_login_that_ends_before_the_buy_is_said(world: World) -> None:
    world.clock.at = datetime(2026, 11, 25, 12, tzinfo=UTC)  # 17:30: the next day's buy is after 06:00
    customer = await world.trader()
    found = await checked(customer)
    assert found["buy_at"] == "2026-11-26T09:30:00+05:30"
    [warning] = found["warnings"]
    ends = "The login at Zerodha ends at 06:00 on 2026-11-26 (exchange time), before the buy"
    assert warning.startswith(ends)
    world.clock.at = datetime(2026, 11, 26, 3, tzinfo=UTC)
    ended, unknown, price = (await checked(customer))["warnings"]
    assert price.startswith("The last price of TCS is not known")
    assert ended.startswith("The login at Zerodha has ended: log in again before 09:30 on 2026-11-26")
    assert "is not known: the login at Zerodha has ended" in unknown
    assert len(world.checks.asked) == 1, "a login that has ended is not asked with"


async def test_a_stop_and_a_target_the_price_has_passed_are_said(world: World, customer: Customer) -> None:
    stop = (await checked(customer, stop_loss=3600))["warnings"]
    target = (await checked(customer, target={"price": 3571.4}))["warnings"]
    assert [len(stop), len(target)] == [1, 1]
    assert "The stop_loss 3600 is not below the last price 3571.4" in stop[0]
    assert "The target 3571.4 is not above the last price 3571.4" in target[0]


async def test_an_account_without_market_data_is_said(world: World) -> None:
    world.kite.quotes = False
    trader = await world.trader()
    [warning] = (await checked(trader))["warnings"]
    assert "no market data" in warning


async def test_own_entries_of_the_same_second_are_counted(world: World, customer: Customer) -> None:
    for _ in range(5 * ENTRIES.a_second):
        assert (await checked(customer))["warnings"] == []
        await customer.running()
    [warning] = (await checked(customer))["warnings"]
    assert f"{5 * ENTRIES.a_second + 1} of your orders are due at 09:30" in warning
    assert (await checked(await world.trader()))["warnings"] == []


async def test_a_start_that_is_refused_now_is_said(world: World, customer: Customer) -> None:
    await customer.post("/account/kill-switch", {"on": True, "exits": "keep", "reason": "holiday"})
    [warning] = (await checked(customer))["warnings"]
    assert warning.startswith("START is refused at present. Your kill switch is on")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"order_quantity": 9}, ["your limit for one order is 9 shares"]),
        ({"order_value": 35713.99}, ["your limit for the value of one order is 35713.99"]),
        ({"symbols": ["INFY"]}, ["not on your list of allowed symbols"]),
        ({"order_quantity": 10, "order_value": 35714, "symbols": ["TCS"]}, []),
    ],
)
async def test_limits_of_ones_own_that_would_bar_it_are_said(
    customer: Customer, limits: dict[str, Any], words: list[str]
) -> None:
    nothing = dict.fromkeys(("order_quantity", "order_value", "daily_loss", "symbols"))
    answer = await customer.http.put("/account/limits", json=nothing | limits, headers=customer.bearer)
    assert answer.status_code == 200, answer.text
    warnings = (await checked(customer))["warnings"]
    assert [part in warning for part, warning in zip(words, warnings, strict=True)] == [True] * len(words)


async def test_times_that_will_be_changed_are_said_as_at_the_start(customer: Customer) -> None:
    found = await checked(customer, sell_time="15:30")
    assert found["sell_at"] == "2026-11-23T15:14:00+05:30"
    [warning] = found["warnings"]
    assert "15:14" in warning


async def test_live_is_live(shared: Store, passwords: Passwords) -> None:
    live = new_world(shared, passwords, egress=Egress(live=True))
    live.clock.at = MONDAY_0830
    customer = await live.customer()
    found = await checked(customer)
    assert found["mode"] == "live"
    assert found["warnings"][0].startswith("START is refused at present. Live trading is off")
    assert live.checks.asked == []


async def test_futures_are_charged_as_futures(world: World, customer: Customer) -> None:
    world.checks.result = CheckResult(Decimal(26000), Decimal(585_000), Decimal(600_000))
    found = await checked(customer, **FUTURES, stop_loss=25900)
    assert found["amount"] == 3_900_000
    assert found["charges_estimate"]["brokerage"] == 40
    assert found["charges_estimate"]["stt"] == 1950
    assert found["margin"]["short"] == 0


async def test_a_start_is_told_of_missing_funds_as_the_check_is(world: World, customer: Customer) -> None:
    world.checks.result = replace(ENOUGH, available=Decimal(20_000))
    foreseen = await checked(customer)
    started = await customer.running()
    assert started["warnings"] == foreseen["warnings"] != []
    again = json_of(await customer.get(f"/strategy/{started['strategy_id']}"))
    assert again["warnings"] == [], "what may soon be otherwise is not kept"


@pytest.mark.parametrize(
    "result", [CheckResult(PRICE, problem="Zerodha did not answer in time"), CheckResult(), ENOUGH]
)
async def test_a_start_says_nothing_of_a_margin_that_is_not_short(
    world: World, customer: Customer, result: CheckResult
) -> None:
    world.checks.result = result
    assert (await customer.running())["warnings"] == []


async def test_a_start_goes_on_without_the_part_that_may_ask(world: World, customer: Customer) -> None:
    world.checks.away = True
    assert (await customer.running())["warnings"] == []


async def test_many_starts_ask_for_the_margin_once(world: World, customer: Customer) -> None:
    for _ in range(3):
        await customer.running()
    assert len(world.checks.asked) == 1
    await (await world.trader()).running()
    assert len(world.checks.asked) == 2


async def test_a_start_just_before_its_buy_leaves_the_account_alone(world: World, customer: Customer) -> None:
    world.clock.at = datetime(2026, 11, 23, 3, 59, 30, tzinfo=UTC)
    assert (await customer.running())["status"] == "running"
    assert world.checks.asked == []


@pytest.mark.parametrize(
    ("size", "shares"),
    [
        ({"amount": 50000}, 13),  # a share may cost up to 3589.30, the last price and its band of 0.5 %
        ({"risk": 1000}, 11),  # and loses 89.25 down to the stop at 3500.05
    ],
)
async def test_a_size_in_rupees_is_checked_as_the_shares_it_buys(
    customer: Customer, size: dict[str, int], shares: int
) -> None:
    found = await checked(customer, quantity=None, **size)
    assert (found["quantity"], found["amount"]) == (shares, PRICE * shares)


async def test_a_limit_is_checked_at_its_price(customer: Customer) -> None:
    found = await checked(customer, quantity=None, amount=50000, entry={"type": "limit", "price": 3550})
    assert found["quantity"] == 14


async def test_too_little_money_for_one_share_is_refused_with_what_would_be_enough(
    world: World, customer: Customer
) -> None:
    limit = {"type": "limit", "price": 3550}
    for path in ("/strategy/check", "/strategy/create"):
        answer = await customer.post(path, STRATEGY | {"quantity": None, "amount": 3549, "entry": limit})
        (wrong,) = json_of(answer)["errors"]
        assert (wrong["field"], wrong["code"]) == ("amount", "below_one_lot")
        assert "takes 3550.00" in wrong["message"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "nothing sells. Sell in Zerodha's own app then."),
        ({"protect": "server"}, "nothing sells. Sell in Zerodha's own app then."),
        ({"protect": "exchange"}, "a stop that is to move wait until they are back."),
        ({"protect": "exchange", "exchange": "BSE"}, "below that limit, it does not sell either."),
    ],
)
async def test_check_and_start_say_what_a_dead_server_cannot_do(
    customer: Customer, changed: dict[str, str], said: str
) -> None:
    """It is so of every strategy: no warning, which would be the same one each time."""
    found = await checked(customer, **changed)
    assert found["while_away"].endswith(said)
    assert found["warnings"] == []
    started = await customer.running(**changed)
    assert started["while_away"] == found["while_away"]
    assert started["warnings"] == []


async def test_a_stop_at_the_exchange_is_not_offered_with_real_orders(
    shared: Store, passwords: Passwords
) -> None:
    live = new_world(shared, passwords, egress=Egress(live=True))
    live.clock.at = MONDAY_0830
    answer = await asked(await live.customer(), protect="exchange")
    assert answer.status_code == 422
    [wrong] = answer.json()["errors"]
    assert (wrong["field"], wrong["code"]) == ("protect", "not_offered")
    assert wrong["message"].startswith("cannot be exchange with real orders")
