"""Rows of the broker's holdings that no paper exchange sends: odd, half readable, or under another name."""

from typing import Any

import pytest

from adapters.kite import mapping as rows
from domain.errors import BrokerUnavailable
from tests.contract.odd_rows import broken

HOLDING_ROW = {
    "exchange": "NSE",
    "tradingsymbol": "TCS",
    "quantity": 10,
    "used_quantity": 4,
    "t1_quantity": 7,
}


def test_holdings_are_what_was_there_before_today_delivered_or_not_sold_or_not() -> None:
    other = {**HOLDING_ROW, "tradingsymbol": "ITC"}
    assert rows.holdings([other, HOLDING_ROW], "NSE", "TCS") == 17
    assert rows.holdings([other], "NSE", "TCS") == 0


ISIN = {"isin": "INE467B01029"}
BSE_ROW = {**HOLDING_ROW, "exchange": "BSE"}


@pytest.mark.parametrize(
    ("listed", "sellable"),
    [
        ([BSE_ROW], 17),  # bought on BSE: the same share lies in the demat account
        ([{**BSE_ROW, **ISIN}], 17),
        ([{**HOLDING_ROW, **ISIN}, {**BSE_ROW, **ISIN, "quantity": 0}], 24),  # T1 in a row of its own
        (
            [{**HOLDING_ROW, **ISIN}, {**BSE_ROW, **ISIN, "tradingsymbol": "TCS-A"}],
            34,
        ),  # another symbol there
        ([HOLDING_ROW, BSE_ROW], 17),  # nothing says that they are one
        ([{**HOLDING_ROW, **ISIN}, {**BSE_ROW, "isin": "INE000X01011"}], 17),  # another company
        ([{**HOLDING_ROW, "quantity": 0}], 7),
        ([{**HOLDING_ROW, "quantity": 17, "realised_quantity": 10}], 17),  # T1 is in it already
        ([{**HOLDING_ROW, "realised_quantity": 10}], 17),
        ([{**HOLDING_ROW, "product": "MTF"}], 0),
        ([{**HOLDING_ROW, "exchange": "NFO"}], 0),
        ([{**HOLDING_ROW, "tradingsymbol": " TCS "}], 17),
    ],
)
def test_a_share_is_held_under_whichever_exchange_it_is_listed(
    listed: list[dict[str, Any]], sellable: int
) -> None:
    assert rows.holdings(listed, "NSE", "TCS") == sellable


@pytest.mark.parametrize(
    ("listed", "isins"),
    [
        ([HOLDING_ROW], {}),
        ([{**HOLDING_ROW, **ISIN}], {("NSE", "TCS"): "INE467B01029"}),
        ([{**HOLDING_ROW, **ISIN, "quantity": None}], {("NSE", "TCS"): "INE467B01029"}),
        (
            [{**HOLDING_ROW, **ISIN}, {**BSE_ROW, **ISIN}],
            dict.fromkeys([("NSE", "TCS"), ("BSE", "TCS")], "INE467B01029"),
        ),
        ([{**HOLDING_ROW, "isin": "INE467B01028"}], {}),  # its check digit is wrong
        ([{**HOLDING_ROW, "isin": "INE467B0102"}], {}),
        ([{**HOLDING_ROW, "isin": 467}, None, "TCS"], {}),
        ([{**HOLDING_ROW, **ISIN}, {**HOLDING_ROW, "isin": "INE009A01021"}], {}),  # one of them is wrong
        ([{**HOLDING_ROW, **ISIN, "exchange": "NFO"}], {}),
        ([{**HOLDING_ROW, **ISIN, "tradingsymbol": "T\x00S"}], {}),
    ],
)
def test_holdings_state_isins_and_none_is_made_up(
    listed: list[Any], isins: dict[tuple[str, str], str]
) -> None:
    assert rows.holdings_of(listed, []).isins == isins


@pytest.mark.parametrize(
    "bad",
    [
        {**BSE_ROW, "quantity": None},
        {**BSE_ROW, **ISIN, "tradingsymbol": "TCS-A", "t1_quantity": "7"},
        {**HOLDING_ROW, "quantity": -1},
        {**HOLDING_ROW, "quantity": 1e30},
    ],
)
def test_an_unreadable_row_of_the_share_under_any_name_is_not_zero(bad: dict[str, Any]) -> None:
    with pytest.raises(BrokerUnavailable, match="TCS"):
        rows.holdings([bad, {**HOLDING_ROW, **ISIN}], "NSE", "TCS")


def test_an_unreadable_holding_of_another_share_costs_nothing() -> None:
    others = list(broken({**HOLDING_ROW, "tradingsymbol": "ITC"}, ("exchange", "quantity", "t1_quantity")))
    assert rows.holdings([*others, HOLDING_ROW], "NSE", "TCS") == 17


def test_an_unreadable_holding_is_not_zero() -> None:
    for bad in (*broken(HOLDING_ROW, ("exchange", "tradingsymbol", "quantity", "t1_quantity")), None):
        with pytest.raises(BrokerUnavailable, match="TCS"):
            rows.holdings([bad, HOLDING_ROW], "NSE", "TCS")
