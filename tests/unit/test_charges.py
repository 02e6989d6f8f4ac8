"""What trades cost: worked examples, the rates of each kind, and the paper exchange's own sums."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.charge_schedule import FY_2026_27, SCHEDULES, TradeKind, schedule_on
from domain.charges import Charges, ExecutedOrder, charges_of, trade_kind
from domain.day_charges import charges_of_day
from domain.money import PAISA
from domain.order import Side
from domain.strategy import Product
from paper.charges import charges as paper_charges
from paper.instruments import Instrument

KINDS = list(TradeKind)


def order(kind: TradeKind, side: Side, quantity: int, price: str, exchange: str = "NSE") -> ExecutedOrder:
    return ExecutedOrder(kind, exchange, side, quantity, Decimal(price))


def round_trip(kind: TradeKind, exchange: str = "NSE") -> list[ExecutedOrder]:
    """Buy for 100,000 rupees, sell for 101,000."""
    return [
        order(kind, Side.BUY, 100, "1000", exchange),
        order(kind, Side.SELL, 100, "1010", exchange),
    ]


def charged(kind: TradeKind, exchange: str = "NSE") -> Charges:
    return charges_of(round_trip(kind, exchange), FY_2026_27)


@pytest.mark.parametrize(
    ("kind", "total"),
    [
        (TradeKind.DELIVERY, "223.52"),
        (TradeKind.INTRADAY, "82.97"),
        (TradeKind.FUTURES, "104.28"),
        (TradeKind.OPTIONS, "286.21"),
    ],
)
def test_a_round_trip_of_each_kind_costs_what_the_broker_publishes(kind: TradeKind, total: str) -> None:
    assert charged(kind).total.quantize(PAISA) == Decimal(total)
    assert charged(kind).in_paise().total == Decimal(total)


def test_an_intraday_round_trip_part_by_part() -> None:
    assert charged(TradeKind.INTRADAY) == Charges(
        brokerage=Decimal(40),
        stt=Decimal("25.25"),
        exchange=Decimal("6.1707"),
        sebi=Decimal("0.201"),
        stamp=Decimal(3),
        gst=Decimal("8.346906"),
        dp=Decimal(0),
        total=Decimal("82.968606"),
        schedule="zerodha-2026-04-01",
    )


@pytest.mark.parametrize(
    ("kind", "total"),
    [
        (TradeKind.INTRADAY, "82.72"),
        (TradeKind.FUTURES, "104.78"),
        (TradeKind.OPTIONS, "286.71"),
    ],
)
def test_a_day_rounds_stt_to_the_rupee(kind: TradeKind, total: str) -> None:
    (day,) = charges_of_day([round_trip(kind)], FY_2026_27)
    assert day.total.quantize(PAISA) == Decimal(total)


def test_shares_held_overnight_cost_delivery_and_the_depository_once() -> None:
    bought, sold = round_trip(TradeKind.DELIVERY)
    first, second = (charges_of_day([[one]], FY_2026_27)[0] for one in (bought, sold))
    assert (first.dp, second.dp) == (Decimal(0), Decimal("15.34"))
    assert (first.total + second.total).quantize(PAISA) == Decimal("223.52") + Decimal("15.34")


@pytest.mark.parametrize(
    ("kind", "exchange", "expected"),
    [
        (TradeKind.DELIVERY, "BSE", "7.5375"),
        (TradeKind.INTRADAY, "BSE", "7.5375"),
        (TradeKind.FUTURES, "BFO", "0"),
        (TradeKind.OPTIONS, "BFO", "65.325"),
        (TradeKind.FUTURES, "NFO", "3.6783"),
        (TradeKind.OPTIONS, "NFO", "71.4153"),
    ],
)
def test_each_exchange_has_its_own_fee(kind: TradeKind, exchange: str, expected: str) -> None:
    assert charged(kind, exchange).exchange == Decimal(expected)


def test_brokerage_has_its_cap_by_order() -> None:
    small = order(TradeKind.INTRADAY, Side.BUY, 10, "1000")  # 10,000 rupees: 3
    large = order(TradeKind.INTRADAY, Side.SELL, 1000, "1000")
    assert charges_of([small], FY_2026_27).brokerage == 3
    assert charges_of([large], FY_2026_27).brokerage == 20
    assert charges_of([small, large, large], FY_2026_27).brokerage == 43


def test_an_option_costs_the_same_brokerage_whatever_it_is_worth() -> None:
    cheap = order(TradeKind.OPTIONS, Side.BUY, 75, "0.05")
    assert charges_of([cheap], FY_2026_27).brokerage == 20
    assert charges_of([order(TradeKind.OPTIONS, Side.BUY, 0, "1")], FY_2026_27).brokerage == 0


def test_nothing_traded_costs_nothing() -> None:
    assert charges_of([], FY_2026_27).total == 0


def test_the_parts_of_an_answer_add_up_to_its_total() -> None:
    paise = charges_of([order(TradeKind.INTRADAY, Side.SELL, 7, "333.35")], FY_2026_27).in_paise()
    parts = (paise.brokerage, paise.stt, paise.exchange, paise.sebi, paise.stamp, paise.gst, paise.dp)
    assert paise.total == sum(parts)
    assert all(part == part.quantize(PAISA) for part in parts)


def test_a_day_before_the_oldest_table_has_no_charges_at_all() -> None:
    assert schedule_on(date(2026, 3, 31)) is None
    assert schedule_on(date(2026, 4, 1)) is FY_2026_27
    assert schedule_on(date(2030, 1, 1)) is SCHEDULES[-1]


def test_the_tables_are_in_the_order_of_their_days_and_complete() -> None:
    assert list(SCHEDULES) == sorted(SCHEDULES, key=lambda schedule: schedule.since)
    assert all(set(schedule.rates) == set(TradeKind) for schedule in SCHEDULES)


@pytest.mark.parametrize(
    ("exchange", "symbol", "product", "kind"),
    [
        ("NSE", "TCS", Product.CNC, TradeKind.DELIVERY),
        ("BSE", "TCS", Product.MIS, TradeKind.INTRADAY),
        ("NFO", "NIFTY26DECFUT", Product.NRML, TradeKind.FUTURES),
        ("NFO", "NIFTY26DEC26000CE", Product.MIS, TradeKind.OPTIONS),
        ("BFO", "SENSEX26DEC85000PE", Product.NRML, TradeKind.OPTIONS),
        ("NSE", "RELIANCE", Product.CNC, TradeKind.DELIVERY),  # a share whose symbol ends in CE
        ("NFO", "SOMETHING", Product.NRML, None),
        ("MCX", "GOLD26DECFUT", Product.NRML, None),
    ],
)
def test_a_symbol_says_how_it_is_charged(
    exchange: str, symbol: str, product: Product, kind: TradeKind | None
) -> None:
    assert trade_kind(exchange, symbol, product) is kind


PAPER_KINDS = {
    TradeKind.DELIVERY: "EQ",
    TradeKind.INTRADAY: "EQ",
    TradeKind.FUTURES: "FUT",
    TradeKind.OPTIONS: "CE",
}


@given(
    st.sampled_from(KINDS),
    st.booleans(),
    st.sampled_from(Side),
    st.integers(1, 100_000),
    st.integers(1, 10_000_000),
)
def test_the_paper_exchange_charges_the_same(
    kind: TradeKind, at_nse: bool, side: Side, quantity: int, paise: int
) -> None:
    shares = kind in (TradeKind.DELIVERY, TradeKind.INTRADAY)
    exchange = ("NSE" if at_nse else "BSE") if shares else ("NFO" if at_nse else "BFO")
    product = {TradeKind.DELIVERY: "CNC", TradeKind.INTRADAY: "MIS"}.get(kind, "NRML")
    listed = Instrument(1, "X", "X", exchange, exchange, 100, 5, kind=PAPER_KINDS[kind])
    theirs = paper_charges(listed, product, side.value, quantity, paise)
    own = charges_of([ExecutedOrder(kind, exchange, side, quantity, Decimal(paise) / 100)], FY_2026_27)
    assert {
        "transaction_tax": float(own.stt),
        "exchange_turnover_charge": float(own.exchange),
        "sebi_turnover_charge": float(own.sebi),
        "brokerage": float(own.brokerage),
        "stamp_duty": float(own.stamp),
        "total": float(own.total),
    } == pytest.approx({name: theirs[name] for name in theirs if name not in ("transaction_tax_type", "gst")})
    assert theirs["gst"]["total"] == pytest.approx(float(own.gst))
