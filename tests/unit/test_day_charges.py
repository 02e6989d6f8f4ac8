"""A day of one symbol: STT to the rupee, the depository once, both shared out to the rounds."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.charge_schedule import FY_2026_27, TradeKind
from domain.charges import ExecutedOrder, charges_of
from domain.day_charges import charges_of_day, charges_of_round, settled, shared
from domain.order import Side

FEE = Decimal("15.34")


def cnc(side: Side, quantity: int, price: str = "1000") -> ExecutedOrder:
    return ExecutedOrder(TradeKind.DELIVERY, "NSE", side, quantity, Decimal(price))


def mis(side: Side, quantity: int, price: str = "1000") -> ExecutedOrder:
    return ExecutedOrder(TradeKind.INTRADAY, "NSE", side, quantity, Decimal(price))


def parts(orders: tuple[ExecutedOrder, ...]) -> list[tuple[str, str, int]]:
    return [(order.kind.value, order.side.value, order.quantity) for order in orders]


def test_shares_of_cnc_bought_and_sold_on_one_day_are_intraday() -> None:
    round_ = [cnc(Side.BUY, 100), cnc(Side.SELL, 100, "1010")]
    as_mis = [mis(Side.BUY, 100), mis(Side.SELL, 100, "1010")]
    assert charges_of_round(round_, FY_2026_27) == charges_of(as_mis, FY_2026_27)
    assert charges_of_day([round_], FY_2026_27)[0].dp == 0


def test_what_was_not_sold_on_the_day_is_delivered() -> None:
    (orders,) = settled([[cnc(Side.BUY, 100), cnc(Side.SELL, 60)]])
    assert parts(orders) == [("intraday", "BUY", 60), ("delivery", "BUY", 40), ("intraday", "SELL", 60)]


def test_a_round_counts_its_own_shares_first() -> None:
    kept, traded = [cnc(Side.BUY, 50)], [cnc(Side.BUY, 100), cnc(Side.SELL, 100)]
    first, second = settled([kept, traded])
    assert parts(first) == [("delivery", "BUY", 50)]
    assert parts(second) == [("intraday", "BUY", 100), ("intraday", "SELL", 100)]


def test_shares_sold_from_yesterday_and_bought_again_on_the_day_are_intraday_as_well() -> None:
    sold, bought = [cnc(Side.SELL, 80)], [cnc(Side.BUY, 50)]
    first, second = settled([sold, bought])
    assert parts(first) == [("intraday", "SELL", 50), ("delivery", "SELL", 30)]
    assert parts(second) == [("intraday", "BUY", 50)]


def test_an_order_that_is_split_pays_brokerage_for_its_intraday_part_alone() -> None:
    charges = charges_of_round([cnc(Side.BUY, 100), cnc(Side.SELL, 10)], FY_2026_27)
    assert charges.brokerage == 6  # 0.03 % of 10,000 rupees on both sides, of 100,000 rupees bought


@pytest.mark.parametrize(
    ("rounds", "stt"),
    [
        ([101], ["25"]),  # 25.25
        ([101, 101], ["25.50", "25.50"]),  # 50.50: half up
        ([102, 101], ["25.62", "25.38"]),  # 50.75 to 51: 25.6256… and the rest
        ([1], ["0"]),  # 0.25
        ([2], ["1"]),  # 0.50
        ([1, 1, 1], ["0.33", "0.33", "0.34"]),  # 0.75 to 1
    ],
)
def test_stt_is_rounded_once_a_day_and_shared_out_by_value(rounds: list[int], stt: list[str]) -> None:
    day = [[mis(Side.BUY, quantity), mis(Side.SELL, quantity)] for quantity in rounds]
    assert [charges.stt for charges in charges_of_day(day, FY_2026_27)] == [Decimal(part) for part in stt]


def test_the_depository_is_paid_once_and_shared_out_by_what_was_sold() -> None:
    day = [[cnc(Side.SELL, 10)], [mis(Side.BUY, 5), mis(Side.SELL, 5)], [cnc(Side.SELL, 20)]]
    assert [charges.dp for charges in charges_of_day(day, FY_2026_27)] == [
        Decimal("5.11"),
        Decimal(0),
        Decimal("10.23"),
    ]


def test_a_round_that_only_bought_pays_no_depository() -> None:
    day = [[cnc(Side.SELL, 10)], [cnc(Side.BUY, 5)]]
    assert [charges.dp for charges in charges_of_day(day, FY_2026_27)] == [FEE, Decimal(0)]


def test_nothing_by_weight_is_shared_by_nothing() -> None:
    assert shared(Decimal(5), [Decimal(0), Decimal(0)]) == [Decimal(0), Decimal(0)]
    assert charges_of_day([], FY_2026_27) == []


ORDERS = st.builds(
    lambda kind, side, quantity, paise: ExecutedOrder(kind, "NSE", side, quantity, Decimal(paise) / 100),
    st.sampled_from([TradeKind.DELIVERY, TradeKind.INTRADAY]),
    st.sampled_from(Side),
    st.integers(1, 500),
    st.integers(1, 500_000),
)
DAYS = st.lists(st.lists(ORDERS, max_size=4), max_size=4)


@given(DAYS)
def test_the_rounds_of_a_day_add_up_to_the_day(day: list[list[ExecutedOrder]]) -> None:
    rounds = charges_of_day(day, FY_2026_27)
    whole = charges_of([order for orders in settled(day) for order in orders], FY_2026_27)
    stt = sum((charges.stt for charges in rounds), Decimal(0))
    dp = sum((charges.dp for charges in rounds), Decimal(0))
    assert stt == stt.to_integral_value()
    assert abs(stt - whole.stt) <= Decimal("0.5")
    assert dp in (0, FEE)
    assert sum((charges.total for charges in rounds), Decimal(0)) == whole.total - whole.stt + stt + dp
    assert all(charges.stt >= 0 and charges.dp >= 0 for charges in rounds)


@given(DAYS)
def test_settling_loses_no_share(day: list[list[ExecutedOrder]]) -> None:
    for before, after in zip(day, settled(day), strict=True):
        for side in Side:
            assert sum(order.quantity for order in before if order.side is side) == sum(
                order.quantity for order in after if order.side is side
            )
